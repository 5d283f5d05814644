"""What a run has spent so far, against the caps the user set."""

from __future__ import annotations

from msgspec import Struct

from evalkit.errors import BudgetReached
from evalkit.types import Price


class Limits(Struct, frozen=True, kw_only=True):
    """What a run may spend. None = no cap."""

    concurrency: int
    timeout_s: float
    max_requests: int | None = None
    max_tokens: int | None = None
    max_usd: float | None = None


class Spending:
    """Counts sends, tokens and money. Asked before each send, so that only what is in flight can go over a cap."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._is_capped = any(cap is not None for cap in (limits.max_requests, limits.max_tokens, limits.max_usd))
        self._sends = 0
        self._tokens = 0
        self._usd = 0.0

    def add(self, earlier: Spending) -> None:
        """What an earlier phase of the same run has spent counts against the same caps."""
        self._sends += earlier._sends
        self._tokens += earlier._tokens
        self._usd += earlier._usd

    def send(self) -> None:
        """One more request leaves."""
        self._sends += 1

    def answer(self, input_tokens: int, output_tokens: int, price: Price | None) -> float:
        """An answer came: what it cost, in USD; without a price nothing that is known."""
        self._tokens += input_tokens + output_tokens
        usd = 0.0 if price is None else (input_tokens * price.input + output_tokens * price.output) / 1e6
        self._usd += usd
        return usd

    def reached(self) -> BudgetReached | None:
        """The cap that forbids another send, if there is one."""
        if not self._is_capped:
            return None
        for name, used, cap in (
            ("--max-requests", self._sends, self._limits.max_requests),
            ("--max-tokens", self._tokens, self._limits.max_tokens),
            ("--max-usd", self._usd, self._limits.max_usd),
        ):
            if cap is not None and used >= cap:
                return BudgetReached(f"{name} {cap:g} is reached; resume with a higher cap to go on")
        return None
