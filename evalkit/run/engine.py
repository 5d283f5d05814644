"""Asks everything that is not yet answered, both sides interleaved, and loses nothing.

A fixed number of workers takes requests from one interleaved stream, so in-flight requests are bounded and
neither side runs ahead. Each outcome is durable in the journal before it counts. The engine is the border
where a BackendError becomes a Failure; nothing else of a backend's making gets past it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from evalkit.backends.deadlines import Deadlines
from evalkit.errors import (
    AuthFailed,
    BackendError,
    ConnectionLost,
    EvalkitError,
    ExecutionError,
    Interrupted,
    ServerDown,
    TimedOut,
)
from evalkit.protocols import Backend, Clock
from evalkit.run.gate import Gate
from evalkit.run.plan import Part, Side
from evalkit.run.progress import Progress, SideProgress
from evalkit.run.retry import pause_s
from evalkit.run.spending import Limits, Spending
from evalkit.store.cache import Cache
from evalkit.store.journal import Journal
from evalkit.types import Failure, Key, Outcome, Price, Request, Response

log = logging.getLogger(__name__)

GRACE_S = 10.0
"""Seconds in-flight requests get to finish once a stop is asked for."""
AT_FIRST = 16
RAMP_S = 0.05
"""`AT_FIRST` workers start at once and their number doubles every so many seconds: a server with a rate limit can
refuse the first few before the many are sent."""
FORGOTTEN_S = 5.0
"""A backend keeps `timeout_s` itself; one that forgot is stopped so many seconds later."""
LOOKAHEAD = 512
"""Requests rendered and looked up in the cache at a time."""
CACHE_BATCH = 256
"""Fresh answers kept back before they are written to the cache together; the journal has each of them already."""
CACHE_WAIT_S = 1.0
"""No answer waits longer than this for its batch, as long as others come in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """What the engine needs of one side of a part, at hand."""

    backend: Backend
    gate: Gate
    counters: SideProgress
    price: Price | None


class Engine:
    """Runs the parts of one run to their end."""

    def __init__(
        self, *, journal: Journal, cache: Cache | None, clock: Clock, limits: Limits, progress: Progress
    ) -> None:
        self._journal = journal
        self._cache = cache
        self._clock = clock
        self._limits = limits
        self._spending = Spending(limits)
        self._progress = progress
        self._jitter = random.Random(0).random  # noqa: S311 - spreads retries, guards nothing
        self._stop = asyncio.Event()
        self._fatal: BaseException | None = None
        self._gates: dict[str | int, Gate] = {}
        self._resting: set[asyncio.Task[None]] = set()
        self._deadlines = Deadlines(self._expire)
        self._expired: set[asyncio.Task[None]] = set()
        self._failed_before: set[Key] = set()
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
        source = self._unanswered(part, answered)
        lanes = {role: self._lane(role, side) for role, side in part.sides.items()}
        workers: list[asyncio.Task[None]] = []
        hiring = asyncio.create_task(self._hire(workers, lanes, source))
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
            self._deadlines.close()
            self._cache_fresh()
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                self._fail(result)

    async def _hire(
        self,
        workers: list[asyncio.Task[None]],
        lanes: Mapping[str, _Lane],
        source: Iterator[tuple[Request, Response | None]],
    ) -> None:
        """Starts the workers, few at first, and returns when all have ended."""
        wanted = AT_FIRST
        while len(workers) < self._limits.concurrency:
            count = min(wanted, self._limits.concurrency) - len(workers)
            workers += [asyncio.create_task(self._work(lanes, source)) for _ in range(count)]
            wanted *= 2
            if len(workers) < self._limits.concurrency:
                await self._clock.sleep(RAMP_S)
        await asyncio.wait(workers)

    def _lane(self, role: str, side: Side) -> _Lane:
        """Sides that share an endpoint share its gate; an engine of evalkit's own is an endpoint of its own."""
        place: str | int = side.identity.endpoint or id(side.backend)
        name = side.identity.endpoint or f"the {role}'s model"
        if place not in self._gates:
            self._gates[place] = Gate(self._clock, name, self._progress.on_note)
        return _Lane(
            backend=side.backend,
            gate=self._gates[place],
            counters=self._progress.side(role),
            price=side.spec.price,
        )

    def _unanswered(self, part: Part, answered: set[Key]) -> Iterator[tuple[Request, Response | None]]:
        """Requests without an outcome yet, each with its cached answer if there is one."""
        requests = part.requests()
        while ahead := list(islice(requests, LOOKAHEAD)):
            wanted = []
            for request in ahead:
                if request.key in answered:
                    self._progress.side(request.key.role).answered += 1
                else:
                    wanted.append(request)
            found = self._cache.get((r.fingerprint for r in wanted), now=self._clock.time()) if self._cache else {}
            for request in wanted:
                yield request, found.get(request.fingerprint)
            self._progress.on_change(self._progress)

    async def _work(self, lanes: Mapping[str, _Lane], source: Iterator[tuple[Request, Response | None]]) -> None:
        try:
            for request, cached in source:
                if self._fatal is not None:
                    return
                lane = lanes[request.key.role]
                outcome = cached if cached is not None else await self._ask(lane, request)
                if outcome is None:
                    return
                await self._journal.append(request.key, request.fingerprint, outcome)
                if cached is None:
                    self._keep(request, outcome)
                self._count(lane, outcome)
        except EvalkitError as error:  # the disk is full, a backend cannot go on: the run ends, in order
            self._fail(error)

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

    def _count(self, lane: _Lane, outcome: Outcome) -> None:
        side = lane.counters
        if isinstance(outcome, Failure):
            side.failed += 1
        elif outcome.is_cached:
            side.answered += 1
            side.cached += 1
        else:
            side.answered += 1
            asked, said = outcome.usage.input_tokens or 0, outcome.usage.output_tokens or 0
            side.input_tokens += asked
            side.output_tokens += said
            self._spending.answer(asked, said, lane.price)
        self._progress.on_change(self._progress)

    async def _ask(self, lane: _Lane, request: Request) -> Outcome | None:
        """The outcome after at most five attempts; None when the run was stopped before there was one."""
        gate, side = lane.gate, lane.counters
        # A request that keeps failing while others are answered says nothing about the server's health.
        is_odd_one_out = request.key in self._failed_before
        answers_then = gate.answers
        attempt = 0
        failure: Failure | None = None
        while True:
            if gate.is_open:
                number = gate.enter()
            elif (waited := await self._rest(gate.wait())) is not None:
                number = waited
            else:
                return failure if isinstance(self._fatal, ServerDown) else None
            try:
                if not self._may_send():
                    return None
                attempt += 1
                self._spending.send()
                side.in_flight += 1
                try:
                    answer = await self._attempt(lane.backend, request)
                finally:
                    side.in_flight -= 1
                gate.answered()
                return dataclasses.replace(answer, attempts=attempt) if attempt > 1 else answer
            except BackendError as error:
                # A lost connection speaks of the server; any other first failure, amid answers, of the request.
                is_telling = attempt > 1 or not isinstance(error, ConnectionLost)
                is_odd_one_out = is_odd_one_out or (is_telling and gate.answers > answers_then)
                answers_then = gate.answers
                self._watch(error, gate.failed(number, error, is_odd_one_out=is_odd_one_out))
                failure = Failure(
                    kind=error.kind, message=str(error), status=error.status, attempts=attempt, at=self._clock.time()
                )
                wait = pause_s(error, attempt, self._jitter())
            finally:
                gate.leave(number)
            if wait is None:
                return failure
            side.retried += 1
            if await self._rest(self._nap(wait)) is None:
                return failure if isinstance(self._fatal, ServerDown) else None

    async def _attempt(self, backend: Backend, request: Request) -> Response:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: coroutines run in tasks
        # The backend keeps its own, shorter limit; this one holds for a backend that forgot.
        self._deadlines.set(task, loop.time() + self._limits.timeout_s + FORGOTTEN_S)
        try:
            return await backend.answer(request)
        except asyncio.CancelledError as error:
            if task not in self._expired:
                raise
            self._expired.discard(task)
            task.uncancel()
            raise TimedOut(f"no answer within {self._limits.timeout_s:g} s") from error
        except TimeoutError as error:
            raise TimedOut(f"no answer within {self._limits.timeout_s:g} s") from error
        except (BackendError, ExecutionError):
            raise
        except Exception as error:  # the border: a plug-in's bug costs its requests, not the run
            log.warning("request.crashed", extra={"kind": type(error).__name__})
            raise BackendError(f"the backend failed with {type(error).__name__}") from error
        finally:
            self._deadlines.drop(task)

    def _expire(self, task: asyncio.Task[None]) -> None:
        self._expired.add(task)
        task.cancel()

    def _watch(self, error: BackendError, down: ServerDown | None) -> None:
        """Stops the run when the key is refused or the server is down."""
        if isinstance(error, AuthFailed):
            self._fail(ExecutionError(f"the server refused the key: {error}"))
        elif down is not None:
            self._fail(down)

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

    def _may_send(self) -> bool:
        """False once the run is stopped or a cap is reached; a cap stops the run."""
        if self._fatal is None and (reached := self._spending.reached()) is not None:
            self._fail(reached)
        return self._fatal is None
