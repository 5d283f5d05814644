"""The way to one endpoint: who sends next, when, and when it is given up.

A turnstile is open unless the endpoint refuses (then requests leave at the limiter's pace, in order) or seems to be
down (then one request at a time tries, after a pause). Both sides share a turnstile when they share an endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from evalkit.errors import (
    AuthFailed,
    BackendError,
    ContentFiltered,
    ContextTooLong,
    ExecutionError,
    NotRecorded,
    Overloaded,
    RateLimited,
    RecordedError,
    Retryable,
    ServerDown,
)
from evalkit.protocols import Clock
from evalkit.run.limiter import Pace
from evalkit.run.plan import Side
from evalkit.run.progress import Progress, Wait
from evalkit.run.retry import JITTER, LONGEST_ASKED_S

BREAKER = 20
"""Failed attempts in a row, refusals aside, after which the server counts as down."""
COOLING_S = (2.0, 4.0, 8.0, 16.0)
"""Seconds before each try to reach it again; when the last one fails, so does the run."""
DOWN_S = 60.0
"""After so long, no further try is made: with attempts that time out, even one of them takes minutes."""
REFUSED_S = 1800.0
"""Seconds of nothing but refusals after which the run ends; three times the longest pause a server may ask for."""
_OF_THE_SAMPLE = (ContextTooLong, ContentFiltered, NotRecorded, RecordedError)
"""What says something about one prompt and nothing about the server, however many prompts meet it."""
TOLD_S = 5.0
"""Pauses from this length on are told to the person waiting."""


def place_of(side: Side) -> str | int:
    """What sides must share to share a turnstile: an endpoint. An engine of evalkit's own is a place of its own."""
    return side.identity.endpoint or id(side.backend)


def place_name(role: str, sides: Mapping[str, Side]) -> str:
    """The place of `role`'s side for people: "baseline and candidate (http://127.0.0.1:8000/v1)"."""
    endpoint = sides[role].identity.endpoint
    there = " and ".join(name for name, side in sides.items() if place_of(side) == place_of(sides[role]))
    return f"{there} ({endpoint})" if endpoint else there


class Turnstile:
    """Lets requests to one endpoint pass. One event loop, one thread."""

    def __init__(self, clock: Clock, name: str, progress: Progress) -> None:
        self.pace = Pace(clock.monotonic())
        self.newest_answered = 0
        """The highest number of a request that was answered: the server was well after it was sent."""
        self._clock = clock
        self._name = name
        self._progress = progress
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
        self._answered_at = self._clock.monotonic()
        self.pace.take()
        self._is_up()

    def _is_up(self) -> None:
        self._failed_in_a_row = 0
        if self._down_since is not None:
            self._down_since = None
            self._progress.waits.pop(self._name, None)
            self._progress.on_note(f"{self._name}: the server answers again")

    def rest(self, error: BackendError, seconds: float) -> None:
        """Tells the person waiting that the next attempt here is `seconds` away, because of `error`."""
        now = self._clock.time()
        known = self._progress.waits.get(self._name)
        same_s = max(TOLD_S, JITTER * seconds)
        is_told = known is not None and now < known.until and now + seconds < known.until + same_s
        if seconds >= TOLD_S and not is_told:
            self._progress.wait(self._name, Wait(until=now + seconds, why=why_wait(error)))

    def failed(self, number: int, error: BackendError, *, is_odd_one_out: bool) -> ExecutionError | None:
        """An attempt failed; why the run should end, if it should. An odd one out says nothing about the server."""
        if isinstance(error, AuthFailed):
            self.pace.take()
            return ExecutionError(f"{self._name}: the server refused access: {error}")
        if isinstance(error, RateLimited) or (isinstance(error, Overloaded) and error.retry_after_s is not None):
            return self._refused(number, error)
        self.pace.take()
        now = self._clock.monotonic()
        if self._down_since is not None:
            return self._tried(error, now) if number == self._probe else None
        is_telling = not (is_odd_one_out or isinstance(error, _OF_THE_SAMPLE))
        self._failed_in_a_row += is_telling
        if not is_telling or self._failed_in_a_row < BREAKER:
            return None
        if not isinstance(error, Retryable):
            return ServerDown(f"{self._name}: {BREAKER} attempts in a row failed, the last one with: {error}")
        self._down_since, self._tries = now, 0
        self._cool(error, now)
        return None

    def _refused(self, number: int, error: RateLimited | Overloaded) -> ServerDown | None:
        now = self._clock.monotonic()
        if number == self._probe:
            self._down_since = None  # a server that refuses is up
        is_news = self.pace.refuse(number, error.retry_after_s, now) is not None
        if is_news and now - self._answered_at > REFUSED_S:
            return ServerDown(
                f"{self._name}: the server refused every request for {REFUSED_S / 60:.0f} minutes (rate limit), "
                f"the last one with: {error}"
            )
        self.rest(error, self.pace.wait_s(now))
        return None

    def _tried(self, error: BackendError, now: float) -> ServerDown | None:
        if isinstance(error, ContextTooLong | ContentFiltered):
            self._is_up()  # it read the prompt
            return None
        down_s = now - (self._down_since or now)
        if self._tries >= len(COOLING_S) or down_s > DOWN_S or not isinstance(error, Retryable):
            return ServerDown(
                f"{self._name}: {BREAKER} attempts in a row failed, and {self._tries} more in the "
                f"{down_s:.0f} s after that, the last one with: {error}"
            )
        self._cool(error, now)
        return None

    def _cool(self, error: BackendError, now: float) -> None:
        pause_s = COOLING_S[self._tries]
        self._tries += 1
        self._try_at = now + pause_s
        why = f"the server seems to be down ({error})"
        self._progress.wait(self._name, Wait(until=self._clock.time() + pause_s, why=why))

    def _wait_s(self) -> float:
        now = self._clock.monotonic()
        cooling_s = 0.0 if self._down_since is None else self._try_at - now
        return max(cooling_s, self.pace.wait_s(now))


def why_wait(error: BackendError) -> str:
    """Why another attempt has to wait after `error`, in words.

    >>> why_wait(RateLimited("slow down", retry_after_s=7200.0))
    'the server asked for 7200 s (429), of which evalkit waits 600 s'
    """
    if not isinstance(error, RateLimited | Overloaded):
        return f"the last attempt failed ({error})"
    status = error.status or "overloaded"
    if error.retry_after_s is None:
        return f"the server refuses for now ({status})"
    most = f", of which evalkit waits {LONGEST_ASKED_S:.0f} s" if error.retry_after_s > LONGEST_ASKED_S else ""
    return f"the server asked for {error.retry_after_s:.0f} s ({status}){most}"
