"""The seams: what a backend, a metric, a check and a clock must do. Plug-ins implement these and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from evalkit.types import Finding, ModelIdentity, Request, Response, Sample, Score, Suite

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
class CorpusMetric(Metric, Protocol):
    """A metric of the whole set (macro-F1, BLEU): a function of counts summed over samples."""

    def bounds(self, sample: Sample) -> tuple[Sequence[float], Sequence[float]]:
        """The counts of the worst and of a right answer to this sample, to bound what is missing."""
        ...

    def statistic(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares in [0, 1], shape (...), from summed `Scored.counts`, shape (..., D). Vectorised over `...`."""
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
