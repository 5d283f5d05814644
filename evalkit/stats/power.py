"""How many pairs a question needs, and what a number of pairs can answer. All normal approximations.

`psi` is the discordance: the share of pairs on which exactly one side is right. For graded scores it is the
mean squared difference, sd² + mean².
"""

from __future__ import annotations

import math

from evalkit.stats.distributions import normal_cdf, normal_quantile
from evalkit.stats.intervals import wilson

_HALVINGS = 60


def n_point_binding(sd: float, min_delta: float, alpha: float) -> int:
    """The pairs above which a point estimate of `min_delta` already excludes 0: ceil((z·sd / min_delta)²).

    At least 1. `sd` and `min_delta` are shares.

    >>> n_point_binding(0.20 ** 0.5, 0.05, 0.05)
    217
    """
    _check_shares(alpha=alpha)
    if min_delta <= 0.0:
        raise ValueError("min_delta must be above 0 for the point rule to bind")
    return _pairs((_z(alpha) * sd / min_delta) ** 2)


def n_power(psi: float, effect: float, alpha: float, power: float = 0.8, *, min_delta: float = 0.05) -> int:
    """Pairs at which a true gain of `effect` passes "estimate at least min_delta and lower bound above 0".

    The larger of two requirements. That the lower bound is above 0: Connor 1987, Biometrics 43:207,
    (z_a·sqrt(psi) + z_b·sqrt(psi - effect²))² / effect². That the estimate reaches `min_delta`:
    z_b²·(psi - effect²) / (effect - min_delta)². A gain cannot exceed the discordance, so `psi` counts as at
    least `effect`. Raises ValueError for effect <= min_delta, which no number of pairs passes with more than
    half a chance.

    >>> [n_power(0.20, effect, 0.05) for effect in (0.06, 0.07, 0.08, 0.10, 0.12)]
    [1392, 346, 192, 122, 84]
    """
    _check_shares(alpha=alpha, power=power)
    if effect <= max(min_delta, 0.0):
        raise ValueError(f"a true gain of {effect} cannot be expected to show as at least {min_delta}")
    psi = max(psi, effect)
    z_a, z_b = _z(alpha), _z(1.0 - power)
    sd = math.sqrt(max(0.0, psi - effect * effect))
    significant = ((z_a * math.sqrt(psi) + z_b * sd) / effect) ** 2
    reaches = (max(z_b, 0.0) * sd / (effect - min_delta)) ** 2
    return _pairs(max(significant, reaches))


def n_margin(psi: float, effect: float, alpha: float, power: float = 0.8, *, min_delta: float = 0.05) -> int:
    """Pairs at which a true gain of `effect` passes the strict rule "lower bound at least min_delta".

    (z_a + z_b)²·(psi - effect²) / (effect - min_delta)². Raises ValueError for effect <= min_delta.

    >>> n_margin(0.20, 0.08, 0.05), n_margin(0.20, 0.10, 0.05)
    (1330, 470)
    """
    _check_shares(alpha=alpha, power=power)
    if effect <= min_delta:
        raise ValueError(f"a true gain of {effect} can never be shown to be above {min_delta}")
    variance = max(0.0, max(psi, effect) - effect * effect)
    return _pairs((_z(alpha) + _z(1.0 - power)) ** 2 * variance / (effect - min_delta) ** 2)


def mde(psi: float, n: int, alpha: float, power: float = 0.8) -> float:
    """The smallest true gain (a share) that `n` pairs show to be above 0 with probability `power`.

    Solves Connor 1987 for the effect. With next to no discordance the effect itself brings some, so `psi` counts
    as at least the effect and the answer is never 0; it is at most 1. Raises ValueError for n < 1.

    >>> round(100 * mde(0.20, 200, 0.05), 1), round(100 * mde(0.20, 200, 0.025), 1)
    (7.8, 8.8)
    """
    _check_shares(alpha=alpha, power=power)
    if n < 1:
        raise ValueError("no pairs detect nothing: n must be at least 1")
    z_a, z_b = _z(alpha), _z(1.0 - power)
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        effect = 0.5 * (low + high)
        share = max(psi, effect)
        needed = z_a * math.sqrt(share) + z_b * math.sqrt(max(0.0, share - effect * effect))
        if effect * math.sqrt(n) >= needed:
            high = effect
        else:
            low = effect
    return high


def mde_graded(sd: float, n: int, alpha: float, power: float = 0.8) -> float:
    """`mde` for graded scores with a known standard deviation of the differences: (z_a + z_b)·sd / sqrt(n).

    At most 1. The variance formula of Miller 2024 (arXiv:2411.00640), section 5, without repeats.

    >>> round(mde_graded(0.45, 200, 0.05), 3)
    0.079
    """
    _check_shares(alpha=alpha, power=power)
    if n < 1:
        raise ValueError("no pairs detect nothing: n must be at least 1")
    return min(1.0, (_z(alpha) + _z(1.0 - power)) * sd / math.sqrt(n))


def n_noninferiority(psi: float, margin: float, alpha: float, power: float = 0.8) -> int:
    """Pairs at which a candidate that is truly no worse clears a loss of `margin`: (z_a + z_b)²·psi / margin².

    At least 1. Raises ValueError for margin <= 0, which no number of pairs can clear.

    >>> n_noninferiority(0.10, 0.03, 0.05)
    687
    """
    _check_shares(alpha=alpha, power=power)
    if margin <= 0.0:
        raise ValueError("a margin of 0 cannot be cleared by any number of pairs")
    return _pairs((_z(alpha) + _z(1.0 - power)) ** 2 * psi / margin**2)


def chance_to_clear(psi: float, margin: float, n: int, alpha: float) -> float:
    """The probability that a candidate that is truly no worse clears a loss of `margin` on `n` pairs.

    The inverse of `n_noninferiority`. Without any discordance it is 1.0.

    >>> round(chance_to_clear(0.10, 0.03, 687, 0.05), 2)
    0.8
    """
    _check_shares(alpha=alpha)
    if n < 1:
        raise ValueError("no pairs clear nothing: n must be at least 1")
    if psi <= 0.0:
        return 1.0
    return normal_cdf(margin * math.sqrt(n / psi) - _z(alpha))


def upper_discordance(discordant: float, n: float, level: float = 0.8) -> float:
    """The discordance that `level` of such samples stay below (one-sided Wilson): what to plan a next run with.

    >>> round(upper_discordance(10, 50), 3)
    0.252
    """
    if not 0.5 < level < 1.0:  # noqa: PLR2004 - an upper bound lies above the middle
        raise ValueError(f"an upper bound's level lies between 0.5 and 1, got {level!r}")
    return wilson(discordant, n, 2.0 * level - 1.0).high


def _z(tail: float) -> float:
    """The normal quantile with `tail` above it."""
    return -normal_quantile(tail)


def _pairs(value: float) -> int:
    # 1e-9 keeps an exact integer from being pushed up by rounding.
    return max(1, math.ceil(value - 1e-9))


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0.0 < share < 1.0:
            raise ValueError(f"{name} lies strictly between 0 and 1, got {share!r}")
