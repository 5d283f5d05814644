"""A difference put together from parts that are weighed otherwise than they were drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evalkit.stats.distributions import normal_cdf, t_quantile
from evalkit.types import Interval


class Stratum(Struct, frozen=True, kw_only=True):
    """One part: its weight, and the difference measured on it."""

    share: float
    delta: float


def stratified_interval(parts: Sequence[Stratum], intervals: Sequence[Interval], level: float) -> Interval:
    """The interval of sum(share · delta) from the parts' own intervals at the same level.

    The square roots of the summed squared margins, each side by itself (Zou & Donner 2008, Stat Med 27:1693; Yan &
    Su 2010, Stat Biopharm Res 2:329 for strata). With symmetric intervals that is z·sqrt(sum share²·SE²); unlike
    that sum it keeps a width where a part has no spread.

    >>> parts = [Stratum(share=0.5, delta=0.10), Stratum(share=0.5, delta=0.20)]
    >>> each = [Interval(low=d - 0.06, high=d + 0.08, level=0.9, method="") for d in (0.10, 0.20)]
    >>> found = stratified_interval(parts, each, 0.9)
    >>> round(found.low, 4), round(found.high, 4)  # 0.15 - 0.06/sqrt(2), 0.15 + 0.08/sqrt(2)
    (0.1076, 0.2066)
    """
    delta = sum(part.share * part.delta for part in parts)
    both = list(zip(parts, intervals, strict=True))
    below = math.sqrt(sum((part.share * (part.delta - each.low)) ** 2 for part, each in both))
    above = math.sqrt(sum((part.share * (each.high - part.delta)) ** 2 for part, each in both))
    return Interval(low=max(-1.0, delta - below), high=min(1.0, delta + above), level=level, method="post-stratified")


def stratified_error(
    differences: NDArray[np.float64], strata: NDArray[np.intp], shares: NDArray[np.float64], clusters: NDArray[np.intp]
) -> tuple[float, float, int]:
    """(sum of share · mean of the stratum, its cluster-robust standard error, number of clusters G).

    `strata` (n,) numbers each item's stratum, `shares` (S,) weighs them, `clusters` (n,) may cut across strata. The
    error is that of the linearised mean, with the factor G / (G - 1) (Cameron & Miller 2015, J Hum Resour 50:317).
    Every stratum needs an item. Without clusters of several items it is sqrt(sum share²·SE²):

    >>> import numpy as np
    >>> d, s = np.array([1.0, 0.0, 0.0, -1.0]), np.array([0, 0, 1, 1])
    >>> mean, error, groups = stratified_error(d, s, np.array([0.5, 0.5]), np.arange(4))
    >>> mean, round(error, 4), groups
    (0.0, 0.2887, 4)
    """
    sizes = np.bincount(strata, minlength=len(shares))
    means = np.bincount(strata, weights=differences, minlength=len(shares)) / sizes
    residuals = (shares / sizes)[strata] * (differences - means[strata])
    _, numbers = np.unique(clusters, return_inverse=True)
    sums = np.bincount(numbers, weights=residuals)
    groups = len(sums)
    mean = float(shares @ means)
    if groups < 2:  # noqa: PLR2004 - a spread takes two
        return mean, 0.0, groups
    return mean, math.sqrt(groups / (groups - 1) * float(sums @ sums)), groups


def wider_by_clusters(plain: Interval, mean: float, error: float, groups: int) -> Interval:
    """`plain` widened to the t interval with G - 1 degrees of freedom; all of [-1, 1] for a single cluster."""
    if groups < 2:  # noqa: PLR2004 - a spread takes two
        return Interval(low=-1.0, high=1.0, level=plain.level, method="none")
    half = t_quantile(0.5 + plain.level / 2.0, groups - 1) * error
    low, high = min(plain.low, max(-1.0, mean - half)), max(plain.high, min(1.0, mean + half))
    return Interval(low=low, high=high, level=plain.level, method=plain.method)


def normal_p(mean: float, error: float, n: int) -> float:
    """The two-sided normal p-value that the mean is 0.

    Without any spread around a mean that is not 0 it is what a sign test of `n` pairs can say, 2^(1-n).
    """
    if mean == 0.0:
        return 1.0
    return min(1.0, 2.0 * normal_cdf(-abs(mean) / error)) if error > 0.0 else 2.0 ** (1 - n)
