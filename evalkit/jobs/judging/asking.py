"""Asking a judge by itself, outside of a run: by the same engine, cache and rules of reading."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from evalkit.errors import ExecutionError
from evalkit.jobs.running.asking import Asking
from evalkit.jobs.running.sides import opened
from evalkit.judging.grade import Grade, grade
from evalkit.judging.read import judgments
from evalkit.judging.seal import sealed
from evalkit.judging.spec import Item, JudgeSpec, Judgment
from evalkit.run.clock import SystemClock
from evalkit.run.interrupts import stopping
from evalkit.run.judging import Panel, both_orders
from evalkit.run.progress import Progress
from evalkit.run.spending import Limits
from evalkit.store.cache import Cache
from evalkit.store.home import home, make_private
from evalkit.store.journal import Journal
from evalkit.types import Failure

TIMEOUT_S = 300.0
WORST = 0.5
"""Share of questions without any reply from which on nothing is said about the judge: it is down, not bad."""


class Judged(Struct, frozen=True, kw_only=True):
    """What a judge said about some items."""

    spec: JudgeSpec
    """Sealed with what its models proved."""
    judgments: Mapping[str, tuple[Judgment, ...]]
    """By item id; of a pair both orders."""
    anew: Mapping[str, tuple[Judgment, ...]] = field(default_factory=dict)
    """Of the items asked a second time, past any cache."""

    def grades(self, found: Mapping[str, Sequence[Judgment]]) -> dict[str, Grade]:
        """The grades of one of the two."""
        return {name: grade(self.spec, each) for name, each in found.items()}


def ask_judge(spec: JudgeSpec, items: Iterable[Item], progress: Progress, anew: Iterable[Item] = ()) -> Judged:
    """Every item put to the judge; blocks until it is done.

    Answers come from the cache where they are known, except to `anew`, which are put a second time. Raises
    ExecutionError where the judge cannot be reached or hardly replies, and Interrupted; what was answered is cached.
    """
    first = {item.id: item for item in items}
    second = {item.id: item for item in anew}
    return asyncio.run(_asked(spec, tuple(first.values()), tuple(second.values()), progress))


async def _asked(spec: JudgeSpec, first: Sequence[Item], anew: Sequence[Item], progress: Progress) -> Judged:
    make_private(home())
    cache = Cache(home() / "cache.sqlite", on_trouble=progress.on_note)
    try:
        with tempfile.TemporaryDirectory(dir=home(), prefix="judge-") as folder:
            async with opened(spec.members, TIMEOUT_S, progress) as sides:
                identities = {member: side.identity for member, side in sides.items()}
                panel = Panel(
                    name=spec.id,
                    suite="judge",
                    spec=sealed(spec, identities),
                    backends={member: side.backend for member, side in sides.items()},
                    identities=identities,
                )
                found = await _phase(panel, first, cache, progress, Path(folder) / "first.sqlite")
                again = await _phase(panel, anew, None, progress, Path(folder) / "anew.sqlite") if anew else {}
    finally:
        cache.close()
    return Judged(spec=panel.spec, judgments=found, anew=again)


async def _phase(
    panel: Panel, items: Sequence[Item], cache: Cache | None, progress: Progress, path: Path
) -> dict[str, tuple[Judgment, ...]]:
    shown = [each for item in items for each in both_orders(item)]
    at_once = sum(backend.concurrency for backend in panel.backends.values())
    limits = Limits(concurrency=at_once, timeout_s=TIMEOUT_S)
    with Journal.open(path) as journal:
        asking = Asking(journal=journal, cache=cache, clock=SystemClock(), limits=limits, progress=progress)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            progress.on_stop("stopping: waiting up to 10 s for replies already asked for (once more to quit at once)")
            loop.call_soon_threadsafe(asking.stop)

        with stopping(stop):
            await asking.ask([panel.part(shown)])
            if why := panel.unusable(shown, journal.read):
                await asking.ask([panel.again(shown, why)])
        replies = panel.asked(shown, journal.read)
    silent = [reply.first for reply in replies if isinstance(reply.first, Failure)]
    if len(silent) > WORST * len(replies):
        raise ExecutionError(
            f"the judge {panel.spec.id} did not reply to {len(silent)} of {len(replies)} questions "
            f"({silent[0].message}); "
            "replies it gave are kept, so the same command goes on from there"
        )
    found: dict[str, tuple[Judgment, ...]] = {item.id: () for item in items}
    for reply in replies:
        found[reply.item.id] += judgments(panel.spec, reply)
    return found
