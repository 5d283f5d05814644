"""Two systems on the same items: intervals and tests for the difference, candidate minus baseline."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.distributions import fair_coin_cdf, t_cdf, t_quantile
from evalkit.stats.intervals import two_sided_z, wilson
from evalkit.types import Interval

_HALVINGS = 60
"""Bisection steps: 2 / 2**60 is below one ulp of the answer."""


def tango_interval(improved: float, worsened: float, n: float, level: float) -> Interval:
    """The score interval for the paired difference of two proportions (Tango 1998, Stat Med 17:891).

    `improved` pairs only the candidate got right, `worsened` only the baseline. It excludes 0 exactly when the
    uncorrected McNemar z does, and says something sensible at 0 discordant pairs, at n = 1 and when all pairs
    went one way. Counts may be effective counts, which need not be whole. Raises ValueError for n <= 0 and for
    counts that do not fit into n.

    Tango's own example of sleeping difficulties, 9 and 3 of 32 pairs, is -0.027 to 0.390:

    >>> found = tango_interval(9, 3, 32, 0.95)
    >>> round(found.low, 3), round(found.high, 3)
    (-0.027, 0.39)
    """
    _check_pairs(improved, worsened, n)
    z = two_sided_z(level)
    point = (improved - worsened) / n
    low = _tango_edge((improved, worsened, n), z, inside=point, outside=-1.0)
    high = _tango_edge((improved, worsened, n), z, inside=point, outside=1.0)
    return Interval(low=low, high=high, level=level, method="tango")


def newcombe_interval(both: int, improved: int, worsened: int, neither: int, level: float) -> Interval:
    """The interval of squared Wilson margins for the paired difference (Newcombe 1998, Stat Med 17:2635, method 10).

    `both` and `neither` are the pairs on which the two sides agree. Raises ValueError when there are no pairs.
    Bentur et al.'s 21 children (1, 1, 7, 12) give -0.507 to -0.026 (Fagerland et al. 2014, Stat Med 33:2850):

    >>> found = newcombe_interval(1, 1, 7, 12, 0.95)
    >>> round(found.low, 3), round(found.high, 3)
    (-0.507, -0.026)
    """
    n = both + improved + worsened + neither
    _check_pairs(improved, worsened, n)
    right_candidate, right_baseline = both + improved, both + worsened
    candidate, baseline = wilson(right_candidate, n, level), wilson(right_baseline, n, level)
    phi = _corrected_phi(both, improved, worsened, neither)
    p, q = right_candidate / n, right_baseline / n
    difference = (improved - worsened) / n
    below = _correlated_root(p - candidate.low, baseline.high - q, phi)
    above = _correlated_root(candidate.high - p, q - baseline.low, phi)
    return Interval(
        low=max(-1.0, difference - below), high=min(1.0, difference + above), level=level, method="newcombe"
    )


def mcnemar_exact(improved: int, worsened: int) -> float:
    """The two-sided exact conditional p-value that neither side is better; 1.0 when no pair disagrees.

    Bentur et al.'s 1 against 7 gives 0.070 (Fagerland et al. 2013, BMC Med Res Methodol 13:91):

    >>> round(mcnemar_exact(1, 7), 3)
    0.07
    """
    _check_pairs(improved, worsened, improved + worsened + 1)
    few, discordant = min(improved, worsened), improved + worsened
    return min(1.0, 2.0 * fair_coin_cdf(few, discordant)) if discordant else 1.0


def mcnemar_midp(improved: int, worsened: int) -> float:
    """The two-sided mid-p value that neither side is better; 1.0 when no pair disagrees.

    The exact p-value less the probability of what was seen, which is less needlessly cautious (Fagerland et
    al. 2013, BMC Med Res Methodol 13:91, equation 6). Their example, 1 against 7, gives 0.039:

    >>> round(mcnemar_midp(1, 7), 3)
    0.039
    """
    _check_pairs(improved, worsened, improved + worsened + 1)
    few, discordant = min(improved, worsened), improved + worsened
    if discordant == 0:
        return 1.0
    at_most = fair_coin_cdf(few, discordant)
    fewer = fair_coin_cdf(few - 1, discordant)
    if improved == worsened:
        return 1.0 - 0.5 * (at_most - fewer)
    return min(1.0, at_most + fewer)


def paired_t_interval(
    differences: NDArray[np.float64], level: float, clusters: NDArray[np.intp] | None = None
) -> Interval:
    """The t interval for the mean difference, cluster-robust (CR1) with G - 1 degrees of freedom.

    `differences` has shape (n,); `clusters` holds one cluster number per item, None meaning that every item
    stands alone, where this is the ordinary paired t. Cameron & Miller 2015, J Hum Resour 50:317, section II.
    Raises ValueError for n = 0. One cluster says nothing about spread: the interval is all of [-1, 1]. When no
    cluster deviates from the mean, the interval is the one `no_spread_interval` describes, never a single point.
    """
    mean, error, groups = cluster_mean(differences, clusters)
    two_sided_z(level)  # refuses an impossible level
    if groups < 2:  # noqa: PLR2004 - a spread takes two
        return Interval(low=-1.0, high=1.0, level=level, method="none")
    if error == 0.0:
        return no_spread_interval(mean, groups, level)
    half = t_quantile(0.5 + level / 2.0, groups - 1) * error
    method = "paired-t" if clusters is None else "cr1-t"
    return Interval(low=max(-1.0, mean - half), high=min(1.0, mean + half), level=level, method=method)


def paired_t_p(differences: NDArray[np.float64], clusters: NDArray[np.intp] | None = None) -> float:
    """The two-sided p-value of the cluster-robust t test that the mean difference is 0.

    1.0 for a single cluster. Where all G clusters agree exactly on something other than 0, a t test would say 0;
    this says what a sign test can: 2^(1-G). Raises ValueError for n = 0.
    """
    mean, error, groups = cluster_mean(differences, clusters)
    if groups < 2 or mean == 0.0:  # noqa: PLR2004 - a spread takes two
        return 1.0
    if error == 0.0:
        return 2.0 ** (1 - groups)
    return min(1.0, 2.0 * t_cdf(-abs(mean) / error, groups - 1))


def cluster_mean(differences: NDArray[np.float64], clusters: NDArray[np.intp] | None) -> tuple[float, float, int]:
    """(mean, its CR1 standard error, number of clusters G). The error is 0.0 when G < 2.

    Items without clusters count as one cluster each. Deviations below 1e-12 are rounding, not spread.
    Raises ValueError for no items, for values that are not finite and for mismatched lengths.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = values.size
    if n == 0:
        raise ValueError("no pairs, no interval: at least one difference is needed")
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("differences are a flat array of finite numbers")
    mean = float(values.mean())
    deviations = values - mean
    if clusters is not None:
        if len(clusters) != n:
            raise ValueError(f"{n} differences need {n} cluster numbers, got {len(clusters)}")
        _, numbers = np.unique(clusters, return_inverse=True)
        deviations = np.bincount(numbers, weights=deviations).astype(np.float64)
    groups = deviations.size
    if groups < 2:  # noqa: PLR2004 - a spread takes two
        return mean, 0.0, groups
    deviations[np.abs(deviations) < 1e-12] = 0.0  # noqa: PLR2004 - see above
    error = math.sqrt(groups / (groups - 1) * float(deviations @ deviations)) / n
    return mean, error, groups


def no_spread_interval(mean: float, groups: int, level: float) -> Interval:
    """The interval around `mean` when all `groups` independent groups agree exactly.

    Standard errors are 0 there, and a bound of no width would let anything pass. Seeing nothing vary in G groups
    is what Tango's interval describes for G pairs with none discordant: plus or minus z² / (G + z²).
    """
    half = tango_interval(0, 0, groups, level).high
    return Interval(low=max(-1.0, mean - half), high=min(1.0, mean + half), level=level, method="tango")


def _tango_edge(counts: tuple[float, float, float], z: float, *, inside: float, outside: float) -> float:
    """The outermost difference between `inside` and `outside` that the score test does not reject."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (inside + outside)
        if _is_rejected(counts, z, middle):
            outside = middle
        else:
            inside = middle
    return inside if abs(inside) > 1e-15 else 0.0  # noqa: PLR2004 - below an ulp of 1 there is only rounding


def _is_rejected(counts: tuple[float, float, float], z: float, delta: float) -> bool:
    """Whether |T(delta)| > z, Tango 1998 equations 7 to 11, squared so that nothing is divided by 0."""
    improved, worsened, n = counts
    b = -improved - worsened + (2.0 * n - improved + worsened) * delta
    c = -worsened * delta * (1.0 - delta)
    # The constrained estimate of the share of worsened pairs: the larger root of 2n x² + b x + c.
    nuisance = (math.sqrt(max(0.0, b * b - 8.0 * n * c)) - b) / (4.0 * n)
    variance = n * max(0.0, 2.0 * nuisance + delta * (1.0 - delta))
    gap = improved - worsened - n * delta
    return gap * gap > z * z * variance


def _corrected_phi(both: int, improved: int, worsened: int, neither: int) -> float:
    """Newcombe's correlation between the sides, corrected towards 0; 0 where it is undefined."""
    n = both + improved + worsened + neither
    margins = (both + improved) * (worsened + neither) * (both + worsened) * (improved + neither)
    if margins == 0:
        return 0.0
    excess = both * neither - improved * worsened
    if excess > 0:
        return max(excess - n / 2.0, 0.0) / math.sqrt(margins)
    return excess / math.sqrt(margins)


def _correlated_root(a: float, b: float, phi: float) -> float:
    return math.sqrt(max(0.0, a * a - 2.0 * phi * a * b + b * b))


def _check_pairs(improved: float, worsened: float, n: float) -> None:
    if n <= 0:
        raise ValueError("no pairs, no interval: n must be above 0")
    if improved < 0 or worsened < 0 or improved + worsened > n * (1.0 + 1e-12):
        raise ValueError(f"{improved} improved and {worsened} worsened pairs do not fit into {n}")
