"""A primary metric that is a judge's: corrected by what people said, or not believed.

A judge that was measured against people has its difference corrected before the gate looks at it; one that was not, or
was found wanting, decides nothing. See docs/judges.md for when which correction speaks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from evalkit.compare.instrument import FEWEST_OWN, UNCALIBRATED, Instrument
from evalkit.compare.primary import Decision, decide_primary
from evalkit.compare.rates import rates_of
from evalkit.numbers import at_worst, signed
from evalkit.stats.controlled import controlled_difference
from evalkit.stats.correction import (
    Corrected,
    Labelled,
    ppi_difference,
    rogan_gladen_difference,
    rogan_gladen_items,
)
from evalkit.stats.distributions import normal_cdf, t_cdf
from evalkit.types import BASELINE, CANDIDATE, Comparison, GateSpec, Interval, Reason, to_points
from evalkit.types.table import ScoreTable

UNREAD_MOST = 0.01
"""Share of answers without a usable grade above which no verdict stands on the others: which answers a judge fails at
is seldom chance, and in the few percent that it leaves out there is room for half a gain of 5 points."""


class Corrective(Struct, frozen=True, kw_only=True):
    """A primary comparison after its judge was looked at."""

    found: Comparison
    """Corrected where it could be."""
    distrust: str = ""
    """Why it may not decide, in words."""
    controlled: Comparison | None = None
    """The same with length and style held equal; None where people corrected it or nothing varies."""


def corrected(found: Comparison, table: ScoreTable, gate: GateSpec, by: Instrument) -> Corrective:
    """The comparison as people would have made it, as far as their labels can tell; else why it may not decide."""
    if found.delta_points is None or (by.distrust and not by.is_trusted):
        return Corrective(found=found, distrust="" if by.is_trusted else by.distrust)
    pairs = _Pairs.of(found.metric, table)
    named = _Named(found=found, gate=gate, judge=by.judge)
    raw = pairs.candidate - pairs.baseline
    if by.distrust:
        return Corrective(found=found, controlled=named.controlled(pairs, by.looks, raw))
    own = pairs.labelled(by)
    if own is not None and gate.slices.weights is None:
        # Equal answers are a tie, whatever a judge made of blanks in which they differ.
        known = by.own.keys() | by.imputed
        tied = np.array([name in by.alike and name not in known for name in pairs.ids], dtype=np.bool_)
        sides = [np.where(tied, 0.5, values) for values in (pairs.baseline, pairs.candidate)]
        better = ppi_difference(sides[0], sides[1], own, pairs.clusters)
        labels = (
            f"people's labels of {len(own.rows)} of these {found.n} pairs (PPI++, judge's weight {better.weight:.2f})"
        )
        return Corrective(found=named.with_(better, labels))
    controlled = named.controlled(pairs, by.looks, raw)
    rates = rates_of(by, is_binary=found.is_binary)
    if gate.slices.weights is not None:
        rates = "a difference in the production mix (gate.slices.weights) cannot be corrected for a judge's errors"
    if isinstance(rates, str):
        return Corrective(found=found, distrust="" if by.is_trusted else rates, controlled=controlled)
    tables, told = rates
    better_or_none = rogan_gladen_difference(pairs.baseline, pairs.candidate, tables, pairs.clusters)
    if better_or_none is None:
        why = "it tells good from bad answers too badly for its errors to be undone"
        return Corrective(found=found, distrust="" if by.is_trusted else why, controlled=controlled)
    # Held equal on the corrected scale: a judge that errs makes every gain too small, with and without the looks.
    undone = rogan_gladen_items(pairs.baseline, pairs.candidate, tables)
    return Corrective(found=named.with_(better_or_none, told), controlled=named.controlled(pairs, by.looks, undone))


def held(decision: Decision, after: Corrective, gate: GateSpec, by: Instrument) -> Decision:
    """The decision as far as a judge like this can carry it: otherwise inconclusive, with why."""
    if after.distrust:
        detail = (
            f"{after.found.metric} is graded by the judge {by.judge}, and no verdict may rest on it: {after.distrust}. "
            f"As the judge sees it, {decision.reason.detail}"
        )
        return _inconclusive(by.code if by.distrust else UNCALIBRATED, detail)
    if by.unread > UNREAD_MOST * by.asked:
        detail = (
            f"the judge {by.judge} of {after.found.metric} gave no usable grade on {by.unread:,} of {by.asked:,} "
            f"answers, and at most {100 * UNREAD_MOST:g} % may be left out: see its `problems` in verdict.json, and "
            "give it more max_tokens, `constrained: true` or a better model. As the others have it, "
            f"{decision.reason.detail}"
        )
        return _inconclusive("JUDGE_UNREADABLE", detail)
    alike = after.controlled
    if decision.status != "ship" or alike is None or decide_primary(alike, gate).status == "ship":
        return decision
    shown = f"({at_worst((alike.bounds.low, alike.bounds.high))})" if alike.bounds else ""
    detail = (
        f"the gain may be in the looks: between answers equally long and equally styled it is "
        f"{signed(alike.delta_points)} points {shown}, which would not ship, and judges are known to like longer and "
        f"more decorated answers. People who compare them blind would tell (evalkit rate)"
    )
    return _inconclusive("JUDGE_LENGTH_CONFOUNDED", detail)


class _Pairs(Struct, frozen=True, kw_only=True):
    """The judge's scores of the pairs it scored on both sides."""

    ids: tuple[str, ...]
    baseline: NDArray[np.float64]
    candidate: NDArray[np.float64]
    clusters: NDArray[np.intp] | None

    @classmethod
    def of(cls, metric: str, table: ScoreTable) -> _Pairs:
        base, cand = table.columns[BASELINE][metric], table.columns[CANDIDATE][metric]
        both = base.is_scored & cand.is_scored
        clusters = None
        if table.clusters is not None:
            clusters = np.unique(table.clusters[both], return_inverse=True)[1].astype(np.intp)
        return cls(
            ids=tuple(table.sample_ids[i] for i in np.flatnonzero(both)),
            baseline=base.values[both],
            candidate=cand.values[both],
            clusters=clusters,
        )

    def labelled(self, by: Instrument) -> Labelled | None:
        """People's labels of these pairs; None where they are too few."""
        rows = [i for i, name in enumerate(self.ids) if name in by.own and name not in by.imputed]
        if len(rows) < FEWEST_OWN:
            return None
        certain = [
            i for i, name in enumerate(self.ids) if name in by.imputed or (name in by.alike and name not in by.own)
        ]
        said = np.array([by.own[self.ids[i]] for i in rows], dtype=np.float64)
        return Labelled(
            rows=np.array(rows, dtype=np.intp),
            baseline=said[:, 0],
            candidate=said[:, 1],
            weights=said[:, 2],
            certain=np.array(certain, dtype=np.intp) if certain else None,
        )


class _Named(Struct, frozen=True, kw_only=True):
    """The judge's own comparison, to be rewritten."""

    found: Comparison
    gate: GateSpec
    judge: str

    def with_(self, better: Corrected, labels: str) -> Comparison:
        """The corrected comparison, with a sentence on what the correction did."""
        found, bounds = self.found, _in_points(better.interval(1.0 - 2.0 * self.gate.primary_alpha))
        delta = round(to_points(better.candidate) - to_points(better.baseline), 9)
        raw = f"{signed(found.delta_points)} points"
        if found.bounds is not None:
            raw += f" ({at_worst((found.bounds.low, found.bounds.high))})"
        told = (
            f"corrected for the errors of the judge {self.judge}: {raw} as it graded, {signed(delta)} points "
            f"({at_worst((bounds.low, bounds.high))}) by {labels}"
        )
        return structs.replace(
            found,
            baseline_points=to_points(min(1.0, max(0.0, better.baseline))),
            candidate_points=to_points(min(1.0, max(0.0, better.candidate))),
            delta_points=delta,
            bounds=bounds,
            ci95=_in_points(better.interval(0.95)),
            p_value=_p_value(better),
            method=better.method,
            is_binary=False,
            discordance=None,
            sd_points=100.0 * better.error * float(np.sqrt(found.n)),
            sides95={},
            note=told if found.note is None else f"{told}; {found.note}",
        )

    def controlled(
        self, pairs: _Pairs, looks: Mapping[str, tuple[float, ...]], differences: NDArray[np.float64]
    ) -> Comparison | None:
        """The differences, shape (n,), with length and style held equal; None where nothing varies or is known."""
        known = [i for i, name in enumerate(pairs.ids) if name in looks]
        if len(known) < FEWEST_OWN:
            return None
        features = np.array([looks[pairs.ids[i]] for i in known], dtype=np.float64)
        clusters = None if pairs.clusters is None else pairs.clusters[known]
        alike = controlled_difference(differences[known], features, clusters)
        if alike is None:
            return None
        return structs.replace(
            self.found,
            delta_points=to_points(alike.delta),
            bounds=_in_points(alike.interval(1.0 - 2.0 * self.gate.primary_alpha)),
            ci95=_in_points(alike.interval(0.95)),
            method="ols-cr1, length and style held equal",
        )


def _p_value(better: Corrected) -> float:
    if better.error == 0.0:
        return 1.0 if better.delta == 0.0 else 0.0
    z = -abs(better.delta) / better.error
    return min(1.0, 2.0 * (t_cdf(z, int(better.freedom)) if np.isfinite(better.freedom) else normal_cdf(z)))


def _in_points(found: Interval) -> Interval:
    return structs.replace(found, low=to_points(found.low), high=to_points(found.high))


def _inconclusive(code: str, detail: str) -> Decision:
    return Decision(status="inconclusive", reason=Reason(code=code, is_blocking=True, detail=detail))
