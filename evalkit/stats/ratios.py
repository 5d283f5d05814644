"""Ratios of latency and cost: candidate over baseline, never points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from evalkit.stats.quantiles import quantiles
from evalkit.types import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 1_000
_CELLS_AT_ONCE = 4_000_000  # bounds memory to about 64 MB
MOST_DRAWN = 400
"""Pairs in one resample at most: with more, two quantiles cost more CPU than asking for the answers does."""


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
    if quantile is not None:
        return quantile_ratios(baseline, candidate, (quantile,), rng, level=level)[0]

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(values.mean(axis=-1, keepdims=True), dtype=np.float64)

    return _ratios(baseline, candidate, mean, rng, level=level)[0]


def quantile_ratios(
    baseline: NDArray[np.float64],
    candidate: NDArray[np.float64],
    shares: Sequence[float],
    rng: np.random.Generator,
    *,
    level: float,
) -> list[tuple[float, Interval]]:
    """`ratio_bootstrap` of quantiles at several `shares` from the same resamples: hardly slower than of one."""
    return _ratios(baseline, candidate, lambda values: quantiles(values, shares), rng, level=level)


def _ratios(
    baseline: NDArray[np.float64],
    candidate: NDArray[np.float64],
    summary: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    rng: np.random.Generator,
    *,
    level: float,
) -> list[tuple[float, Interval]]:
    """One (ratio, interval) for each of the K numbers that `summary` makes of (..., n) values: (..., K)."""
    n = len(baseline)
    if n == 0 or n != len(candidate):
        raise ValueError("a ratio needs as many baseline as candidate measurements, and at least one")
    logs = []
    drawn_each = min(n, MOST_DRAWN)
    at_once = max(1, _CELLS_AT_ONCE // drawn_each)
    for start in range(0, RESAMPLES, at_once):
        drawn = rng.integers(0, n, size=(min(at_once, RESAMPLES - start), drawn_each))
        logs.append(np.log(summary(candidate[drawn])) - np.log(summary(baseline[drawn])))
    ends = quantiles(np.concatenate(logs).T, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]).T
    points = summary(candidate) / summary(baseline)
    if drawn_each < n:
        ends = np.log(points) + (ends - np.log(points)) * (drawn_each / n) ** 0.5
    return [
        (
            float(point),
            Interval(low=float(np.exp(low)), high=float(np.exp(high)), level=level, method="paired-bootstrap-ratio"),
        )
        for point, low, high in zip(points, *ends, strict=True)
    ]
