"""What the engine keeps at hand: of each side of a part, and of each request on its way."""

from __future__ import annotations

from msgspec import Struct

from evalkit.errors import BackendError
from evalkit.protocols import Backend
from evalkit.run.progress import SideProgress
from evalkit.run.turnstile import Turnstile
from evalkit.types import Failure, Price, Request


class Lane(Struct, frozen=True, kw_only=True):
    """What the engine needs of one side of a part, at hand."""

    backend: Backend
    turnstile: Turnstile
    counters: SideProgress
    price: Price | None
    is_recorded: bool
    """Its answers are at hand already and cost nothing any more."""

    @property
    def is_unknown(self) -> bool:
        """Nothing was heard of its model yet in this session."""
        return not (self.is_recorded or self.counters.fresh or self.counters.is_proven)


class Case(Struct, kw_only=True):
    """One request on its way to an outcome. Changes with each attempt."""

    request: Request
    attempts: int = 0
    failed_number: int = 0
    """The number of its last failed attempt."""
    is_odd_one_out: bool = False
    error: BackendError | None = None
    failure: Failure | None = None
    """What the last attempt came to."""
