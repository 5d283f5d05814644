"""What was looked at together, or again: adjusted p-values, false ships of many tries, gains too good to be true."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.distributions import normal_cdf, normal_quantile


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Step-down adjusted p-values in the order given (Holm 1979): the family-wise error stays at the level used.

    >>> [round(float(p), 3) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    steps = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * steps))
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Step-up adjusted p-values in the order given (Benjamini & Hochberg 1995): bounds the share of false finds.

    >>> [round(float(p), 3) for p in benjamini_hochberg([0.01, 0.04, 0.03, 0.005])]
    [0.02, 0.04, 0.04, 0.02]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted


def false_ship(error: float, bar: float, alpha: float) -> float:
    """The chance that a candidate no better than the baseline passes "measured at least `bar`, and shown above 0".

    `error` is the standard error of the difference, a share as `bar` is; normal approximation. At most `alpha`.

    >>> round(false_ship(0.0324, 0.05, 0.05), 3), round(false_ship(0.0145, 0.05, 0.05), 4)
    (0.05, 0.0003)
    """
    least = max(bar, -normal_quantile(alpha) * error)
    return normal_cdf(-least / error) if error > 0.0 else 0.0


def family_wise(single: float, tries: int) -> float:
    """The chance that at least one of `tries` independent tries comes out falsely, each with chance `single`.

    Candidates judged on the same samples are alike, so for them it is an upper bound (Sidak 1967, JASA 62:626).

    >>> [round(100 * family_wise(0.05, tries)) for tries in (3, 5, 10)]
    [14, 23, 40]
    """
    return -math.expm1(tries * math.log1p(-single))


def mean_when_shipped(true: float, error: float, bar: float, alpha: float) -> float:
    """The average gain that runs report which ship, where the true gain is `true`: the winner's curse.

    The mean of a normal with this standard error above max(bar, z·error) (Johnson, Kotz & Balakrishnan 1994, 10.1;
    Lee & Shen 2018, KDD, for online experiments). 200 pairs of which 21 % disagree, a true gain of 5 points:

    >>> round(mean_when_shipped(0.05, 0.0322, 0.05, 0.05), 3)
    0.078
    """
    if error <= 0.0:
        return true
    least = max(bar, -normal_quantile(alpha) * error)
    above = (least - true) / error
    density = math.exp(-0.5 * above * above) / math.sqrt(2.0 * math.pi)
    passing = normal_cdf(-above)
    # Far out in the tail both vanish; the mean beyond a far bound is the bound itself.
    return true + error * density / passing if passing > 1e-12 else max(true, least)  # noqa: PLR2004 - see above


def _checked(p_values: Sequence[float]) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0.0) & (p <= 1.0)):
        raise ValueError("p-values are a flat list of numbers from 0 to 1")
    return p
