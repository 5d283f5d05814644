"""The real clock behind `protocols.Clock`."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Time as the machine tells it."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    def time(self) -> float:
        """Unix time in seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""
        await asyncio.sleep(seconds)
