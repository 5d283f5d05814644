"""One primary metric or several: what each says by itself, and which of them decides.

Where all must pass, the worst one decides: an intersection–union test, each at alpha (Berger 1982, Technometrics
24:295). Where any may pass, the best one decides, each judged at alpha / m: the first step of Holm 1979, and the only
one that matters to whether at least one passes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct, structs

from evalkit.compare.instrument import Instrument
from evalkit.compare.judged import Corrective, corrected, held
from evalkit.compare.parts import compare_primary
from evalkit.compare.primary import decide_primary, pairs_needed
from evalkit.compare.validity import too_small
from evalkit.protocols import Metric
from evalkit.types import Comparison, GateSpec, PrimaryFinding, PrimarySpec, Reason, Status
from evalkit.types.table import ScoreTable

_ORDER: tuple[Status, ...] = ("invalid", "dont_ship", "inconclusive", "ship")
"""From worst to best."""


class Judged(Struct, frozen=True, kw_only=True):
    """What one primary metric alone says."""

    metric: Metric
    found: Comparison
    status: Status
    """`invalid` where there is too little to judge by."""
    reason: Reason

    @property
    def name(self) -> str:
        """The metric's."""
        return self.metric.name


def judge(
    metric: Metric,
    table: ScoreTable,
    gate: GateSpec,
    *,
    seed: str,
    note: str | None = None,
    by: Instrument | None = None,
) -> Judged:
    """The metric compared at the gate's level and held against its bar; `note` is a caution for its reader.

    `by`: the judge whose scores these are, which are corrected for its errors or decide nothing.
    """
    found = compare_primary(metric, table, gate, seed=seed)
    found = structs.replace(found, note=found.note or note)
    after = corrected(found, table, gate, by) if by is not None else Corrective(found=found)
    found = after.found
    small = next(iter(too_small(table, found, gate.validity)), None)
    if small is not None:
        return Judged(metric=metric, found=found, status="invalid", reason=small)
    decision = decide_primary(found, gate)
    if by is not None:
        decision = held(decision, after, gate, by)
    return Judged(metric=metric, found=found, status=decision.status, reason=decision.reason)


def deciding(judged: Collection[Judged], asked: PrimarySpec) -> Judged:
    """The one that decides; among equals the smallest gain where all must pass, the largest where any may."""

    def standing(one: Judged) -> tuple[int, float]:
        return _ORDER.index(one.status), one.found.delta_points or 0.0

    return max(judged, key=standing) if asked.require == "any" else min(judged, key=standing)


def said(judged: Collection[Judged], first: Judged, asked: PrimarySpec) -> list[tuple[Status, Reason]]:
    """The findings that enter the verdict: the deciding one and, where all must pass, every other that does not."""
    if len(judged) == 1:
        return [(first.status, first.reason)]
    others = [one for one in judged if one is not first and asked.require == "all" and one.status != "ship"]
    return [
        (one.status, structs.replace(one.reason, detail=f"{one.name}: {one.reason.detail}")) for one in (first, *others)
    ]


def each_finding(judged: Collection[Judged]) -> tuple[PrimaryFinding, ...]:
    """What each says by itself; empty where there is only one."""
    if len(judged) == 1:
        return ()
    return tuple(
        PrimaryFinding(metric=one.name, status=one.status, code=one.reason.code, detail=one.reason.detail)
        for one in judged
    )


def lost_by_another(judged: Iterable[Judged], asked: PrimarySpec) -> Iterator[str]:
    """Where any metric may carry the ship: a sentence for each that got worse for sure all the same."""
    for one in judged if asked.require == "any" else ():
        if one.found.bounds is not None and one.found.bounds.high < 0.0:
            yield (
                f"{one.name} got worse, and `require: any` does not ask it not to: {one.reason.detail}. A guard on it "
                "would."
            )


def most_needed(judged: Collection[Judged], first: Judged, gate: GateSpec) -> int | None:
    """Pairs that would settle the verdict: of all that must pass and do not yet, the most; else the deciding one's."""
    if first.found.sd_points is None:
        return None  # nothing was measured of the metric that decides: how much of it is needed is not known
    is_joint = gate.primary.require == "all"
    open_ones = [one for one in judged if is_joint and one.status != "ship"] or [first]
    return max((n for one in open_ones if (n := pairs_needed(one.found, gate)) is not None), default=None)
