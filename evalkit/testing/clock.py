"""Time that passes only when everybody is waiting for it: an hour of pauses takes milliseconds."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class VirtualClock:
    """A clock for tests: `sleep` returns in order of waking time, without waiting in real time.

    Time moves when no other step of the event loop is ready to run, and then straight to the next sleeper. So it
    suits code whose every wait is a sleep on this clock or on another task; a real socket's answer would come late.
    One instance belongs to one event loop.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._pump: asyncio.Task[None] | None = None
        self.slept: list[float] = []
        """Every pause asked for, in order of asking."""

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed

    def time(self) -> float:
        """Unix time: the start plus what has elapsed."""
        return self._start + self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Returns once the clock stands `seconds` later; equal times wake in order of asking."""
        self.slept.append(seconds)
        waking = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + max(0.0, seconds), next(self._order), waking))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._advance())
        await waking

    async def _advance(self) -> None:
        # asyncio offers no public "is anything else ready?"; its ready queue is the exact answer.
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined] # noqa: SLF001 - see the line above
        while self._sleepers:
            await asyncio.sleep(0)
            if ready:
                continue
            when, _, waking = heapq.heappop(self._sleepers)
            if waking.done():  # its task was cancelled meanwhile, and a cancelled sleep moves no clock
                continue
            self._elapsed = when
            waking.set_result(None)
