"""Distribution functions, from the standard library where it has them.

scipy is imported at the first question only it can answer: loading it takes a third of a second of CPU, and a gate
on right/wrong scores without clusters never asks one.
"""

from __future__ import annotations

import functools
from statistics import NormalDist
from types import ModuleType

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
    """P(T <= t) of Student's t with `df` degrees of freedom."""
    return float(_special().stdtr(df, t))


def t_quantile(p: float, df: float) -> float:
    """The t with P(T <= t) = p."""
    return float(_special().stdtrit(df, p))


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with P(X <= x) = p of the beta distribution with parameters a and b."""
    return float(_special().betaincinv(a, b, p))


def _special() -> ModuleType:
    import scipy.special

    return scipy.special
