"""What a run has spent so far, against the caps the user set."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from evalkit.errors import BudgetReached
from evalkit.types import Price, Request, Usage

CHARACTERS_PER_TOKEN = 3.0
"""English has about four; taking fewer makes the estimate a high one."""
TOKENS_PER_TURN = 5.0


class Limits(Struct, frozen=True, kw_only=True):
    """What a run may spend. None = no cap."""

    concurrency: int
    timeout_s: float
    max_requests: int | None = None
    max_tokens: int | None = None
    max_usd: float | None = None


class Spending:
    """Counts what one session of a run sends: the check at its start, both sides, batches and judges.

    Asked before each send, so that only what is in flight can go over a cap.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._is_capped = any(cap is not None for cap in (limits.max_requests, limits.max_tokens, limits.max_usd))
        self._sends = 0
        self._tokens = 0
        self._usd = 0.0

    def commit(self, outlay: Outlay) -> None:
        """Counts what batches will take at most. Raises BudgetReached, and counts nothing, where a cap forbids it."""
        caps = self._limits
        for name, used, wanted, cap, words in (
            ("--max-requests", self._sends, outlay.requests, caps.max_requests, f"{outlay.requests:,} requests"),
            ("--max-tokens", self._tokens, outlay.tokens, caps.max_tokens, f"up to {outlay.tokens:,} tokens"),
            ("--max-usd", self._usd, outlay.usd, caps.max_usd, f"up to {outlay.usd:,.2f} USD"),
        ):
            if cap is not None and wanted > 0 and used + wanted > cap:
                raise BudgetReached(
                    f"{name} {plainly(cap)} would not hold: the batches come to {words} (prompts estimated, every "
                    f"answer as long as max_tokens allows){' on top of what is spent by now' if used else ''}, and a "
                    "batch cannot be stopped half-way; nothing more was submitted"
                )
        self._sends += outlay.requests
        self._tokens += outlay.tokens
        self._usd += outlay.usd

    def send(self) -> None:
        """One more request leaves."""
        self._sends += 1

    def answer(self, request: Request, usage: Usage, price: Price | None) -> float:
        """An answer came: what it cost in USD, as the report counts it; 0 where that is not known.

        The caps count an answer without token counts at the most it may have taken: unknown is not nothing.
        """
        usd = None if price is None else price.usd(usage)
        if self._is_capped:
            counted = usage
            if usage.input_tokens is None or usage.output_tokens is None:
                asked, said = most_tokens(request)
                counted = Usage(
                    input_tokens=round(asked) if usage.input_tokens is None else usage.input_tokens,
                    output_tokens=said if usage.output_tokens is None else usage.output_tokens,
                )
            self._tokens += (counted.input_tokens or 0) + (counted.output_tokens or 0)
            self._usd += 0.0 if price is None else price.usd(counted) or 0.0
        return usd or 0.0

    def reached(self, sends: int = 1) -> BudgetReached | None:
        """The cap that forbids so many more sends, if there is one."""
        if not self._is_capped:
            return None
        for name, used, cap in (
            ("--max-requests", self._sends + sends - 1, self._limits.max_requests),
            ("--max-tokens", self._tokens, self._limits.max_tokens),
            ("--max-usd", self._usd, self._limits.max_usd),
        ):
            if cap is not None and used >= cap:
                return BudgetReached(f"{name} {plainly(cap)} is reached; resume with a higher cap to go on")
        return None


class Outlay(Struct, frozen=True, kw_only=True):
    """What a batch will take at most, estimated before it is submitted: once it is, no cap can stop it half-way."""

    requests: int = 0
    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Outlay) -> Outlay:
        """Both together."""
        return Outlay(
            requests=self.requests + other.requests, tokens=self.tokens + other.tokens, usd=self.usd + other.usd
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


def most_tokens(request: Request) -> tuple[float, int]:
    """(tokens of the prompt, estimated on the high side; tokens of the longest answer allowed)."""
    asked = sum(len(turn.content) / CHARACTERS_PER_TOKEN + TOKENS_PER_TURN for turn in request.messages)
    return asked, request.params.max_tokens


def plainly(cap: float) -> str:
    """A cap as a person would write it.

    >>> plainly(2_500_000), plainly(0.00001), plainly(5.0)
    ('2,500,000', '0.00001', '5')
    """
    return f"{cap:,}" if isinstance(cap, int) else f"{cap:,.9f}".rstrip("0").rstrip(".")
