"""How far two samples of counts lie apart, and how far they would when both came from one source.

The null is a permutation: both samples are pooled and dealt out anew at their sizes. For counts that is a draw from
the multivariate hypergeometric distribution, so a million log rows cost no more than their distinct values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]
DRAWS = 999
"""Permutations: p can be as small as .001, and its error at .01 is .003."""


class Drift(Struct, frozen=True, kw_only=True):
    """A distance, its permutation null and how often chance alone reaches it."""

    value: float
    null95: float
    p_value: float


def aligned(left: Mapping[str, int], right: Mapping[str, int]) -> tuple[Sequence[str], Counts, Counts]:
    """(names in order, both counts by name). Names that are in neither do not occur."""
    names = sorted(name for name in left.keys() | right.keys() if left.get(name, 0) + right.get(name, 0) > 0)
    return (
        names,
        np.array([left.get(name, 0) for name in names], dtype=np.int64),
        np.array([right.get(name, 0) for name in names], dtype=np.int64),
    )


def psi(left: Counts, right: Counts) -> Shares:
    """Population stability index, Σ (p − q) ln(p / q), along the last axis. An empty bin counts as half an item.

    Without drift its mean is about (B − 1)(1/n₁ + 1/n₂): with 10 bins and 200 against 200 items that is .09, so that
    the usual threshold of .10 says nothing there by itself.

    >>> round(float(psi(np.array([50, 50]), np.array([80, 20]))), 4)
    0.4159
    """
    p = np.maximum(left, 0.5) / left.sum(axis=-1, keepdims=True)
    q = np.maximum(right, 0.5) / right.sum(axis=-1, keepdims=True)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1), dtype=np.float64)


def jensen_shannon(left: Counts, right: Counts) -> float:
    """Jensen–Shannon divergence to base 2: 0 for equal shares, 1 where nothing is shared (Lin 1991).

    >>> jensen_shannon(np.array([10, 0]), np.array([0, 3]))
    1.0
    """
    p, q = left / left.sum(), right / right.sum()
    middle = (p + q) / 2

    def apart(share: Shares) -> float:
        is_there = share > 0
        return float((share[is_there] * np.log2(share[is_there] / middle[is_there])).sum())

    return (apart(p) + apart(q)) / 2


def chi_squared(left: Counts, right: Counts) -> Shares:
    """Pearson's statistic of the 2 × B table, along the last axis."""
    n, m = left.sum(axis=-1, keepdims=True), right.sum(axis=-1, keepdims=True)
    pooled = left + right
    expected = np.where(pooled > 0, pooled, 1) * (n / (n + m))
    other = np.where(pooled > 0, pooled, 1) * (m / (n + m))
    return np.asarray(((left - expected) ** 2 / expected + (right - other) ** 2 / other).sum(axis=-1), dtype=np.float64)


def kolmogorov(left: Counts, right: Counts) -> Shares:
    """Largest distance between the two distribution functions, bins being in order, along the last axis."""
    p = left.cumsum(axis=-1) / left.sum(axis=-1, keepdims=True)
    q = right.cumsum(axis=-1) / right.sum(axis=-1, keepdims=True)
    return np.asarray(np.abs(p - q).max(axis=-1), dtype=np.float64)


def wasserstein(values: Shares, left: Counts, right: Counts) -> float:
    """Mean distance a unit of `left` has to be moved to make `right`, in the unit of `values` (ascending).

    >>> wasserstein(np.array([1.0, 4.0]), np.array([2, 0]), np.array([0, 5]))
    3.0
    """
    apart = np.abs(left.cumsum() / left.sum() - right.cumsum() / right.sum())
    return float((apart[:-1] * np.diff(values)).sum())


def dealt(left: Counts, right: Counts, *, seed: int, draws: int = DRAWS) -> tuple[Counts, Counts]:
    """Both samples' counts after pooling and dealing them out anew, `draws` times: two arrays (draws, bins)."""
    pooled = left + right
    rng = np.random.default_rng(seed)
    first = rng.multivariate_hypergeometric(pooled, int(left.sum()), size=draws, method="marginals")
    return first, pooled - first


def against_null(value: float, null: Shares) -> Drift:
    """The value beside its null; p counts the value itself among the draws (Phipson & Smyth 2010)."""
    p_value = (1 + int((null >= value - 1e-12).sum())) / (1 + len(null))
    return Drift(value=value, null95=float(np.quantile(null, 0.95)), p_value=p_value)
