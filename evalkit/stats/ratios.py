"""Ratios of latency and cost: candidate over baseline, never points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalkit.types import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 2_000
_CELLS_AT_ONCE = 4_000_000  # bounds memory to about 64 MB
MOST_DRAWN = 5_000
"""Pairs in one resample at most: two quantiles of 100,000 pairs would take twenty seconds otherwise."""


def ratio_bootstrap(
    baseline: NDArray[np.float64],
    candidate: NDArray[np.float64],
    quantile: float | None,
    rng: np.random.Generator,
    *,
    level: float,
) -> tuple[float, Interval]:
    """(ratio, its interval) of a quantile of paired positive measurements, or of their means when `quantile` is None.

    Paired bootstrap: the same pairs are drawn on both sides; percentiles of the log ratio (Efron & Tibshirani
    1993, chapter 13). Of more than MOST_DRAWN pairs only so many are drawn at a time, and the spread around the ratio
    is scaled down by the root of their share (the m out of n bootstrap: Bickel, Götze & van Zwet 1997, Statistica
    Sinica 7:1). Both arrays have shape (n,), n >= 1.
    """
    n = len(baseline)
    if n == 0 or n != len(candidate):
        raise ValueError("a ratio needs as many baseline as candidate measurements, and at least one")

    def summary(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = values.mean(axis=-1) if quantile is None else np.quantile(values, quantile, axis=-1)
        return np.asarray(found, dtype=np.float64)

    logs = []
    drawn_each = min(n, MOST_DRAWN)
    at_once = max(1, _CELLS_AT_ONCE // drawn_each)
    for start in range(0, RESAMPLES, at_once):
        drawn = rng.integers(0, n, size=(min(at_once, RESAMPLES - start), drawn_each))
        logs.append(np.log(summary(candidate[drawn])) - np.log(summary(baseline[drawn])))
    ends = np.quantile(np.concatenate(logs), [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    point = float(summary(candidate) / summary(baseline))
    if drawn_each < n:
        ends = np.log(point) + (ends - np.log(point)) * (drawn_each / n) ** 0.5
    low, high = np.exp(ends)
    return point, Interval(low=float(low), high=float(high), level=level, method="paired-bootstrap-ratio")
