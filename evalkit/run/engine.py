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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from evalkit.errors import (
    AuthFailed,
    BackendError,
    BudgetReached,
    ConnectionLost,
    ExecutionError,
    Interrupted,
    NotRecorded,
    RateLimited,
    RecordedError,
    ServerDown,
    TimedOut,
)
from evalkit.protocols import Backend, Clock
from evalkit.run.plan import Part
from evalkit.run.progress import Progress
from evalkit.run.retry import pause_s
from evalkit.store.cache import Cache
from evalkit.store.journal import Journal
from evalkit.types import Failure, Key, Outcome, Request, Response

log = logging.getLogger(__name__)

BREAKER = 20
"""Failed attempts in a row, rate limits aside, after which the server counts as down."""
GRACE_S = 10.0
"""Seconds in-flight requests get to finish once a stop is asked for."""
LOOKAHEAD = 512
"""Requests rendered and looked up in the cache at a time."""
CACHE_BATCH = 256
"""Fresh answers kept back before they are written to the cache together; the journal has each of them already."""
CACHE_WAIT_S = 1.0
"""No answer waits longer than this for its batch, as long as others come in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may spend. None = no cap."""

    concurrency: int
    timeout_s: float
    max_requests: int | None = None
    max_tokens: int | None = None
    max_usd: float | None = None


class Engine:
    """Runs the parts of one run to their end."""

    def __init__(
        self, *, journal: Journal, cache: Cache | None, clock: Clock, limits: Limits, progress: Progress
    ) -> None:
        self._journal = journal
        self._cache = cache
        self._clock = clock
        self._limits = limits
        self._progress = progress
        self._jitter = random.Random(0).random  # noqa: S311 - spreads retries, guards nothing
        self._stop = asyncio.Event()
        self._fatal: BaseException | None = None
        self._failed_in_a_row = 0
        self._answers = 0
        self._failed_before: set[Key] = set()
        self._sends = 0
        self._spent_tokens = 0
        self._spent_usd = 0.0
        self._fresh: list[tuple[str, Outcome]] = []
        self._fresh_since = 0.0

    def stop(self) -> None:
        """Sends nothing more; what is in flight gets `GRACE_S` to finish."""
        self._fail(Interrupted("stopped on request"))

    def _fail(self, error: BaseException) -> None:
        if self._fatal is None:
            self._fatal = error
        self._stop.set()

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
        workers = [asyncio.create_task(self._work(part, source)) for _ in range(self._limits.concurrency)]
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([stopped, asyncio.ensure_future(_all(workers))], return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                await asyncio.wait(workers, timeout=GRACE_S)
        finally:
            stopped.cancel()
            for worker in workers:
                worker.cancel()
            results = await asyncio.gather(*workers, return_exceptions=True)
            self._cache_fresh()
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                self._fail(result)

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

    async def _work(self, part: Part, source: Iterator[tuple[Request, Response | None]]) -> None:
        for request, cached in source:
            if self._stop.is_set():
                return
            backend = part.sides[request.key.role].backend
            outcome = cached if cached is not None else await self._ask(backend, request)
            if outcome is None:
                return
            try:
                await self._journal.append(request.key, request.fingerprint, outcome)
            except ExecutionError as error:
                self._fail(error)
                return
            if cached is None:
                self._keep(request, outcome)
            self._count(part, request, outcome)

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

    def _count(self, part: Part, request: Request, outcome: Outcome) -> None:
        side = self._progress.side(request.key.role)
        match outcome:
            case Failure():
                side.failed += 1
            case Response(usage=usage, is_cached=is_cached):
                side.answered += 1
                side.cached += is_cached
                if not is_cached:
                    side.input_tokens += usage.input_tokens or 0
                    side.output_tokens += usage.output_tokens or 0
                    self._spent_tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
                    price = part.sides[request.key.role].spec.price
                    if price is not None:
                        self._spent_usd += (
                            (usage.input_tokens or 0) * price.input + (usage.output_tokens or 0) * price.output
                        ) / 1e6
        self._progress.on_change(self._progress)

    async def _ask(self, backend: Backend, request: Request) -> Outcome | None:
        """The outcome after at most five attempts; None when the run was stopped before there was one."""
        side = self._progress.side(request.key.role)
        # A request that keeps failing while others are answered says nothing about the server's health.
        is_odd_one_out = request.key in self._failed_before
        answers_then = self._answers
        attempt = 0
        while True:
            if not self._may_send():
                return None
            attempt += 1
            self._sends += 1
            side.in_flight += 1
            try:
                answer = await self._attempt(backend, request)
            except BackendError as error:
                # A lost connection speaks of the server; any other first failure, amid answers, of the request.
                is_telling = attempt > 1 or not isinstance(error, ConnectionLost)
                is_odd_one_out = is_odd_one_out or (is_telling and self._answers > answers_then)
                answers_then = self._answers
                self._watch(error, is_odd_one_out=is_odd_one_out)
                failure = Failure(
                    kind=error.kind, message=str(error), status=error.status, attempts=attempt, at=self._clock.time()
                )
                wait = pause_s(error, attempt, self._jitter())
            else:
                self._failed_in_a_row = 0
                self._answers += 1
                return dataclasses.replace(answer, attempts=attempt) if attempt > 1 else answer
            finally:
                side.in_flight -= 1
            if wait is None:
                return failure
            side.retried += 1
            if not await self._pause(wait):
                return failure if isinstance(self._fatal, ServerDown) else None

    async def _attempt(self, backend: Backend, request: Request) -> Response:
        try:
            # The backend keeps its own, shorter limit; this one holds for a backend that forgot.
            async with asyncio.timeout(self._limits.timeout_s + 5.0):
                return await backend.answer(request)
        except TimeoutError as error:
            raise TimedOut(f"no answer within {self._limits.timeout_s:g} s") from error
        except (BackendError, ExecutionError):
            raise
        except Exception as error:  # the border: a plug-in's bug costs its requests, not the run
            log.warning("request.crashed", extra={"kind": type(error).__name__})
            raise BackendError(f"the backend failed with {type(error).__name__}") from error

    def _watch(self, error: BackendError, *, is_odd_one_out: bool) -> None:
        """Stops the run when the key is refused or the server seems to be down."""
        if isinstance(error, AuthFailed):
            self._fail(ExecutionError(f"the server refused the key: {error}"))
        if is_odd_one_out or isinstance(error, RateLimited | NotRecorded | RecordedError):
            return
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= BREAKER:
            self._fail(ServerDown(f"{BREAKER} attempts in a row failed, the last one with: {error}"))

    async def _pause(self, seconds: float) -> bool:
        """Waits and returns True, or False as soon as the run is stopped."""
        nap = asyncio.ensure_future(self._clock.sleep(seconds))
        stopped = asyncio.ensure_future(self._stop.wait())
        done, pending = await asyncio.wait([nap, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return stopped not in done

    def _may_send(self) -> bool:
        """False once the run is stopped or a cap is reached; a cap stops the run."""
        if self._stop.is_set():
            return False
        for name, used, cap in (
            ("--max-requests", self._sends, self._limits.max_requests),
            ("--max-tokens", self._spent_tokens, self._limits.max_tokens),
            ("--max-usd", self._spent_usd, self._limits.max_usd),
        ):
            if cap is not None and used >= cap:
                self._fail(BudgetReached(f"{name} {cap:g} is reached; resume with a higher cap to go on"))
                return False
        return True


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)
