"""The seams: what a backend, a metric, a check and a clock must do. Plug-ins implement these and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from evalkit.types import BatchState, Finding, ModelIdentity, Outcome, Request, Response, Sample, Score, Suite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalkit.types import JsonValue


@runtime_checkable
class Backend(Protocol):
    """One side's way to its model. One instance serves one ModelSpec; all methods run on one event loop."""

    concurrency: int
    """How many requests at once this backend takes well when the suite says `auto`."""

    async def open(self) -> ModelIdentity:
        """Starts or reaches the model and returns what can be proven about it.

        Raises ExecutionError, in words a user can act on, when the engine cannot start, the adapter does not
        fit or the endpoint does not serve the model.
        """
        ...

    def wire(self, request: Request) -> dict[str, JsonValue]:
        """The body that will be sent, as JSON: everything that can change the answer, nothing secret. Pure."""
        ...

    async def answer(self, request: Request) -> Response:
        """The model's answer to one attempt. Raises BackendError; never retries by itself."""
        ...

    async def close(self) -> None:
        """Releases connections and ends every process this backend started. Safe to call twice."""
        ...


@runtime_checkable
class BatchBackend(Backend, Protocol):
    """A backend whose requests are sent together and answered in the vendor's own time, for less money.

    Every method may raise BackendError for one attempt that failed.
    """

    max_batch_requests: int
    max_batch_bytes: int

    def line(self, name: str, request: Request) -> bytes:
        """One request as it stands in a batch, under `name`: 48 hexadecimal digits, unique in the run. Pure."""
        ...

    async def submit(self, lines: Sequence[bytes], tag: str) -> str:
        """Sends one batch and returns the vendor's name for it. `tag` is unique to this batch."""
        ...

    async def find(self, tag: str, *, size: int, since: float) -> Sequence[str]:
        """Batches that may have been submitted as `tag`, with `size` requests, not before `since` (Unix time)."""
        ...

    async def poll(self, handle: str) -> BatchState:
        """How far that batch has come."""
        ...

    def collect(self, handle: str, asked: Mapping[str, Request]) -> AsyncIterator[tuple[str, Outcome]]:
        """(name, outcome) for each of `asked` that an ended batch holds; what else is in it is passed over.

        A request that expired, was cancelled or failed by itself is a Failure.
        """
        ...

    def cancelling(self, handles: Collection[str]) -> str:
        """The shell commands that cancel these batches."""
        ...


@runtime_checkable
class Gauged(Protocol):
    """A backend whose engine counts what it does."""

    @property
    def engine_key(self) -> str:
        """The same for all sides on one engine."""
        ...

    async def gauges(self) -> Mapping[str, float]:
        """What the engine counts; empty where it does not.

        Counters since its start: `prompt_tokens`, `generation_tokens`, `prefix_queries`, `prefix_hits` (tokens).
        Levels: `running`, `waiting` (requests). And `at`, the Unix time in seconds.
        Raises BackendError for a look that failed.
        """
        ...


@runtime_checkable
class Metric(Protocol):
    """Scores one answer. Pure: same answer and sample, same score."""

    @property
    def name(self) -> str:
        """The name the suite gave it."""
        ...

    def score(self, answer: str, sample: Sample) -> Score:
        """The finding about one answer; a bad answer is Scored(0.0), Unscored only where no score can exist."""
        ...


@runtime_checkable
class RefusalMetric(Metric, Protocol):
    """A metric that has something to say of an answer the provider's own filter withheld; others leave it unscored."""

    def refused(self, sample: Sample) -> Score:
        """The finding about a sample to which the provider refused an answer."""
        ...


@runtime_checkable
class CorpusMetric(Metric, Protocol):
    """A metric of the whole set (macro-F1, BLEU): a function of counts summed over samples."""

    def bounds(self, sample: Sample) -> tuple[Sequence[float], Sequence[float]]:
        """The counts of the worst and of a right answer to this sample, to bound what is missing."""
        ...

    def statistic(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares in [0, 1], shape (...), from summed `Scored.counts`, shape (..., D). Vectorised over `...`."""
        ...


@runtime_checkable
class PartMetric(CorpusMetric, Protocol):
    """A metric of the whole set that means something else on a part of it: an average over labels, say."""

    def within(self, totals: NDArray[np.float64]) -> CorpusMetric:
        """The metric as it is meant on a part, given the counts summed over that part's samples, shape (D,)."""
        ...


@runtime_checkable
class Check(Protocol):
    """A look at the evidence itself, before anything is judged by it: overlap, personal data, stale samples."""

    def inspect(self, suite: Suite) -> Finding:
        """What is wrong with the suite's samples; an empty Finding when nothing is. Pure but for files it reads."""
        ...


class Clock(Protocol):
    """Time as the engine sees it, so that tests can fast-forward it."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        ...

    def time(self) -> float:
        """Unix time in seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds` of this clock."""
        ...
