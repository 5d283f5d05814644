"""Items that come in clusters (one customer, one document): fewer independent facts than rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.intervals import clopper_pearson, wilson
from evalkit.stats.paired import cluster_mean, paired_t_interval, tango_interval
from evalkit.types import Interval

_DRAWS_AT_ONCE = 1_000_000
"""Cells of the sign matrix held at a time: 8 MB."""
_FLIPS_PER_DRAW = 10
"""One binomial draw costs about as much as ten coin flips."""


def design_effect(differences: NDArray[np.float64], clusters: NDArray[np.intp]) -> float:
    """(clustered standard error / naive standard error)²: how many rows weigh as much as one independent row.

    Kish 1965. 1.0 where there is no spread to compare or only one cluster; may fall below 1 when clusters
    balance themselves. Raises ValueError for n = 0.
    """
    _, clustered, groups = cluster_mean(differences, clusters)
    _, naive, _ = cluster_mean(differences, None)
    if naive == 0.0 or groups < 2:  # noqa: PLR2004 - a spread takes two
        return 1.0
    return (clustered / naive) ** 2


def clustered_binary_interval(differences: NDArray[np.float64], clusters: NDArray[np.intp], level: float) -> Interval:
    """The interval for a clustered paired difference of 0/1 scores, cautious on both counts.

    Each bound is the wider of two: the cluster-robust t (CR1, G - 1 degrees of freedom) and Tango's score
    interval at the effective size n / DEFF, never counting more than n pairs. Where nothing varies the clusters
    are the sample (Tango at G, by `no_spread_interval`): an interval without width would let any guard hold.
    `differences` holds
    -1, 0 or 1 per item, shape (n,). Raises ValueError for n = 0 and for other values.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not np.isin(values, (-1.0, 0.0, 1.0)).all():
        raise ValueError("differences of 0/1 scores are -1, 0 or 1")
    robust = paired_t_interval(values, level, clusters)
    shrink = max(1.0, design_effect(values, clusters))
    improved, worsened = int((values > 0).sum()), int((values < 0).sum())
    score = tango_interval(improved / shrink, worsened / shrink, values.size / shrink, level)
    return Interval(
        low=min(robust.low, score.low), high=max(robust.high, score.high), level=level, method="cr1-t/tango"
    )


def share_interval(is_right: NDArray[np.bool_], clusters: NDArray[np.intp] | None, level: float) -> Interval:
    """The interval for one side's share of right answers by itself, shape (n,): Wilson's.

    Where all or none are right it is the exact one (Clopper & Pearson 1934; two-sided form of the rule of three). With
    clusters the counts are those of n / DEFF independent answers, at the ends of as many as there are clusters. Raises
    ValueError for n = 0. Newcombe 1998, table I: 81 of 263 and 0 of 20.

    >>> found = share_interval(np.arange(263) < 81, None, 0.95), share_interval(np.zeros(20, dtype=bool), None, 0.95)
    >>> [(round(one.low, 4), round(one.high, 4)) for one in found]
    [(0.2553, 0.3662), (0.0, 0.1684)]
    """
    n, right = len(is_right), int(is_right.sum())
    if right in {0, n}:
        groups = n if clusters is None else len(np.unique(clusters))
        return clopper_pearson(groups if right else 0, groups, level)
    shrink = 1.0 if clusters is None else max(1.0, design_effect(is_right.astype(np.float64), clusters))
    return wilson(right / shrink, n / shrink, level)


def sign_flip_p(
    differences: NDArray[np.float64],
    clusters: NDArray[np.intp] | None,
    rng: np.random.Generator,
    permutations: int = 10_000,
) -> float:
    """The two-sided permutation p-value that the mean difference is 0: whole clusters change sign together.

    Fisher 1935, section 21. All sign patterns are enumerated when there are at most `permutations` of them, and
    the value is exact; otherwise (1 + extreme) / (1 + permutations), which is never 0 (Phipson & Smyth 2010).
    Raises ValueError for n = 0. Fisher's own example, Darwin's fifteen pairs of maize, gives 1726 of 32768, 0.0527.
    """
    values = np.asarray(differences, dtype=np.float64)
    cluster_mean(values, clusters)  # refuses what is no list of differences
    if clusters is not None:
        _, numbers = np.unique(clusters, return_inverse=True)
        values = np.bincount(numbers, weights=values).astype(np.float64)
    sizes = np.abs(values[np.abs(values) > 1e-12])  # noqa: PLR2004 - rounding left by sums that cancel
    if sizes.size == 0:
        return 1.0
    # Rounding must not decide whether a pattern ties with what was seen.
    threshold = abs(float(values.sum())) - 1e-9 * float(sizes.sum())
    if sizes.size < 63 and 2**sizes.size <= permutations:  # noqa: PLR2004 - beyond, 2**size leaves int64
        patterns = np.arange(2**sizes.size, dtype=np.int64)[:, None] >> np.arange(sizes.size)
        totals = (1.0 - 2.0 * (patterns & 1)) @ sizes
        return float(np.mean(np.abs(totals) >= threshold))
    return (1 + _extreme_flips(sizes, threshold, rng, permutations)) / (1 + permutations)


def _extreme_flips(sizes: NDArray[np.float64], threshold: float, rng: np.random.Generator, permutations: int) -> int:
    """How many random sign patterns reach the threshold."""
    distinct, counts = np.unique(sizes, return_counts=True)
    # Equal sizes share one binomial draw; where nearly all differ, plain coin flips are ten times cheaper.
    is_shared = distinct.size * _FLIPS_PER_DRAW < sizes.size
    columns = distinct.size if is_shared else sizes.size
    at_once = max(1, _DRAWS_AT_ONCE // columns)
    extreme = 0
    for start in range(0, permutations, at_once):
        rows = min(at_once, permutations - start)
        if is_shared:
            totals = (counts - 2 * rng.binomial(counts, 0.5, size=(rows, columns))) @ distinct
        else:
            heads = rng.integers(2, size=(rows, columns), dtype=np.int8)
            totals = sizes.sum() - 2.0 * (heads @ sizes)
        extreme += int((np.abs(totals) >= threshold).sum())
    return extreme
