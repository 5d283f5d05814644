"""Distribution functions, from the standard library where it has them."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

from evalkit.stats.incomplete_beta import beta_cdf, beta_quantile

__all__ = ["beta_quantile", "fair_coin_cdf", "normal_cdf", "normal_quantile", "t_cdf", "t_quantile"]

_FAR_OUT = 0.001
"""A tail below which the share of t² tells fewer digits than its complement."""
_NORMAL = NormalDist()


def normal_cdf(z: float) -> float:
    """P(Z <= z) of the standard normal."""
    return _NORMAL.cdf(z)


def normal_quantile(p: float) -> float:
    """The z with P(Z <= z) = p; p strictly between 0 and 1 (Wichura 1988, algorithm AS 241)."""
    return _NORMAL.inv_cdf(p)


@functools.lru_cache(maxsize=256)
def fair_coin_cdf(k: int, n: int) -> float:
    """P(K <= k) heads in n tosses of a fair coin, from exact integers; 0 for k < 0.

    >>> fair_coin_cdf(1, 3)
    0.5
    """
    if k >= n:
        return 1.0
    term = total = 1 if k >= 0 else 0
    for i in range(1, k + 1):
        term = term * (n - i + 1) // i
        total += term
    return total / (1 << n)


def t_cdf(t: float, df: float) -> float:
    """P(T <= t) of Student's t with `df` degrees of freedom.

    >>> round(t_cdf(2.015, 5), 4)
    0.95
    """
    total = df + t * t
    tail = 0.5 * beta_cdf(df / total, 0.5 * df, 0.5, left=t * t / total)
    return tail if t < 0.0 else 1.0 - tail


def t_quantile(p: float, df: float) -> float:
    """The t with P(T <= t) = p; p strictly between 0 and 1.

    >>> round(t_quantile(0.975, 10), 3)
    2.228
    """
    tail = min(p, 1.0 - p)
    if tail < _FAR_OUT:
        share = beta_quantile(2.0 * tail, 0.5 * df, 0.5)  # of df / (df + t²)
        squared = (1.0 - share) / share
    else:
        share = beta_quantile(1.0 - 2.0 * tail, 0.5, 0.5 * df)  # of t² / (df + t²): small in the middle
        squared = share / (1.0 - share)
    return math.copysign(math.sqrt(df * squared), p - 0.5)
