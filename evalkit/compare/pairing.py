"""One metric on both sides over the same samples: the delta in points and how sure it is.

Which estimator speaks is decided here, once, by what the scores look like:

========================================  =====================================  ==========================
scores                                    interval                               p
========================================  =====================================  ==========================
right/wrong, no clusters                  Tango 1998 score interval              McNemar mid-p
right/wrong, clusters of several          wider of CR1-t and Tango at n/DEFF     cluster sign-flip (G < 50), t
means, n ≥ 50                             paired t (CR1 with clusters)           the same t
means, n < 50 or skewed                   bootstrap-t                            cluster sign-flip
corpus metrics (macro-F1 …)               paired cluster bootstrap, percentile   approximate randomisation
one side alone, right/wrong               Wilson; Clopper–Pearson at 0 and n
========================================  =====================================  ==========================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, structs

from evalkit.protocols import CorpusMetric, Metric, PartMetric
from evalkit.stats.clusters import clustered_binary_interval, design_effect, share_interval, sign_flip_p
from evalkit.stats.paired import mcnemar_midp, paired_t_interval, paired_t_p, tango_interval
from evalkit.stats.resampling import bootstrap_t_interval, paired_bootstrap, randomisation_p, seed_from
from evalkit.types import Comparison, Interval, to_points
from evalkit.types.table import Column, ScoreTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW = 50
"""Below this many samples or clusters, means use the bootstrap-t and clusters the sign-flip test."""
SKEWED = 0.3
"""Skewness over root n beyond which the t interval misses (simulated with zero-inflated gains)."""


class Difference(Struct, frozen=True, kw_only=True):
    """One metric's difference, worked out once and asked for bounds at as many levels as are needed."""

    found: Comparison
    """Without the gate's bounds, which depend on a level."""
    interval: Callable[[float], Interval] | None = None
    """Two-sided level → interval in shares; None where nothing was measured."""

    def bounds(self, alpha: float) -> Interval | None:
        """One-sided (1 − alpha) bounds in points; None where nothing was measured."""
        return None if self.interval is None else _in_points(self.interval(1.0 - 2.0 * alpha))

    def at(self, alpha: float) -> Comparison:
        """The comparison with its bounds at this level."""
        return structs.replace(self.found, bounds=self.bounds(alpha))


class Paired(Struct, frozen=True, kw_only=True):
    """One metric's columns over the samples asked about (all, or one slice's)."""

    metric: Metric
    baseline: Column
    candidate: Column
    clusters: NDArray[np.intp] | None

    @property
    def both(self) -> NDArray[np.bool_]:
        """(n,) samples scored on both sides."""
        return self.baseline.is_scored & self.candidate.is_scored


def compare(
    metric: Metric, table: ScoreTable, *, alpha: float, seed: str, rows: NDArray[np.intp] | None = None
) -> Comparison:
    """The comparison of one metric over the table's samples, or over those numbered in `rows`.

    `seed` is the suite's fingerprint: resampling draws from it, so nobody can shop for a seed.
    """
    return difference(paired(metric, table, rows), seed=seed).at(alpha)


def paired(metric: Metric, table: ScoreTable, rows: NDArray[np.intp] | None = None) -> Paired:
    """The metric's columns over the table's samples, or over those numbered in `rows`; costs what `rows` are many."""
    base, cand = (table.columns[role][metric.name] for role in ("baseline", "candidate"))
    if rows is None:
        return Paired(metric=metric, baseline=base, candidate=cand, clusters=table.clusters)
    clusters = None if table.clusters is None else table.clusters[rows]
    pairs = Paired(metric=metric, baseline=base.take(rows), candidate=cand.take(rows), clusters=clusters)
    counts = pairs.baseline.counts
    if isinstance(metric, PartMetric) and counts is not None and pairs.both.any():
        return structs.replace(pairs, metric=metric.within(counts.take(pairs.both).total()))
    return pairs


def difference(pairs: Paired, *, seed: str) -> Difference:
    """The difference on these pairs, by the estimator that fits the scores."""
    measured = _corpus(pairs, seed) if isinstance(pairs.metric, CorpusMetric) else _items(pairs, seed)
    unscored = unscored_by_role(pairs)
    found = structs.replace(measured.found, unscored=unscored, worst_case_points=worst_case(pairs, unscored))
    return structs.replace(measured, found=found)


def unscored_by_role(pairs: Paired) -> dict[str, int]:
    """How many samples have no score, by side."""
    sides = (("baseline", pairs.baseline), ("candidate", pairs.candidate))
    return {role: int((~column.is_scored).sum()) for role, column in sides}


def against_the_candidate(metric: Metric, table: ScoreTable) -> ScoreTable:
    """The table had everything missing gone against the candidate: its gaps wrong, the baseline's right."""

    def filled(column: Column, *, is_right: bool) -> Column:
        fill = column.best if is_right else column.worst
        counts = column.counts
        if counts is not None and fill is not None:
            counts = counts.where(column.is_scored, fill)
        return structs.replace(
            column,
            values=np.where(column.is_scored, column.values, 1.0 if is_right else 0.0),
            is_scored=np.ones_like(column.is_scored),
            counts=counts,
        )

    columns = {
        "baseline": {metric.name: filled(table.columns["baseline"][metric.name], is_right=True)},
        "candidate": {metric.name: filled(table.columns["candidate"][metric.name], is_right=False)},
    }
    return structs.replace(table, columns=columns)


def _items(pairs: Paired, seed: str) -> Difference:
    both = pairs.both
    base, cand = pairs.baseline.values[both], pairs.candidate.values[both]
    n = int(both.sum())
    if n == 0:
        return nothing(pairs.metric.name, "no sample has a score on both sides")
    clusters = None if pairs.clusters is None else _renumbered(pairs.clusters[both])
    if not (np.isfinite(base).all() and np.isfinite(cand).all()):
        return nothing(pairs.metric.name, "a score among these samples is no finite number")
    differences = cand - base
    improved, worsened = int((differences > 0).sum()), int((differences < 0).sum())
    is_binary = bool(np.isin(base, (0.0, 1.0)).all() and np.isin(cand, (0.0, 1.0)).all())
    is_clustered = clusters is not None and int(clusters.max()) + 1 < n
    interval, p_value, method = _item_estimators(
        differences, clusters if is_clustered else None, seed, is_binary=is_binary
    )
    # Counts, not floats, where the scores are right or wrong: the edge of the gate must not move with rounding.
    delta = 100.0 * (improved - worsened) / n if is_binary else 100.0 * float(differences.mean())
    found = Comparison(
        metric=pairs.metric.name,
        n=n,
        n_clusters=n if clusters is None else int(clusters.max()) + 1,
        baseline_points=to_points(float(base.mean())),
        candidate_points=to_points(float(cand.mean())),
        delta_points=round(delta, 9),
        bounds=None,
        ci95=_in_points(interval(0.95)),
        p_value=p_value(),
        method=method,
        is_binary=is_binary,
        discordance=(improved + worsened) / n if is_binary else None,
        sd_points=100.0 * float(differences.std(ddof=1)) if n > 1 else None,
        design_effect=_weight(differences, clusters) if clusters is not None and is_clustered else 1.0,
        sides95=_sides(base, cand, clusters if is_clustered else None) if is_binary else {},
        improved=improved,
        worsened=worsened,
    )
    return Difference(found=found, interval=interval)


def _weight(differences: NDArray[np.float64], clusters: NDArray[np.intp]) -> float | None:
    """The design effect, never counted below 1; None for one cluster, whose likeness to others nobody knows."""
    return max(1.0, design_effect(differences, clusters)) if clusters.max() > 0 else None


def _sides(
    base: NDArray[np.float64], cand: NDArray[np.float64], clusters: NDArray[np.intp] | None
) -> dict[str, Interval]:
    """Each side's own level, its clusters minded."""
    each = {"baseline": base, "candidate": cand}
    return {role: _in_points(share_interval(values == 1.0, clusters, 0.95)) for role, values in each.items()}


def _item_estimators(
    differences: NDArray[np.float64], clusters: NDArray[np.intp] | None, seed: str, *, is_binary: bool
) -> tuple[Callable[[float], Interval], Callable[[], float], str]:
    n = len(differences)
    improved, worsened = int((differences > 0).sum()), int((differences < 0).sum())
    groups = n if clusters is None else int(clusters.max()) + 1

    def flipped() -> float:
        return sign_flip_p(differences, _or_each(clusters, n), seed_from(seed))

    if is_binary and clusters is None:
        return (
            lambda level: tango_interval(improved, worsened, n, level),
            lambda: mcnemar_midp(improved, worsened),
            "tango/mcnemar-midp",
        )
    if is_binary and clusters is not None:
        test = flipped if groups < FEW else lambda: paired_t_p(differences, clusters)
        return lambda level: clustered_binary_interval(differences, clusters, level), test, "cluster-robust/tango-deff"
    if groups < FEW or _skew(differences) / n**0.5 > SKEWED:
        return (
            lambda level: bootstrap_t_interval(differences, level, seed_from(seed), clusters),
            flipped,
            "bootstrap-t/sign-flip",
        )
    return (
        lambda level: paired_t_interval(differences, level, clusters),
        lambda: paired_t_p(differences, clusters),
        "paired-t" if clusters is None else "paired-t-cr1",
    )


def _skew(differences: NDArray[np.float64]) -> float:
    """The size of the sample skewness; 0.0 without spread."""
    centred = differences - differences.mean()
    spread = float(np.sqrt((centred**2).mean()))
    return abs(float((centred**3).mean())) / spread**3 if spread > 0.0 else 0.0


def _corpus(pairs: Paired, seed: str) -> Difference:
    metric = pairs.metric
    assert isinstance(metric, CorpusMetric)  # noqa: S101 - tells mypy what the caller checked
    both = pairs.both
    n = int(both.sum())
    if n == 0 or pairs.baseline.counts is None or pairs.candidate.counts is None:
        return nothing(metric.name, "no sample has a score on both sides")
    base, cand = pairs.baseline.counts.take(both), pairs.candidate.counts.take(both)
    clusters = None if pairs.clusters is None else _renumbered(pairs.clusters[both])
    before, after = float(metric.statistic(base.total())), float(metric.statistic(cand.total()))
    drawn = paired_bootstrap(base, cand, metric.statistic, seed_from(seed), clusters=clusters)
    if not (np.isfinite([before, after]).all() and np.isfinite(drawn.deltas).all()):
        # A plug-in's metric may divide by zero on some resample; a bound made without it would be made up.
        return nothing(metric.name, "the metric is no finite number on these samples, or on resamples of them")
    right_before, right_after = pairs.baseline.values[both], pairs.candidate.values[both]
    found = Comparison(
        metric=metric.name,
        n=n,
        n_clusters=n if clusters is None else int(clusters.max()) + 1,
        baseline_points=to_points(before),
        candidate_points=to_points(after),
        delta_points=round(to_points(after) - to_points(before), 9),
        bounds=None,
        ci95=_in_points(drawn.interval(0.95)),
        p_value=randomisation_p(base, cand, metric.statistic, seed_from(seed), clusters=clusters),
        method="paired-bootstrap/randomisation",
        sd_points=100.0 * float(drawn.deltas.std() * np.sqrt(n)),
        improved=int((right_after > right_before).sum()),
        worsened=int((right_after < right_before).sum()),
    )
    return Difference(found=found, interval=drawn.interval)


def worst_case(pairs: Paired, unscored: dict[str, int]) -> tuple[float, float] | None:
    """The delta had everything missing gone against the candidate, and for it; None when nothing is missing."""
    if not any(unscored.values()):
        return None
    low, high = _filled(pairs, baseline_right=True), _filled(pairs, baseline_right=False)
    return (round(low, 9), round(high, 9)) if np.isfinite([low, high]).all() else None


def _filled(pairs: Paired, *, baseline_right: bool) -> float:
    """The delta in points with the baseline's missing scores all right and the candidate's all wrong, or vice versa."""
    metric = pairs.metric

    def side(column: Column, *, is_right: bool) -> float:
        if isinstance(metric, CorpusMetric) and column.counts is not None:
            fill = column.best if is_right else column.worst
            counts = column.counts if fill is None else column.counts.where(column.is_scored, fill)
            return float(metric.statistic(counts.total()))
        return float(np.where(column.is_scored, column.values, 1.0 if is_right else 0.0).mean())

    return 100.0 * (side(pairs.candidate, is_right=not baseline_right) - side(pairs.baseline, is_right=baseline_right))


def nothing(metric: str, why: str) -> Difference:
    """No numbers, and why."""
    found = Comparison(
        metric=metric,
        n=0,
        n_clusters=0,
        baseline_points=None,
        candidate_points=None,
        delta_points=None,
        bounds=None,
        ci95=None,
        p_value=None,
        method="none",
        note=why,
    )
    return Difference(found=found)


def _in_points(interval: Interval) -> Interval:
    return structs.replace(interval, low=to_points(interval.low), high=to_points(interval.high))


def _renumbered(clusters: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.unique(clusters, return_inverse=True)[1].astype(np.intp)


def _or_each(clusters: NDArray[np.intp] | None, n: int) -> NDArray[np.intp]:
    return np.arange(n, dtype=np.intp) if clusters is None else clusters
