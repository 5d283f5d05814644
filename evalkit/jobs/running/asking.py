"""Everything a run asks, by whichever way a side takes: batches go out first, and the rest is asked meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from evalkit.errors import EvalkitError, Interrupted
from evalkit.protocols import Clock
from evalkit.run.batches import Batches, without_batch_sides
from evalkit.run.engine import Engine
from evalkit.run.plan import Part
from evalkit.run.progress import Progress
from evalkit.run.spending import Limits, Spending
from evalkit.store.cache import Cache
from evalkit.store.journal import Journal


class Asking:
    """Asks the parts of one run to their end, or until it is stopped."""

    def __init__(
        self, *, journal: Journal, cache: Cache | None, clock: Clock, limits: Limits, progress: Progress
    ) -> None:
        self._journal = journal
        self._cache = cache
        self._clock = clock
        self._limits = limits
        self._progress = progress
        self.spending = Spending(limits)
        """All that is sent in this session of the run, whoever sends it."""
        self._engine: Engine | None = None
        self._is_stopped = False
        self._batches = Batches(journal=journal, cache=cache, clock=clock, spending=self.spending, progress=progress)

    def stop(self) -> None:
        """Sends nothing more; what is in flight gets a moment to finish, batches go on by themselves."""
        self._is_stopped = True
        self._batches.stop()
        if self._engine is not None:
            self._engine.stop()

    async def ask(self, parts: Sequence[Part], *, concurrency: int | None = None) -> None:
        """Returns when every request of every part has an outcome in the journal.

        May be called again for a further phase of the run, whose spending counts against the same caps; `concurrency`
        is that phase's own. Raises Interrupted, BudgetReached or ExecutionError; what was answered until then is kept.
        """
        if self._is_stopped:
            raise Interrupted("stopped on request")
        try:
            await self._batches.send(parts)
            self._engine = Engine(
                journal=self._journal,
                cache=self._cache,
                clock=self._clock,
                limits=structs.replace(self._limits, concurrency=concurrency or self._limits.concurrency),
                spending=self.spending,
                progress=self._progress,
            )
            await self._engine.execute(without_batch_sides(parts))
            await self._batches.settle()
        except EvalkitError as error:
            self._batches.tell_what_goes_on(error)
            raise
