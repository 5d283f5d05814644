"""Asks everything that is not yet answered, both sides interleaved, and loses nothing.

A fixed number of workers takes requests from one interleaved stream, so in-flight requests are bounded and
neither side runs ahead. Each outcome is durable in the journal before it counts. The engine is the border
where a BackendError becomes a Failure; nothing else of a backend's making gets past it.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice, repeat

from msgspec import structs

from evalkit.errors import (
    BackendError,
    ConnectionLost,
    EvalkitError,
    ExecutionError,
    Interrupted,
    ModelNotFound,
    ServerDown,
)
from evalkit.protocols import Clock
from evalkit.run.attempt import Attempts
from evalkit.run.hiring import hire
from evalkit.run.lanes import Case, Lane
from evalkit.run.plan import Part, Side
from evalkit.run.progress import Progress
from evalkit.run.retry import pause_s
from evalkit.run.spending import Limits, Spending
from evalkit.run.turnstile import Turnstile, place_name, place_of
from evalkit.store.cache import Cache
from evalkit.store.journal import Journal
from evalkit.types import Failure, Key, Outcome, Request, Response

GRACE_S = 10.0
"""Seconds in-flight requests get to finish once a stop is asked for."""
LOOKAHEAD = 256
"""Requests rendered and looked up in the cache at a time."""
CACHE_BATCH = 128
"""Fresh answers kept back before they are written to the cache together; the journal has each of them already."""
CACHE_WAIT_S = 1.0
"""No answer waits longer than this for its batch, as long as others come in."""


class Engine:
    """Runs the parts of one run to their end."""

    def __init__(
        self,
        *,
        journal: Journal,
        cache: Cache | None,
        clock: Clock,
        limits: Limits,
        spending: Spending,
        progress: Progress,
    ) -> None:
        self._journal = journal
        self._cache = cache
        self._clock = clock
        self._limits = limits
        self._spending = spending
        self._progress = progress
        self._jitter = random.Random(0).random  # noqa: S311 - spreads retries, guards nothing
        self._stop = asyncio.Event()
        self._fatal: BaseException | None = None
        self._turnstiles: dict[str | int, Turnstile] = {}
        self._resting: set[asyncio.Task[None]] = set()
        self._later: list[tuple[float, int, Case]] = []
        """Requests that wait for another attempt: a heap of (when, order of arrival, request)."""
        self._put_offs = 0
        self._attempts = Attempts(limits.timeout_s)
        self._failed_before: set[Key] = set()
        self._answered_before: set[str] = set()
        """Roles whose model had answered something when this session began."""
        self._fresh: list[tuple[str, Outcome]] = []
        self._fresh_since = 0.0

    def stop(self) -> None:
        """Sends nothing more; what is in flight gets `GRACE_S` to finish."""
        self._fail(Interrupted("stopped on request"))

    def _fail(self, error: BaseException) -> None:
        if self._fatal is None:
            self._fatal = error
        self._stop.set()
        for task in self._resting:
            task.cancel()

    async def execute(self, parts: Iterable[Part]) -> None:
        """Returns when every request of every part has an outcome in the journal.

        Raises Interrupted, BudgetReached or ExecutionError; what was answered until then is kept.
        """
        parts = list(parts)
        answered = self._journal.answered()
        self._failed_before = self._journal.failed()
        self._answered_before = {key.role for key in answered}
        for part in parts:
            for role, side in part.sides.items():
                counters = self._progress.side(role)
                counters.planned += len(part.suite.samples) * side.spec.generation.repeats
        for part in parts:
            if self._stop.is_set():
                break
            self._progress.suite = part.suite.name
            await self._run_part(part, answered)
        if self._fatal is not None:
            raise self._fatal

    async def _run_part(self, part: Part, answered: set[Key]) -> None:
        lanes = {role: self._lane(role, part.sides) for role in part.sides}
        source = self._unanswered(part, lanes, answered)
        workers: list[asyncio.Task[None]] = []
        scouts = sum(lane.is_unknown for lane in lanes.values())
        work = partial(self._work, lanes, source)
        hiring = asyncio.create_task(
            hire(workers, work, size=self._limits.concurrency, scouts=scouts, clock=self._clock)
        )
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([stopped, hiring], return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set() and workers:
                hiring.cancel()
                await asyncio.wait(workers, timeout=GRACE_S)
        finally:
            for task in (stopped, hiring, *workers):
                task.cancel()
            results = await asyncio.gather(hiring, *workers, return_exceptions=True)
            self._attempts.close()
            self._cache_fresh()
        if isinstance(self._fatal, ServerDown):
            await self._journal_failures()
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                self._fail(result)

    def _lane(self, role: str, sides: Mapping[str, Side]) -> Lane:
        side, place = sides[role], place_of(sides[role])
        if place not in self._turnstiles:
            self._turnstiles[place] = Turnstile(self._clock, place_name(role, sides), self._progress)
        return Lane(
            backend=side.backend,
            turnstile=self._turnstiles[place],
            counters=self._progress.side(role),
            price=side.spec.price,
            is_recorded=side.identity.is_fixed,
        )

    def _unanswered(
        self, part: Part, lanes: Mapping[str, Lane], answered: set[Key]
    ) -> Iterator[tuple[Request, Response | None]]:
        """Requests without an outcome yet, each with its cached answer if there is one."""
        requests = part.requests()
        while ahead := list(islice(requests, LOOKAHEAD)):
            wanted = []
            for request in ahead:
                if request.key in answered:
                    lanes[request.key.role].counters.answered += 1
                else:
                    wanted.append(request)
            found = self._cache.get((r.fingerprint for r in wanted), now=self._clock.time()) if self._cache else {}
            for request in wanted:
                yield request, found.get(request.fingerprint)
            self._progress.on_change(self._progress)

    async def _work(
        self, lanes: Mapping[str, Lane], source: Iterator[tuple[Request, Response | None]], most: int | None
    ) -> None:
        try:
            for _ in repeat(None) if most is None else repeat(None, most):
                if self._fatal is not None or (case := await self._next(lanes, source)) is None:
                    break
                lane, request = lanes[case.request.key.role], case.request
                outcome = await self._try(lane, case)
                if outcome is not None:
                    await self._journal.append(request.key, request.fingerprint, outcome)
                    self._keep(request, outcome)
                    self._count(lane, request, outcome)
        except EvalkitError as error:  # the disk is full, a backend cannot go on: the run ends, in order
            self._fail(error)

    async def _next(self, lanes: Mapping[str, Lane], source: Iterator[tuple[Request, Response | None]]) -> Case | None:
        """What to send next; None when there is nothing more, or the run is stopped.

        Requests that wait for another attempt hold up no worker, unless there are as many of them as workers.
        """
        later = self._later
        while not later or (len(later) < self._limits.concurrency and later[0][0] > self._clock.monotonic()):
            fresh = next(source, None)
            if fresh is None:
                break
            request, cached = fresh
            if cached is None:
                return Case(request=request)
            await self._journal.append(request.key, request.fingerprint, cached)
            self._count(lanes[request.key.role], request, cached)
        if not later:
            return None
        due, number, case = heapq.heappop(later)
        wait = due - self._clock.monotonic()
        if case.error is not None:
            lanes[case.request.key.role].turnstile.rest(case.error, wait)
        if wait > 0.0 and await self._rest(self._nap(wait)) is None:
            heapq.heappush(later, (due, number, case))
            return None
        return case

    def _keep(self, request: Request, outcome: Outcome) -> None:
        if not self._fresh:
            self._fresh_since = self._clock.monotonic()
        self._fresh.append((request.fingerprint, outcome))
        if len(self._fresh) >= CACHE_BATCH or self._clock.monotonic() - self._fresh_since >= CACHE_WAIT_S:
            self._cache_fresh()

    def _cache_fresh(self) -> None:
        fresh, self._fresh = self._fresh, []
        if self._cache is not None and fresh:
            self._cache.put(fresh)

    def _count(self, lane: Lane, request: Request, outcome: Outcome) -> None:
        side = lane.counters
        if isinstance(outcome, Failure):
            side.failed += 1
        elif outcome.is_cached:
            side.answered += 1
            side.cached += 1
        else:
            side.answered += 1
            side.fresh += 1
            side.input_tokens += outcome.usage.input_tokens or 0
            side.output_tokens += outcome.usage.output_tokens or 0
            if not lane.is_recorded:
                side.usd += self._spending.answer(request, outcome.usage, lane.price)
        self._progress.on_change(self._progress)

    async def _try(self, lane: Lane, case: Case) -> Outcome | None:
        """The outcome after one more attempt; None when it waits for another one, or the run was stopped."""
        turnstile = lane.turnstile
        number = turnstile.enter() if turnstile.is_open else await self._rest(turnstile.wait())
        if number is None:
            self._put_off(case, 0.0)
            return None
        try:
            if not self._may_send(lane):
                return None
            case.attempts += 1
            if not lane.is_recorded:
                self._spending.send()
            lane.counters.in_flight += 1
            try:
                answer = await self._attempts.ask(lane.backend, case.request)
            finally:
                lane.counters.in_flight -= 1
            turnstile.answered(number)
            return structs.replace(answer, attempts=case.attempts) if case.attempts > 1 else answer
        except BackendError as error:
            return self._failed(lane, case, number, error)
        finally:
            turnstile.leave(number)

    def _failed(self, lane: Lane, case: Case, number: int, error: BackendError) -> Failure | None:
        """The outcome if that was the last attempt; else None, and the request is put off."""
        # A request that fails although one sent after it, or after its last attempt, was answered says nothing about
        # the server's health; nor does one that failed in the run that is resumed. But a first attempt that loses
        # its connection may have met a server going down.
        is_telling = case.attempts > 1 or not isinstance(error, ConnectionLost)
        is_alone = is_telling and (case.failed_number or number) < lane.turnstile.newest_answered
        has_failed_before, role = case.request.key in self._failed_before, case.request.key.role
        case.is_odd_one_out |= is_alone or has_failed_before
        case.failed_number = number
        down = lane.turnstile.failed(number, error, is_odd_one_out=case.is_odd_one_out)
        # All its requests would meet that, but where it answered others when this one was refused.
        is_odd_again = has_failed_before and role in self._answered_before
        if isinstance(error, ModelNotFound) and lane.is_unknown and not is_odd_again:
            down = ExecutionError(f"{role}: the first request was refused: {error}")
        if down is not None:
            self._fail(down)
        case.error = error
        case.failure = Failure(
            kind=error.kind, message=str(error), status=error.status, attempts=case.attempts, at=self._clock.time()
        )
        wait = pause_s(error, case.attempts, self._jitter())
        if wait is None:
            return case.failure
        lane.counters.retried += 1
        lane.counters.refusal = str(error)
        self._put_off(case, wait)
        return None

    def _put_off(self, case: Case, seconds: float) -> None:
        self._put_offs += 1
        heapq.heappush(self._later, (self._clock.monotonic() + seconds, self._put_offs, case))

    async def _journal_failures(self) -> None:
        """Writes down what was failing when the server went down: a resumed run takes those as odd ones out."""
        for _, _, case in self._later:
            if case.failure is not None:
                await self._journal.append(case.request.key, case.request.fingerprint, case.failure)

    async def _nap(self, seconds: float) -> int:
        await self._clock.sleep(seconds)
        return 0

    async def _rest(self, waiting: Coroutine[None, None, int]) -> int | None:
        """What `waiting` returns, or None as soon as the run is stopped."""
        task = asyncio.current_task()
        if self._fatal is not None or task is None:
            waiting.close()
            return None
        self._resting.add(task)
        try:
            return await waiting
        except asyncio.CancelledError:
            if self._fatal is None or task.uncancel() > 0:
                raise
            return None
        finally:
            self._resting.discard(task)

    def _may_send(self, lane: Lane) -> bool:
        """False once the run is stopped or a cap is reached; a cap stops the run."""
        if self._fatal is None and not lane.is_recorded and (reached := self._spending.reached()) is not None:
            self._fail(reached)
        return self._fatal is None
