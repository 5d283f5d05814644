"""Ratios of latency and cost: candidate over baseline, never points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalkit.types import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 2_000
_CELLS_AT_ONCE = 4_000_000  # bounds memory to about 64 MB


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
    1993, chapter 13). Both arrays have shape (n,), n >= 1.
    """
    n = len(baseline)
    if n == 0 or n != len(candidate):
        raise ValueError("a ratio needs as many baseline as candidate measurements, and at least one")

    def summary(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = values.mean(axis=-1) if quantile is None else np.quantile(values, quantile, axis=-1)
        return np.asarray(found, dtype=np.float64)

    logs = []
    at_once = max(1, _CELLS_AT_ONCE // n)
    for start in range(0, RESAMPLES, at_once):
        drawn = rng.integers(0, n, size=(min(at_once, RESAMPLES - start), n))
        logs.append(np.log(summary(candidate[drawn])) - np.log(summary(baseline[drawn])))
    low, high = np.quantile(np.concatenate(logs), [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    point = float(summary(candidate) / summary(baseline))
    return point, Interval(
        low=float(np.exp(low)), high=float(np.exp(high)), level=level, method="paired-bootstrap-ratio"
    )
