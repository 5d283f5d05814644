"""Which of two answers people prefer: wins, ties and losses of the candidate, weighed back to the whole run. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct, structs

from evalkit.stats.intervals import two_sided_z
from evalkit.stats.paired import mcnemar_exact, tango_interval
from evalkit.stats.strata import Stratum, normal_p, stratified_error, stratified_interval, wider_by_clusters
from evalkit.types import Interval

LEVEL = 0.95


class Part(Struct, frozen=True, kw_only=True):
    """A part of the run, and what people said of the samples drawn from it."""

    name: str
    size: int
    """Samples of the run that belong to it."""
    signs: tuple[int, ...]
    """One a rated sample: 1 the candidate is preferred, 0 neither, -1 the baseline."""
    clusters: tuple[str, ...] = ()
    """Each sample's cluster of dependent samples; empty where every sample stands alone."""
    is_known: bool = False
    """Every sample of it is known to be a tie (two equal answers), so nobody was asked."""


class Preference(Struct, frozen=True, kw_only=True):
    """What people prefer. `net` is the share that prefers the candidate minus the share that prefers the baseline."""

    wins: int
    ties: int
    losses: int
    net: float | None
    """Of all samples of the run, each part weighed by its size; None with a `note` where a part was not rated."""
    interval: Interval | None
    p_value: float | None
    """Two-sided, that neither side is preferred."""
    method: str
    note: str | None = None


def preference(parts: Sequence[Part]) -> Preference:
    """Wins, ties and losses over the rated samples, and the net preference in the run they were drawn from.

    Each part has Tango's interval for paired shares (1998, Stat Med 17:891); the parts are combined by their margins
    (Zou & Donner 2008, Stat Med 27:1693). The sizes of the parts were counted in the run itself, a sample too, which
    adds sum w (d - D)² / N to the variance (double sampling for stratification, Cochran 1977, section 12.2).
    p is the exact sign test; samples that depend on each other widen the interval and make it a z test.

    >>> found = preference([Part(name="all", size=1000, signs=(1,) * 9 + (-1,) * 3 + (0,) * 20)])
    >>> found.wins, found.ties, found.losses, round(found.net, 4)
    (9, 20, 3, 0.1875)
    >>> round(found.interval.low, 3), round(found.interval.high, 3)  # Tango's example of sleeping difficulties
    (-0.027, 0.39)
    """
    rated = [part for part in parts if part.size]
    signs = [sign for part in rated for sign in part.signs]
    wins, losses = signs.count(1), signs.count(-1)
    found = Preference(
        wins=wins, ties=signs.count(0), losses=losses, net=None, interval=None, p_value=None, method="none"
    )
    empty = [part.name for part in rated if not part.signs and not part.is_known]
    if empty or not signs:
        told = f"nobody has rated a sample of this part yet: {', '.join(empty)}" if signs else "nothing is rated yet"
        return structs.replace(found, note=told)
    total = sum(part.size for part in rated)
    strata = [Stratum(share=part.size / total, delta=_mean(part)) for part in rated]
    net = sum(stratum.share * stratum.delta for stratum in strata)
    inside = stratified_interval(strata, [_alone(part) for part in rated], LEVEL)
    interval = _widened(inside, net, sum(s.share * (s.delta - net) ** 2 for s in strata) / total)
    p_value, method = mcnemar_exact(wins, losses), "tango/sign-test"
    if any(len(set(part.clusters)) < len(part.clusters) for part in rated):
        error, groups = _clustered(rated, strata)
        interval = wider_by_clusters(interval, net, error, groups)
        p_value, method = normal_p(net, error, groups), "tango, cluster-robust"
    interval = structs.replace(interval, method=method)
    return structs.replace(found, net=net, interval=interval, p_value=p_value, method=method)


def _mean(part: Part) -> float:
    return 0.0 if part.is_known else sum(part.signs) / len(part.signs)


def _alone(part: Part) -> Interval:
    if part.is_known:
        return Interval(low=0.0, high=0.0, level=LEVEL, method="known")
    return tango_interval(part.signs.count(1), part.signs.count(-1), len(part.signs), LEVEL)


def _widened(inside: Interval, net: float, variance: float) -> Interval:
    extra = two_sided_z(LEVEL) ** 2 * variance
    low = net - math.sqrt((net - inside.low) ** 2 + extra)
    high = net + math.sqrt((inside.high - net) ** 2 + extra)
    return structs.replace(inside, low=max(-1.0, low), high=min(1.0, high))


def _clustered(parts: Sequence[Part], strata: Sequence[Stratum]) -> tuple[float, int]:
    """The cluster-robust standard error over the parts people rated, and the number of clusters."""
    asked = [(part, stratum.share) for part, stratum in zip(parts, strata, strict=True) if part.signs]
    names = [name for part, _ in asked for name in part.clusters]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    _, error, groups = stratified_error(
        np.array([sign for part, _ in asked for sign in part.signs], dtype=np.float64),
        np.array([i for i, (part, _) in enumerate(asked) for _ in part.signs], dtype=np.intp),
        np.array([share for _, share in asked]),
        np.array([numbers[name] for name in names], dtype=np.intp),
    )
    return error, groups
