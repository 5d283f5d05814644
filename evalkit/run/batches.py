"""The sides whose requests are sent in batches: sent once, waited for, and collected into the journal.

Before a batch is submitted the journal says so, and again, with the vendor's name for it, right after. Whatever a
crash leaves between the two is looked for at the vendor's before anything is submitted again, so no request is paid
for twice. What a batch holds is told by the names of its requests alone, which belong to this run and no other.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from msgspec import structs, to_builtins

from evalkit.errors import (
    AuthFailed,
    BackendError,
    EvalkitError,
    ExecutionError,
    Interrupted,
    ModelNotFound,
    ProtocolViolation,
    ServerDown,
)
from evalkit.protocols import BatchBackend, Clock
from evalkit.run.batch_records import Lane, Record, split
from evalkit.run.plan import Part
from evalkit.run.progress import Progress, Wait
from evalkit.run.retry import MAX_ATTEMPTS, pause_s
from evalkit.run.spending import Outlay, Spending, outlay_of
from evalkit.store.cache import Cache
from evalkit.store.journal import Journal
from evalkit.types import Failure, Key, Outcome

FIRST_POLL_S = 5.0
LONGEST_POLL_S = 60.0
GRACE_S = 10.0
"""What is being said to a vendor gets so many seconds more once the run is to stop."""
MAX_SILENT_POLLS = 30
"""Polls in a row that may fail before the run ends, to be gone on with later; the batches go on without it."""
BLOCK = 256
META = "batches"
T = TypeVar("T")


def is_batch_side(part: Part, role: str) -> bool:
    """Whether that side's requests are sent in batches."""
    return isinstance(part.sides[role].backend, BatchBackend)


def without_batch_sides(parts: Iterable[Part]) -> list[Part]:
    """What is left for the engine to ask one by one."""
    live = []
    for part in parts:
        sides = {role: side for role, side in part.sides.items() if not is_batch_side(part, role)}
        if sides:
            live.append(structs.replace(part, sides=sides))
    return live


class Batches:
    """Sends and collects the batches of one run."""

    def __init__(
        self, *, journal: Journal, cache: Cache | None, clock: Clock, spending: Spending, progress: Progress
    ) -> None:
        self._journal = journal
        self._cache = cache
        self._clock = clock
        self._spending = spending
        self._progress = progress
        self._run = journal.path.parent.name
        self._lanes: dict[str, Lane] = {}
        self._records = [Record(**each) for each in journal.meta(META) or []]
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ends the waiting; what was submitted goes on at the vendor's."""
        self._stop.set()

    async def send(self, parts: Sequence[Part]) -> None:
        """Submits what has no answer yet, except where a batch of an earlier attempt is still to be collected.

        Raises BudgetReached before anything is submitted that would go over a cap.
        """
        answered = self._journal.answered()
        for part in parts:
            for role, side in part.sides.items():
                if isinstance(side.backend, BatchBackend):
                    lane = self._lanes.setdefault(role, Lane(backend=side.backend, spec=side.spec))
                    await self._queue(lane, structs.replace(part, sides={role: side}), answered)
        for record in self._open():
            if record.state == "intended":
                await self._look_for(record, self._lanes[record.role].backend)
                record.state = "sent" if record.handles else "over"
        self._save()
        busy = {record.role for record in self._open()}
        await self._submit_rest(role for role in self._lanes if role not in busy)

    async def settle(self) -> None:
        """Returns once every request has an outcome in the journal; Interrupted or ExecutionError ends it before."""
        while True:
            await self._wait()
            if not any(lane.unsent for lane in self._lanes.values()):
                break
            await self._submit_rest(self._lanes)
        for lane in self._lanes.values():
            words = "the batch ended without a word on this request"
            missing = Failure(kind=ProtocolViolation.kind, message=words, at=self._clock.time())
            await self._keep(lane, [(name, missing) for name in lane.waiting])

    async def _queue(self, lane: Lane, part: Part, answered: set[Key]) -> None:
        """Puts the part's open requests into the lane, but for those whose answer is in the cache."""
        counters = self._progress.side(lane.spec.role)
        counters.planned += part.size
        requests = part.requests()
        while ahead := list(islice(requests, BLOCK)):
            wanted = [request for request in ahead if request.key not in answered]
            counters.answered += len(ahead) - len(wanted)
            found = self._cache.get((r.fingerprint for r in wanted), now=self._clock.time()) if self._cache else {}
            names = {self._name(request.key): request for request in wanted}
            lane.waiting |= names
            await self._keep(lane, [(n, found[r.fingerprint]) for n, r in names.items() if r.fingerprint in found])

    def _name(self, key: Key) -> str:
        place = "\0".join((self._run, key.suite, key.role, key.sample_id, str(key.repeat)))
        return hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:48]

    async def _submit_rest(self, roles: Iterable[str]) -> None:
        lanes = [self._lanes[role] for role in roles]
        wanted = Outlay()
        for lane in lanes:
            wanted += outlay_of((lane.waiting[name] for name in lane.unsent), lane.spec.price)
        self._spending.commit(wanted)
        for lane in lanes:
            for batch in split(lane):
                await self._submit(lane, batch)

    async def _submit(self, lane: Lane, batch: Mapping[str, bytes]) -> None:
        role = lane.spec.role
        tag = f"{self._run}-{role}-{len(self._records) + 1}"
        record = Record(tag=tag, role=role, size=len(batch), at=self._clock.time())
        self._records.append(record)
        self._save()
        for attempt in range(1, MAX_ATTEMPTS + 1):
            self._go_on()
            try:
                record.handles = [await self._unless_stopped(lane.backend.submit(tuple(batch.values()), tag))]
                record.is_sure = True
                break
            except Interrupted as error:
                error.add_note(
                    f"{role}: a batch was on its way; whether it arrived is found out when the run is resumed, so that "
                    "nothing is paid for twice"
                )
                raise
            except BackendError as error:
                wait = pause_s(error, attempt, 0.0)
                if wait is None:
                    raise ExecutionError(f"{role}: a batch could not be submitted: {error}") from error
                self._progress.on_note(f"{role}: submitting a batch failed ({error}); trying again")
            await self._nap(wait)
            await self._look_for(record, lane.backend)
            if record.handles:
                break
        record.state = "sent"
        lane.submitted |= dict.fromkeys(batch, tag)
        self._save()
        self._progress.on_note(f"{role}: batch {record.handles[0]} submitted, {len(batch):,} requests")

    async def _look_for(self, record: Record, backend: BatchBackend) -> None:
        """Finds out whether a batch that was to be submitted was; where there is none, nothing was paid for."""
        known = {handle for other in self._records if other is not record for handle in other.handles}
        try:
            found = await self._unless_stopped(backend.find(record.tag, size=record.size, since=record.at))
        except BackendError as error:
            raise ExecutionError(f"{record.role}: whether a batch was submitted cannot be told: {error}") from error
        record.handles = [handle for handle in found if handle not in known]

    async def _wait(self) -> None:
        """Polls until no batch is open, collecting each as it ends."""
        pause, silent = FIRST_POLL_S, 0
        while records := self._open():
            for record in records:
                self._go_on()
                try:
                    await self._look_at(record, pause)
                    silent = 0
                except (AuthFailed, ModelNotFound) as error:
                    raise ExecutionError(
                        f"{record.role}: batch {record.handles[0]}, or its answers, cannot be had with this key: "
                        f"{error}. Vendors keep answers for a month; where they are gone, only a new run asks again"
                    ) from error
                except BackendError as error:
                    silent += 1
                    if silent >= MAX_SILENT_POLLS:
                        raise ServerDown(f"{record.role}: nothing is heard of its batches any more: {error}") from error
            if self._open():
                self._progress.on_change(self._progress)
                await self._nap(pause)
                pause = min(LONGEST_POLL_S, pause * 1.5)

    async def _look_at(self, record: Record, pause: float) -> None:
        lane, handle = self._lanes[record.role], record.handles[0]
        state = await self._unless_stopped(lane.backend.poll(handle))
        if not state.is_ended:
            since = (self._clock.time() - record.at) / 60.0
            number, of = self._place(record)
            words = f"batch {number} of {of}, {state.done:,} of {record.size:,} done, {since:,.0f} min so far"
            self._progress.waits[f"{record.role} ({handle})"] = Wait(until=self._clock.time() + pause, why=words)
            return
        self._progress.waits.pop(f"{record.role} ({handle})", None)
        if state.problem is not None:
            record.state = "over"
            self._save()
            raise ExecutionError(f"{record.role}: batch {handle} was refused as a whole: {state.problem}")
        is_ours = await self._unless_stopped(self._collect(lane, handle))
        record.handles = [] if is_ours else record.handles[1:]
        if record.handles:
            return
        record.state = "over"
        self._save()
        if not is_ours and not record.is_sure:
            # It only looked like ours: what was to be in it was never submitted.
            lane.submitted = {name: tag for name, tag in lane.submitted.items() if tag != record.tag}

    async def _collect(self, lane: Lane, handle: str) -> bool:
        """Writes down what came of a batch that has ended. False: it holds no request of this run."""
        block: list[tuple[str, Outcome]] = []
        is_ours = False
        async for found in lane.backend.collect(handle, dict(lane.waiting)):
            is_ours = True
            block.append(found)
            if len(block) >= BLOCK:
                await self._keep(lane, block)
                block = []
        await self._keep(lane, block)
        return is_ours

    async def _keep(self, lane: Lane, outcomes: Sequence[tuple[str, Outcome]]) -> None:
        """Writes outcomes down and counts them."""
        taken = [(lane.waiting.pop(name), outcome) for name, outcome in outcomes if name in lane.waiting]
        await asyncio.gather(*(self._journal.append(r.key, r.fingerprint, outcome) for r, outcome in taken))
        if self._cache is not None:
            fresh = [(r.fingerprint, o) for r, o in taken if isinstance(o, Failure) or not o.is_cached]
            self._cache.put(fresh)
        side = self._progress.side(lane.spec.role)
        for _, outcome in taken:
            if isinstance(outcome, Failure):
                side.failed += 1
                continue
            side.answered += 1
            side.cached += outcome.is_cached
            if not outcome.is_cached:
                side.fresh += 1
                side.input_tokens += outcome.usage.input_tokens or 0
                side.output_tokens += outcome.usage.output_tokens or 0
        self._progress.on_change(self._progress)

    def _open(self) -> list[Record]:
        return [record for record in self._records if record.is_open and record.role in self._lanes]

    def _save(self) -> None:
        self._journal.set_meta({META: [to_builtins(record) for record in self._records]})

    def _place(self, record: Record) -> tuple[int, int]:
        """(which one of its side's batches it is, how many there are)."""
        tags = [each.tag for each in self._records if each.role == record.role]
        return tags.index(record.tag) + 1, len(tags)

    def tell_what_goes_on(self, error: EvalkitError) -> None:
        """Adds to an error that ends the run how to cancel what was submitted and is not collected yet."""
        there = [
            self._lanes[record.role].backend.cancelling(record.handles) for record in self._open() if record.handles
        ]
        if there:
            what = (
                "what was submitted goes on without evalkit and will be paid for, and can be collected; to cancel it:"
            )
            error.add_note("\n".join([what, *there]))

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Interrupted("stopped on request")

    async def _unless_stopped(self, said: Coroutine[Any, Any, T]) -> T:
        """What `said` returns. Raises Interrupted where a stop finds it still waiting, `GRACE_S` later."""
        said_task, stopped = asyncio.ensure_future(said), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([said_task, stopped], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([said_task], timeout=GRACE_S)
            if said_task.done():
                return said_task.result()
            raise Interrupted("stopped on request")
        finally:
            for task in (said_task, stopped):
                task.cancel()

    async def _nap(self, seconds: float) -> None:
        """Sleeps, or is woken by `stop`. Raises Interrupted then."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([sleeping, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleeping, stopped):
                task.cancel()
        self._go_on()
