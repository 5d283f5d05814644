"""Scores of a whole suite as columns, ready for comparison. A missing score is masked, never a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from msgspec import Struct, field, structs
from numpy.typing import NDArray


class Counts(Struct, frozen=True, kw_only=True):
    """Sufficient statistics of n samples, D numbers each. Equal rows are kept once, so memory hardly grows with n."""

    distinct: NDArray[np.float64]
    """(K, D)"""
    codes: NDArray[np.intp]
    """(n,) which of the distinct rows is the sample's"""

    @classmethod
    def of(cls, rows: NDArray[np.float64]) -> Self:
        """The counts given one row a sample, shape (n, D)."""
        if rows.ndim != 2:  # noqa: PLR2004 - (n, D)
            raise ValueError(f"counts have shape (n, D), got {rows.shape}")
        if rows.shape[1] == 1:
            values, codes = np.unique(rows[:, 0], return_inverse=True)
            return cls(distinct=values[:, None].astype(np.float64), codes=codes)
        # Rows as opaque bytes sort several times faster than column by column; -0.0 must not differ from 0.0.
        plain = np.ascontiguousarray(rows, dtype=np.float64) + 0.0
        opaque = plain.view(np.dtype((np.void, plain.shape[1] * plain.itemsize)))[:, 0]
        _, first, codes = np.unique(opaque, return_index=True, return_inverse=True)
        return cls(distinct=plain[first], codes=codes)

    def __len__(self) -> int:
        return len(self.codes)

    def rows(self) -> NDArray[np.float64]:
        """One row a sample, shape (n, D)."""
        return self.distinct[self.codes]

    def total(self) -> NDArray[np.float64]:
        """The sum over all samples, shape (D,)."""
        return np.bincount(self.codes, minlength=len(self.distinct)).astype(np.float64) @ self.distinct

    def take(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """The counts of the samples in `keep`: a mask of shape (n,), or their numbers."""
        return structs.replace(self, codes=self.codes[keep])

    def weighed(self, strata: NDArray[np.intp], factors: NDArray[np.float64]) -> Self:
        """The counts of each sample times the factor of its stratum; `strata` (n,) numbers into `factors` (S,)."""
        kinds, codes = np.unique(self.codes * len(factors) + strata, return_inverse=True)
        rows, numbers = np.divmod(kinds, len(factors))
        return structs.replace(self, distinct=self.distinct[rows] * factors[numbers][:, None], codes=codes)

    def where(self, keep: NDArray[np.bool_], other: Counts) -> Self:
        """These counts where `keep` is true and the other's elsewhere."""
        codes = np.where(keep, self.codes, other.codes + len(self.distinct))
        return structs.replace(self, distinct=np.concatenate([self.distinct, other.distinct]), codes=codes)


class Repeats(Struct, frozen=True, kw_only=True):
    """How the scores of one metric on one side varied between repeats of the same sample (n samples)."""

    asked: int
    """How often each sample was asked, at least 2."""
    scored: NDArray[np.intp]
    """(n,) repeats with a score."""
    squares: NDArray[np.float64]
    """(n,) sum of squared deviations of a sample's repeats from their mean, in shares; 0 where fewer than two."""


class Column(Struct, frozen=True, kw_only=True):
    """One metric on one side, in the order of the table's samples (n of them)."""

    values: NDArray[np.float64]
    """(n,) shares of full marks, repeats averaged; meaningless where `is_scored` is False."""
    is_scored: NDArray[np.bool_]
    """(n,)"""
    why: Mapping[str, int]
    """How many samples are unscored, by reason."""
    crash: str = ""
    """Where the metric itself failed: on which sample first, and with what."""
    counts: Counts | None = None
    """Sufficient statistics of a corpus metric; zero rows where unscored."""
    worst: Counts | None = None
    """What `counts` would be where unscored, had the answer been unreadable (corpus metrics); zero rows elsewhere."""
    best: Counts | None = None
    """The same, had the answer been right."""
    repeats: Repeats | None = None
    """None where each sample was asked once."""

    def take(self, rows: NDArray[np.intp]) -> Self:
        """The column over the samples numbered in `rows`; why some are unscored and how repeats varied is not kept."""
        counts, worst, best = (None if c is None else c.take(rows) for c in (self.counts, self.worst, self.best))
        values, is_scored = self.values[rows], self.is_scored[rows]
        return type(self)(values=values, is_scored=is_scored, why={}, counts=counts, worst=worst, best=best)


class Tally(Struct, frozen=True, kw_only=True):
    """How one side's requests ended."""

    planned: int
    ok: int = 0
    failed: int = 0
    truncated: int = 0
    """Cut at max_tokens with no answer to score."""
    refused: int = 0
    cut: int = 0
    """All answers that reached max_tokens."""
    cached: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    """Failures by kind."""
    examples: Mapping[str, str] = field(default_factory=dict)
    """Kind of failure → what the first of them said."""
    empty: int = 0
    """Answers without any text."""
    filtered: int = 0
    """Answers that a provider's content filter blocked or cut."""
    tool_calls: int = 0
    """Answers that are tool calls with no text."""


class Paid(Struct, frozen=True, kw_only=True):
    """What one side's answers took, every repeat an answer."""

    answers: int = 0
    counted: int = 0
    """Of them, those whose tokens the server counted, both ways."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    """Those that were counted together; None where no answer has that count."""
    usd: float = 0.0
    """What the counted answers cost; 0 where the suite names no price."""


class ScoreTable(Struct, frozen=True, kw_only=True):
    """Everything a comparison needs to know about one suite's run."""

    suite: str
    sample_ids: tuple[str, ...]
    columns: Mapping[str, Mapping[str, Column]]
    """role → metric → column"""
    tallies: Mapping[str, Tally]
    clusters: NDArray[np.intp] | None
    """(n,) cluster number of each sample; None when the suite names no cluster."""
    slices: Mapping[str, NDArray[np.intp]]
    """`column=value` → the numbers of its samples, ascending: a table of 100,000 slices is no larger for them."""
    both_answered: int = 0
    """Samples for which both sides gave an answer of some kind."""
    equal_answers: int = 0
    """Of those, how many are byte for byte the same."""
    telling_answers: int = 0
    """Of those answered by both, samples for which at least one side has words of its own: neither empty, nor
    blocked, nor a mere tool call."""
    telling_equal: int = 0
    """Of those, how many are byte for byte the same."""
    latencies: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """role → (n,) seconds, NaN where not measured (cached, failed); the time limit where none came within it."""
    first_tokens: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """role → (n,) seconds to the first token of text, likewise; NaN too where answers are not streamed."""
    costs: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """role → (n,) USD, NaN where the price or the token counts are unknown."""
    served: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """role → distinct model names the server put on its answers."""
    paid: Mapping[str, Paid] = field(default_factory=dict)
    """role → tokens and money of all its answers."""
