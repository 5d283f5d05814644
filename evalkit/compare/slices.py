"""The primary metric on each part of the data, and whether a part lost what the whole gained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import structs

from evalkit.compare.pairing import Difference, difference, paired
from evalkit.protocols import Metric
from evalkit.stats.multiplicity import holm
from evalkit.types import Comparison, Interval, Slice, SlicesSpec
from evalkit.types.table import ScoreTable
from evalkit.types.verdict import GuardState

MAX_JUDGED = 1_000
"""Slices judged: each of so many has to be shown at alpha / 1,000, and more would find nothing."""
MAX_SMALL = 100
"""Slices too small to be judged that are shown all the same."""


def judge_slices(metric: Metric, table: ScoreTable, asked: SlicesSpec, *, alpha: float, seed: str) -> tuple[Slice, ...]:
    """The slices' comparisons, in the table's order; a loss is confirmed only after Holm's correction over the judged.

    Judged are the 1,000 largest with at least `min_n` pairs; of smaller ones the 100 largest are shown. The rest
    are left out. The time goes with the samples in the slices, not with samples times slices.
    """
    chosen, small = _chosen(metric, table, asked.min_n)
    measured = {name: difference(paired(metric, table, table.slices[name]), seed=seed) for name in (*chosen, *small)}
    found = {name: _too_few(measured[name].at(alpha), asked) for name in small}
    judged = {name: measured[name] for name in chosen if measured[name].found.delta_points is not None}
    lost = {name: measured[name].at(alpha) for name in chosen if name not in judged}
    unmeasured = {name: Slice(name=name, comparison=c, state="not_measured") for name, c in lost.items()}
    unjudged = {name: Slice(name=name, comparison=c, state="unresolved") for name, c in found.items()}
    parts = unjudged | unmeasured | _judged(judged, asked, alpha)
    return tuple(parts[name] for name in table.slices if name in parts)


def _chosen(metric: Metric, table: ScoreTable, min_n: int) -> tuple[list[str], list[str]]:
    """(judged, shown though too small), the largest first."""
    both = paired(metric, table).both
    sizes = {name: int(both[rows].sum()) for name, rows in table.slices.items()}
    large = sorted((name for name, n in sizes.items() if n >= min_n), key=lambda name: -sizes[name])
    small = sorted((name for name, n in sizes.items() if n < min_n), key=lambda name: -sizes[name])
    return large[:MAX_JUDGED], small[:MAX_SMALL]


def _judged(measured: Mapping[str, Difference], asked: SlicesSpec, alpha: float) -> dict[str, Slice]:
    harm = {name: _harm_p(one.found) for name, one in measured.items()}
    adjusted_p = dict(zip(harm, holm(list(harm.values())), strict=True))
    parts: dict[str, Slice] = {}
    for rank, name in enumerate(sorted(harm, key=harm.__getitem__)):
        one = measured[name]
        # Holm's step for this rank: the bound at alpha over the slices not yet rejected.
        step = one.bounds(alpha / (len(harm) - rank))
        is_confirmed = float(adjusted_p[name]) < alpha
        state = _state(one.found, step, asked, is_confirmed=is_confirmed)
        parts[name] = Slice(name=name, comparison=one.at(alpha), adjusted=step, state=state)
    return parts


def worst(slices: Iterable[Slice]) -> Slice | None:
    """The judged slice that loses most, one that regressed for sure before any other; None without a judged one."""
    judged = [part for part in slices if part.adjusted is not None]
    return min(judged, key=lambda s: (s.state != "regressed", s.comparison.delta_points or 0.0), default=None)


def _state(found: Comparison, adjusted: Interval | None, asked: SlicesSpec, *, is_confirmed: bool) -> GuardState:
    if found.delta_points is None or adjusted is None:
        return "not_measured"
    if adjusted.low > -asked.max_drop:
        return "held"
    is_loss = found.delta_points < -asked.max_drop
    return "regressed" if is_loss and is_confirmed and adjusted.high < 0.0 else "unresolved"


def _harm_p(found: Comparison) -> float:
    """One-sided p for "this slice got worse", from the two-sided one."""
    if found.p_value is None or found.delta_points is None:
        return 1.0
    return found.p_value / 2.0 if found.delta_points < 0.0 else 1.0 - found.p_value / 2.0


def _too_few(found: Comparison, asked: SlicesSpec) -> Comparison:
    return structs.replace(found, note=f"fewer than {asked.min_n} pairs: shown, not judged")
