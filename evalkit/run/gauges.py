"""What the engines count while a run goes on: shown in the live line, kept for the manifest."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping

from msgspec import Struct, field

from evalkit.errors import BackendError
from evalkit.protocols import Backend, Gauged
from evalkit.run.progress import Progress
from evalkit.types import JsonValue

EVERY_S = 5.0
_COUNTERS = ("prompt_tokens", "generation_tokens", "prefix_queries", "prefix_hits")

Reading = Mapping[str, float]
"""One look at an engine; `at` is its Unix time in seconds, counters only grow."""


class Watched(Struct):
    """One engine's first and last reading, and the most it had at a time."""

    first: Reading
    last: Reading
    most: dict[str, float] = field(default_factory=dict)

    def add(self, reading: Reading) -> None:
        """Takes a newer reading in."""
        self.last = reading
        for name in ("running", "waiting"):
            self.most[name] = max(self.most.get(name, 0.0), reading.get(name, 0.0))

    def summary(self) -> dict[str, JsonValue]:
        """What the engine did between the first and the last reading; rates in tokens per second."""
        seconds = self.last["at"] - self.first["at"]
        grown = {name: self.last[name] - self.first.get(name, 0.0) for name in _COUNTERS if name in self.last}
        found: dict[str, JsonValue] = {"seconds": round(seconds, 1)}
        for name in ("prompt_tokens", "generation_tokens"):
            if name in grown:
                found[name] = round(grown[name])
                found[f"{name}_per_s"] = round(grown[name] / seconds, 1) if seconds > 0 else None
        if grown.get("prefix_queries"):
            found["prefix_cache_hit_share"] = round(grown.get("prefix_hits", 0.0) / grown["prefix_queries"], 4)
        return found | {f"most_{name}": round(value) for name, value in self.most.items()}


def line(before: Reading, now: Reading) -> str:
    """Two readings in a few words.

    >>> line({"at": 0.0, "generation_tokens": 0.0}, {"at": 5.0, "generation_tokens": 600.0, "running": 32.0})
    'engine: 120 tokens/s, 32 running'
    """
    seconds = now["at"] - before["at"]
    parts = []
    if "generation_tokens" in now and seconds > 0:
        parts.append(f"{(now['generation_tokens'] - before.get('generation_tokens', 0.0)) / seconds:,.0f} tokens/s")
    parts += [f"{now[name]:.0f} {name}" for name in ("running", "waiting") if now.get(name)]
    queries = now.get("prefix_queries", 0.0) - before.get("prefix_queries", 0.0)
    if queries > 0:
        hits = now.get("prefix_hits", 0.0) - before.get("prefix_hits", 0.0)
        parts.append(f"{100 * hits / queries:.0f} % of prompt tokens from the prefix cache")
    return f"engine: {', '.join(parts)}" if parts else ""


@contextlib.asynccontextmanager
async def watching(backends: Iterable[Backend], progress: Progress) -> AsyncIterator[dict[str, Watched]]:
    """Looks at every engine now, every few seconds and at the end; yields what it has seen, by engine."""
    engines = {b.engine_key: b for b in backends if isinstance(b, Gauged)}
    seen: dict[str, Watched] = {}
    task = asyncio.create_task(_watch(engines, seen, progress)) if engines else None
    try:
        yield seen
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await _look(engines, seen, progress)


async def _watch(engines: Mapping[str, Gauged], seen: dict[str, Watched], progress: Progress) -> None:
    while True:
        await _look(engines, seen, progress)
        await asyncio.sleep(EVERY_S)


async def _look(engines: Mapping[str, Gauged], seen: dict[str, Watched], progress: Progress) -> None:
    said = []
    for key, engine in engines.items():
        reading: Reading = {}
        with contextlib.suppress(BackendError):  # a look that fails is no reason to stop a run
            reading = await engine.gauges()
        if not reading:
            continue
        if key not in seen:
            seen[key] = Watched(first=reading, last=reading)
        else:
            said.append(line(seen[key].last, reading))
        seen[key].add(reading)
    progress.engine = "; ".join(filter(None, said))
