"""The primary metric on each part of the data, and whether a part lost what the whole gained."""

from __future__ import annotations

import dataclasses

from evalkit.compare.pairing import compare
from evalkit.protocols import Metric
from evalkit.stats.multiplicity import holm
from evalkit.types import Comparison, Interval, Slice, SlicesSpec
from evalkit.types.table import ScoreTable
from evalkit.types.verdict import GuardState


def judge_slices(metric: Metric, table: ScoreTable, asked: SlicesSpec, *, alpha: float, seed: str) -> tuple[Slice, ...]:
    """Every slice's comparison; a loss counts as confirmed only after Holm's correction over the slices tested.

    Slices with fewer than `min_n` pairs are shown and never judged.
    """
    found = [(name, compare(metric, table, alpha=alpha, seed=seed, keep=keep)) for name, keep in table.slices.items()]
    tested = [(name, c) for name, c in found if c.n >= asked.min_n and c.delta_points is not None]
    order = sorted(range(len(tested)), key=lambda i: _harm_p(tested[i][1]))
    adjusted_p = holm([_harm_p(c) for _, c in tested])
    judged: dict[str, Slice] = {}
    for rank, index in enumerate(order):
        name, plain = tested[index]
        # Holm's step for this rank: the bound at alpha over the slices not yet rejected.
        step = compare(metric, table, alpha=alpha / (len(tested) - rank), seed=seed, keep=table.slices[name])
        is_confirmed = float(adjusted_p[index]) < alpha
        judged[name] = Slice(
            name=name,
            comparison=plain,
            adjusted=step.bounds,
            state=_state(plain, step.bounds, asked, is_confirmed=is_confirmed),
        )
    unjudged = {name: Slice(name=name, comparison=_too_few(c, asked), state="unresolved") for name, c in found}
    return tuple((unjudged | judged)[name] for name, _ in found)


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
    return dataclasses.replace(found, note=f"fewer than {asked.min_n} pairs: shown, not judged")
