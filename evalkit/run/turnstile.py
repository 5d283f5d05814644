"""The way to one endpoint: who sends next, when, and when it is given up.

A turnstile is open unless the endpoint refuses (then requests leave at the limiter's pace, in order) or seems to be
down (then one request at a time tries, after a pause). Both sides share a turnstile when they share an endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evalkit.errors import (
    BackendError,
    NotRecorded,
    Overloaded,
    RateLimited,
    RecordedError,
    Retryable,
    ServerDown,
)
from evalkit.protocols import Clock
from evalkit.run.limiter import Pace

BREAKER = 20
"""Failed attempts in a row, refusals aside, after which the server counts as down."""
COOLING_S = (2.0, 4.0, 8.0, 16.0)
"""Seconds before each try to reach it again; when the last one fails, so does the run."""
DOWN_S = 60.0
"""After so long, no further try is made: with attempts that time out, even one of them takes minutes."""
REFUSED_S = 1800.0
"""Seconds of nothing but refusals after which the run ends; three times the longest pause a server may ask for."""
TOLD_S = 5.0
"""Pauses from this length on are told to the person waiting."""


class Turnstile:
    """Lets requests to one endpoint pass. One event loop, one thread."""

    def __init__(self, clock: Clock, name: str, on_note: Callable[[str], None]) -> None:
        self.pace = Pace(clock.monotonic())
        self.newest_answered = 0
        """The highest number of a request that was answered: the server was well after it was sent."""
        self._clock = clock
        self._name = name
        self._on_note = on_note
        self._turn = asyncio.Lock()
        self._failed_in_a_row = 0
        self._tries = 0
        self._down_since: float | None = None
        self._try_at = 0.0
        self._probe: int | None = None
        """The number of the one request that tries a server which is down; it holds the turn until its reply."""
        self._answered_at = clock.monotonic()

    @property
    def is_open(self) -> bool:
        """Nobody has to wait."""
        return self.pace.is_free and self._down_since is None and not self._turn.locked()

    async def wait(self) -> int:
        """Returns once the caller may send; the number is to be given back with what becomes of the request."""
        await self._turn.acquire()
        try:
            while (seconds := self._wait_s()) > 0.0:
                await self._clock.sleep(seconds)
            number = self.enter()
        except BaseException:
            self._turn.release()
            raise
        if self._down_since is None:
            self._turn.release()
        else:
            self._probe = number
        return number

    def enter(self) -> int:
        """Like `wait`, at once; only while it is open."""
        return self.pace.send(self._clock.monotonic())

    def leave(self, number: int) -> None:
        """Request `number` is over, however; after `answered` or `failed` where it came to that."""
        if number == self._probe:
            self._probe = None
            self._turn.release()

    def answered(self, number: int) -> None:
        """Request `number` was answered."""
        self.newest_answered = max(self.newest_answered, number)
        self._failed_in_a_row = 0
        self._answered_at = self._clock.monotonic()
        self.pace.take()
        if self._down_since is not None:
            self._down_since = None
            self._on_note(f"{self._name} answers again")

    def failed(self, number: int, error: BackendError, *, is_odd_one_out: bool) -> ServerDown | None:
        """An attempt failed; why the run should end, if it should. An odd one out says nothing about the server."""
        if isinstance(error, RateLimited) or (isinstance(error, Overloaded) and error.retry_after_s is not None):
            return self._refused(number, error.retry_after_s)
        self.pace.take()
        now = self._clock.monotonic()
        if self._down_since is not None:
            return self._still_down(error, now) if number == self._probe else None
        if is_odd_one_out or isinstance(error, NotRecorded | RecordedError):
            return None
        self._failed_in_a_row += 1
        if self._failed_in_a_row < BREAKER:
            return None
        if not isinstance(error, Retryable):
            return ServerDown(f"{BREAKER} attempts in a row failed, the last one with: {error}")
        self._down_since, self._tries = now, 0
        self._cool(error, now)
        return None

    def _refused(self, number: int, asked_s: float | None) -> ServerDown | None:
        now = self._clock.monotonic()
        if number == self._probe:
            self._down_since = None  # a server that refuses is up
        pause_s = self.pace.refuse(number, asked_s, now)
        if pause_s is None:
            return None
        if now - self._answered_at > REFUSED_S:
            return ServerDown(f"{self._name} refused every request for {REFUSED_S / 60:.0f} minutes (rate limit)")
        if pause_s >= TOLD_S:
            self._on_note(f"{self._name} is at its rate limit: waiting {pause_s:.0f} s, as it asked")
        return None

    def _still_down(self, error: BackendError, now: float) -> ServerDown | None:
        down_s = now - (self._down_since or now)
        if self._tries >= len(COOLING_S) or down_s > DOWN_S or not isinstance(error, Retryable):
            return ServerDown(
                f"{BREAKER} attempts in a row failed, and {self._tries} more in the {down_s:.0f} s after that, "
                f"the last one with: {error}"
            )
        self._cool(error, now)
        return None

    def _cool(self, error: BackendError, now: float) -> None:
        pause_s = COOLING_S[self._tries]
        self._tries += 1
        self._try_at = now + pause_s
        self._on_note(f"{self._name} seems to be down ({error}); trying again in {pause_s:.0f} s")

    def _wait_s(self) -> float:
        now = self._clock.monotonic()
        cooling_s = 0.0 if self._down_since is None else self._try_at - now
        return max(cooling_s, self.pace.wait_s(now))
