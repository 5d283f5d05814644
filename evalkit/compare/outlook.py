"""What a number of pairs can find out, before any is asked: for the gate's primary metric and for its guards.

All of it depends on the discordance, the share of pairs on which exactly one side is right, which is only known
after a run; so each answer is given for an assumed one. For graded scores it is the mean squared difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

from evalkit.compare.primary import pairs_to_ship, planned_points
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.power import chance_to_clear, mde, n_noninferiority, n_power
from evalkit.types import GateSpec

POWER = 0.8
_HALVINGS = 40


class Gain(Struct, frozen=True, kw_only=True):
    """What `n` pairs can say about a gain, at one discordance. Points are absolute; None: no gain can do it."""

    discordance: float
    ships_from_points: float | None
    """The smallest measured gain that the gate lets pass."""
    mde_points: float
    """The smallest true gain that shows as above 0 four times in five."""
    ships_mostly_from_points: float | None
    """The smallest true gain that passes the gate four times in five."""
    n_for_min_delta: int | None
    """Pairs that show a true gain of `min_delta` as above 0 four times in five."""
    n_for_planned: int | None
    """Pairs at which a true gain of `planned_points` passes the gate four times in five; None where it is above 100."""
    planned_points: float


class NoLoss(Struct, frozen=True, kw_only=True):
    """What `n` pairs can say about "loses at most `margin`", at one discordance."""

    discordance: float
    chance: float | None
    """That a candidate which is truly no worse is cleared. None for a margin of 0: only a count of losses decides."""
    n_needed: int | None
    """Pairs at which that happens four times in five; None for a margin of 0."""
    resolves_points: float
    """The smallest margin that these pairs clear four times in five."""


def gain(gate: GateSpec, n: int, discordance: float) -> Gain:
    """What `n` pairs say about this gate's gain. Raises ValueError for n < 1."""
    bar = gate.primary.min_delta / 100.0
    planned = planned_points(gate) / 100.0
    ships = _least_shipped(gate, n, discordance)
    mostly = _least_shipped_mostly(gate, n, discordance)
    return Gain(
        discordance=discordance,
        ships_from_points=None if ships is None else round(100.0 * ships, 1),
        mde_points=round(100.0 * mde(discordance, n, gate.alpha, POWER), 1),
        ships_mostly_from_points=None if mostly is None else round(100.0 * mostly, 1),
        n_for_min_delta=n_power(discordance, bar, gate.alpha, POWER, min_delta=0.0) if bar > 0.0 else None,
        n_for_planned=pairs_to_ship(gate, discordance, planned) if planned <= 1.0 else None,
        planned_points=round(100.0 * planned, 1),
    )


def no_loss(margin_points: float, n: int, discordance: float, alpha: float) -> NoLoss:
    """What `n` pairs say about a loss of at most `margin_points`. Raises ValueError for n < 1."""
    margin = margin_points / 100.0
    spread = (_z(alpha) + _z(1.0 - POWER)) * math.sqrt(discordance / n)
    return NoLoss(
        discordance=discordance,
        chance=round(chance_to_clear(discordance, margin, n, alpha), 3) if margin > 0.0 else None,
        n_needed=n_noninferiority(discordance, margin, alpha, POWER) if margin > 0.0 else None,
        resolves_points=round(100.0 * min(1.0, spread), 1),
    )


def effective_n(n: int, n_clusters: int, alike: float) -> int:
    """How many independent pairs `n` pairs in equal clusters weigh as much as: n / (1 + (n / n_clusters - 1)·alike).

    `alike` is the correlation of two differences of one cluster. Kish 1965, Survey Sampling (the design effect).

    >>> effective_n(200, 40, 0.0), effective_n(200, 40, 0.1), effective_n(200, 40, 1.0)
    (200, 143, 40)
    """
    return round(n / (1.0 + (n / n_clusters - 1.0) * alike))


def mixed_n(shares: Mapping[str, float], counts: Mapping[str, int]) -> int | None:
    """How many samples drawn as the traffic is mixed those of each slice weigh as much as: 1 / Σ share² / count.

    Where all slices spread alike. None while a slice with a share has no sample. Kish 1965, section 11.7.

    >>> mixed_n({"de": 0.5, "en": 0.5}, {"de": 100, "en": 100}), mixed_n({"de": 0.9, "en": 0.1}, {"de": 100, "en": 100})
    (200, 122)
    """
    needed = [name for name, share in shares.items() if share > 0.0]
    if not all(counts.get(name) for name in needed):
        return None
    return round(1.0 / sum(shares[name] ** 2 / counts[name] for name in needed))


def _least_shipped(gate: GateSpec, n: int, psi: float) -> float | None:
    """The smallest measured gain with a lower bound above what is asked; a gain cannot exceed the discordance.

    Tango's interval tests a difference of 0 as McNemar does (Tango 1998), hence z·sqrt(psi / n).
    """
    bar = gate.primary.min_delta / 100.0
    match gate.primary.evidence:
        case "none":
            least = bar
        case "positive":
            least = max(bar, _z(gate.alpha) * math.sqrt(psi / n))
        case "margin":
            least = bar + _z(gate.alpha) * math.sqrt(max(0.0, psi - bar * bar) / n)
    return least if least <= psi else None


def _least_shipped_mostly(gate: GateSpec, n: int, psi: float) -> float | None:
    """The smallest true gain for which `n` pairs are enough; None where even a gain of 100 points is not."""
    low, high = gate.primary.min_delta / 100.0, 1.0
    if low >= high or pairs_to_ship(gate, psi, high) > n:
        return None
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if middle > low and pairs_to_ship(gate, psi, middle) <= n:
            high = middle
        else:
            low = middle
    return high


def _z(tail: float) -> float:
    """The normal quantile with `tail` above it."""
    return -normal_quantile(tail)
