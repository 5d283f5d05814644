"""Which part of the data the whole difference comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import structs

from evalkit.compare.mix import by_column
from evalkit.compare.pairing import Paired, paired
from evalkit.numbers import percent, signed
from evalkit.protocols import CorpusMetric, Metric
from evalkit.types import Comparison, Slice
from evalkit.types.table import ScoreTable


def with_contributions(metric: Metric, table: ScoreTable, slices: Sequence[Slice]) -> tuple[Slice, ...]:
    """The slices, each with what it contributes to the pooled difference, in points.

    That is how much of the difference would be gone had the candidate answered in this slice as the baseline did.
    For means the contributions of a column's slices sum to the whole.
    """
    whole = paired(metric, table)
    n = int(whole.both.sum())
    after = _statistic(whole) if n else 0.0
    found = []
    for part in slices:
        value = None
        if part.comparison.delta_points is not None:
            rows = table.slices[part.name]
            value = _share_of_means(paired(metric, table, rows), n)
            if isinstance(metric, CorpusMetric):
                value = 100.0 * (after - _had_it_not_moved(whole, paired(metric, table, rows)))
        found.append(structs.replace(part, contribution_points=_points(value)))
    return tuple(found)


def driver(pooled: Comparison, slices: Sequence[Slice]) -> tuple[Slice, str] | None:
    """The judged slice that contributes most beyond its share of the samples, and a sentence; None where none does."""
    if not pooled.delta_points:
        return None
    sign = 1.0 if pooled.delta_points > 0.0 else -1.0

    def excess(part: Slice) -> float:
        expected = (pooled.delta_points or 0.0) * part.comparison.n / pooled.n
        return sign * ((part.contribution_points or 0.0) - expected)

    parts = [part for column in by_column(slices).values() for part in column]
    best = max(parts, key=excess, default=None)
    if best is None or excess(best) <= 0.0:
        return None
    share = percent(best.comparison.n / pooled.n)
    return best, (
        f"{best.name}, {share} of the pairs, brings {signed(best.contribution_points)} of the "
        f"{signed(pooled.delta_points)} points."
    )


def _points(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 9)


def _share_of_means(part: Paired, n: int) -> float:
    both = part.both
    return 100.0 * float((part.candidate.values - part.baseline.values)[both].sum()) / n


def _statistic(pairs: Paired) -> float:
    """The candidate's corpus metric over its pairs; 0.0 for other metrics, which do not need it."""
    if not isinstance(pairs.metric, CorpusMetric) or pairs.candidate.counts is None:
        return 0.0
    return float(pairs.metric.statistic(pairs.candidate.counts.take(pairs.both).total()))


def _had_it_not_moved(whole: Paired, part: Paired) -> float:
    """The candidate's corpus metric had its answers in this part been the baseline's."""
    metric = whole.metric
    assert isinstance(metric, CorpusMetric)  # noqa: S101 - tells mypy what the caller checked
    sums = [
        column.counts.take(pairs.both).total() if column.counts is not None else np.zeros(0)
        for pairs, column in ((whole, whole.candidate), (part, part.candidate), (part, part.baseline))
    ]
    return float(metric.statistic(sums[0] - sums[1] + sums[2]))
