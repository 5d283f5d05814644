"""Zero tolerance: samples of which the candidate may fail none, whatever the baseline did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalkit.numbers import percent
from evalkit.stats.intervals import zero_failures_bound
from evalkit.types import Guard, GuardSpec, MustPass
from evalkit.types.table import Column, ScoreTable
from evalkit.types.verdict import GuardState

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMED = 5
"""Ids named in a sentence; verdict.json lists all of them."""


def judge_must_pass(spec: GuardSpec, table: ScoreTable, *, alpha: float) -> Guard:
    """The finding: one failure is a regression, one sample without a score leaves it open.

    A sample passes with full marks on every repeat. Where none of m fails, the bound is exact: at most
    1 − alpha^(1/m) would (Clopper & Pearson 1934; about 3/m at 95 %, the rule of three). Samples of one cluster
    count once for it.
    """
    rows, absent = _asked_for(spec, table)
    column = table.columns["candidate"][spec.metric or ""]
    has_failed, is_open = _failed(column)[rows], _unscored(column)[rows]
    failed = tuple(table.sample_ids[i] for i in rows[has_failed])
    unscored = (*(table.sample_ids[i] for i in rows[is_open & ~has_failed]), *absent)
    n = len(rows) + len(absent)
    bound = None
    if n and not failed and not unscored:
        independent = n if table.clusters is None else len(np.unique(table.clusters[rows]))
        bound = zero_failures_bound(independent, alpha)
    found = MustPass(n=n, failed=failed, unscored=unscored, at_most=bound)
    state: GuardState = "regressed" if failed else "held" if bound is not None else "unresolved"
    suite = table.suite if spec.suite else None
    where = f"{suite} · " if suite else ""
    return Guard(
        name=f"{where}{spec.metric}, must pass" + (f" ({spec.slice})" if spec.slice else ""),
        state=state,
        asked=f"fails none of {n:,}",
        got=_got(found, alpha),
        is_blocking=state == "regressed" or (state == "unresolved" and spec.on_unresolved == "inconclusive"),
        must_pass=found,
        suite=suite,
        line=spec.line,
    )


def _asked_for(spec: GuardSpec, table: ScoreTable) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """(numbers of the samples that must pass, ids of those that were not asked)."""
    if spec.slice is not None:
        return table.slices.get(spec.slice, np.array([], dtype=np.intp)), ()
    if not spec.must_pass:
        return np.arange(len(table.sample_ids), dtype=np.intp), ()
    numbers = {name: i for i, name in enumerate(table.sample_ids)}
    rows = [numbers[name] for name in spec.must_pass if name in numbers]
    return np.array(rows, dtype=np.intp), tuple(name for name in spec.must_pass if name not in numbers)


def _failed(column: Column) -> NDArray[np.bool_]:
    return column.is_scored & (column.values < 1.0)


def _unscored(column: Column) -> NDArray[np.bool_]:
    repeats = column.repeats
    return ~column.is_scored if repeats is None else ~column.is_scored | (repeats.scored < repeats.asked)


def _got(found: MustPass, alpha: float) -> str:
    if found.failed:
        return f"{len(found.failed):,} of {found.n:,} failed: {_named(found.failed)}"
    if found.unscored:
        return f"none failed, but {len(found.unscored):,} of {found.n:,} have no score: {_named(found.unscored)}"
    if found.at_most is None:
        return "no such sample was asked"
    sure = f"{100.0 * (1.0 - alpha):g} % confidence"
    return f"0 of {found.n:,} failed: at most {percent(found.at_most)} would fail, {sure}"


def _named(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more
