"""How the workers of a run begin: one request a side that is still unknown, then a few, then all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from evalkit.protocols import Clock

SCOUTING_S = 1.0
"""The others wait no longer for the first replies: a wrong key is refused sooner, a long answer may take minutes."""
AT_FIRST = 16
RAMP_S = 0.05
"""Then so many workers start at once and their number doubles every so many seconds: a server with a rate limit can
refuse the first few before the many are sent."""

Work = Callable[[int | None], Coroutine[None, None, None]]
"""One worker's work: so many requests, or None for as many as there are."""


async def hire(workers: list[asyncio.Task[None]], work: Work, *, size: int, scouts: int, clock: Clock) -> None:
    """Fills `workers` up to `size` and returns when all have ended.

    The first `scouts` of them go ahead with one request each: what all requests would meet (a wrong key, a model that
    is not there) is met once and not `AT_FIRST` times.
    """
    if scouts:
        await _scout(workers, work, min(scouts, size), clock)
    wanted = AT_FIRST
    while len(workers) < size:
        count = min(wanted, size) - len(workers)
        workers += [asyncio.create_task(work(None)) for _ in range(count)]
        wanted *= 2
        if len(workers) < size:
            await clock.sleep(RAMP_S)
    await asyncio.wait(workers)


async def _scout(workers: list[asyncio.Task[None]], work: Work, count: int, clock: Clock) -> None:
    """Starts so many workers; returns once each is through with its first request, or has taken its time."""
    left, are_back = count, asyncio.Event()

    async def ahead() -> None:
        nonlocal left
        try:
            await work(1)
        finally:
            left -= 1
            if not left:
                are_back.set()
        await work(None)

    workers += [asyncio.create_task(ahead()) for _ in range(count)]
    waiting = [asyncio.create_task(are_back.wait()), asyncio.create_task(clock.sleep(SCOUTING_S))]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
