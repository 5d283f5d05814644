"""What a batch will take at most, estimated before it is submitted: once it is, no cap can stop it half-way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from msgspec import Struct, structs

from evalkit.errors import BudgetReached
from evalkit.run.spending import Limits, most_tokens, plainly
from evalkit.types import Price, Request


class Outlay(Struct, frozen=True, kw_only=True):
    """Requests, tokens and USD."""

    requests: int = 0
    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Outlay) -> Self:
        """Both together."""
        return type(self)(
            requests=self.requests + other.requests, tokens=self.tokens + other.tokens, usd=self.usd + other.usd
        )

    def refuse_above(self, limits: Limits) -> None:
        """Raises BudgetReached when this is more than a cap allows."""
        for name, wanted, cap, words in (
            ("--max-requests", self.requests, limits.max_requests, f"{self.requests:,} requests"),
            ("--max-tokens", self.tokens, limits.max_tokens, f"up to {self.tokens:,} tokens"),
            ("--max-usd", self.usd, limits.max_usd, f"up to {self.usd:,.2f} USD"),
        ):
            if cap is not None and wanted > cap:
                raise BudgetReached(
                    f"{name} {plainly(cap)} would not hold: the batches come to {words} (prompts estimated, every "
                    "answer as long as max_tokens allows), and a batch cannot be stopped half-way; nothing more was "
                    "submitted"
                )

    def taken_from(self, limits: Limits) -> Limits:
        """What is left of the caps, never less than nothing."""
        return structs.replace(
            limits,
            max_requests=_less(limits.max_requests, self.requests),
            max_tokens=_less(limits.max_tokens, self.tokens),
            max_usd=None if limits.max_usd is None else max(0.0, limits.max_usd - self.usd),
        )


def outlay_of(requests: Iterable[Request], price: Price | None) -> Outlay:
    """What these take at most: prompts estimated on the high side, answers as long as they may be."""
    count, asked, said = 0, 0.0, 0
    for request in requests:
        count += 1
        prompt, answer = most_tokens(request)
        asked += prompt
        said += answer
    usd = 0.0 if price is None else (asked * price.input + said * price.output) / 1e6
    return Outlay(requests=count, tokens=round(asked) + said, usd=usd)


def _less(cap: int | None, taken: int) -> int | None:
    return None if cap is None else max(0, cap - taken)
