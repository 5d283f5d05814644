"""One proportion on its own: how sure are we of k out of n."""

from __future__ import annotations

import math

from evalkit.stats.distributions import beta_quantile, normal_quantile
from evalkit.types import Interval


def two_sided_z(level: float) -> float:
    """The standard normal quantile that leaves (1 - level) / 2 on each side; 1.96 at 0.95.

    Raises ValueError when `level` is not strictly between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"an interval's level lies strictly between 0 and 1, got {level!r}")
    return normal_quantile(0.5 + level / 2.0)


def wilson(k: float, n: float, level: float) -> Interval:
    """The score interval for k successes in n trials (Wilson 1927; Newcombe 1998, Stat Med 17:857, method 3).

    `k` and `n` may be effective counts, which need not be whole. Raises ValueError unless 0 <= k <= n and n > 0.
    Newcombe's table I gives 81 of 263 as 0.2553 to 0.3662:

    >>> found = wilson(81, 263, 0.95)
    >>> round(found.low, 4), round(found.high, 4)
    (0.2553, 0.3662)
    """
    _check_counts(k, n)
    z = two_sided_z(level)
    share = k / n
    middle = share + z * z / (2.0 * n)
    half = z * math.sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n))
    scale = 1.0 + z * z / n
    # Algebra gives exactly 0 and 1 at the ends; floating point misses them by an ulp.
    low = 0.0 if k == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if k == n else min(1.0, (middle + half) / scale)
    return Interval(low=low, high=high, level=level, method="wilson")


def clopper_pearson(k: int, n: int, level: float) -> Interval:
    """The exact interval for k successes in n trials (Clopper & Pearson 1934): covers at least `level`, often more.

    Raises ValueError unless 0 <= k <= n and n > 0. Newcombe 1998, table I, method 5, gives 15 of 148 as
    0.0578 to 0.1617:

    >>> found = clopper_pearson(15, 148, 0.95)
    >>> round(found.low, 4), round(found.high, 4)
    (0.0578, 0.1617)
    """
    _check_counts(k, n)
    if not 0.0 < level < 1.0:
        raise ValueError(f"an interval's level lies strictly between 0 and 1, got {level!r}")
    tail = (1.0 - level) / 2.0
    if k in {0, n}:  # one end has a closed form, which asks nothing of scipy
        reach = zero_failures_bound(n, tail)
        low, high = (0.0, reach) if k == 0 else (1.0 - reach, 1.0)
    else:
        low, high = beta_quantile(tail, k, n - k + 1), beta_quantile(1.0 - tail, k + 1, n - k)
    return Interval(low=low, high=high, level=level, method="clopper-pearson")


def zero_failures_bound(n: int, alpha: float) -> float:
    """The failure rate that n trials without a failure still allow, one-sided: 1 - alpha^(1/n).

    The exact form of the rule of three (Hanley & Lippman-Hand 1983, JAMA 249:1743). Raises ValueError for n < 1.

    >>> round(zero_failures_bound(30, 0.05), 3)
    0.095
    """
    if n < 1:
        raise ValueError("no trials, no bound: n must be at least 1")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha lies strictly between 0 and 1, got {alpha!r}")
    return -math.expm1(math.log(alpha) / n)


def _check_counts(k: float, n: float) -> None:
    if n <= 0:
        raise ValueError("a proportion of nothing has no interval: n must be above 0")
    if not 0 <= k <= n:
        raise ValueError(f"{k} successes do not fit into {n} trials")
