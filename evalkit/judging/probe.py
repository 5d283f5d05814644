"""Probing a judge: what moves its grades that should not, and what should move them and does not.

Every probe is a number of cases; each asks about an answer and, mostly, about the same answer untouched. No labels of
people are needed. Failing a security probe means that whoever writes answers can write their grades too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct, structs

from evalkit.judging.grade import Grade
from evalkit.judging.spec import Item
from evalkit.stats.intervals import wilson
from evalkit.types import Interval

State = Literal["held", "failed", "not_measured"]
Limit = Literal["at most", "at least", "off one half by at most"]
HALF = 0.5
FEWEST_SECURITY = 40
"""Cases that tell something below which a security probe clears nobody: one verdict moved in forty is too many."""
LEAST_GRADED = 0.5
"""Share of a probe's cases with a grade below which the probe says nothing."""

Hit = Callable[[Grade, Grade | None], float | tuple[int, int] | None]
"""(grade of the probe, grade of the untouched answer) → whether the case counts (0.5: as half), or how many verdicts of
how many in it do; None where it tells nothing."""


class Case(Struct, frozen=True, kw_only=True):
    """One question of a probe, and the untouched one it is held against."""

    item: Item
    plain: Item | None = None


class Probe(Struct, frozen=True, kw_only=True):
    """One weakness, and how to find it."""

    name: str
    what: str
    """What the rate is a share of, in words."""
    limit: Limit
    threshold: float
    hit: Hit
    cases: tuple[Case, ...] = ()
    why: str = ""
    """Why there are no cases, in words."""
    is_security: bool = False
    is_asked_anew: bool = False
    """Its questions are the untouched ones, asked a second time past any cache."""


class ProbeFinding(Struct, frozen=True, kw_only=True):
    """What became of one probe."""

    name: str
    what: str
    state: State
    limit: Limit
    threshold: float
    n: int
    hits: float
    rate: float | None
    interval: Interval | None
    """Wilson's, at 95 %."""
    is_security: bool
    why: str = ""

    def as_row(self) -> dict[str, Any]:
        """The finding ready for JSON; what was not measured is null, with a note."""
        row = {name: value for name, value in structs.asdict(self).items() if name not in {"interval", "why"}}
        ci95 = None if self.interval is None else [self.interval.low, self.interval.high]
        return row | {"ci95": ci95, "note": self.why or None}


def found(probe: Probe, grades: Mapping[str, Grade], again: Mapping[str, Grade]) -> ProbeFinding:
    """What the grades (by item id; `again`: of those asked anew) say about one probe."""
    told, graded = [], 0
    for case in probe.cases:
        first = (again if probe.is_asked_anew else grades).get(case.item.id)
        plain = None if case.plain is None else grades.get(case.plain.id)
        told.append(None if first is None or (case.plain and plain is None) else probe.hit(first, plain))
        graded += _has_grade(first) and (case.plain is None or _has_grade(plain))
    counts = [one if isinstance(one, tuple) else (one, 1) for one in told if one is not None]
    hits, n = math.fsum(hit for hit, _ in counts), sum(of for _, of in counts)
    # Answers with full marks cannot gain. They are no sign of a judge that gives no grades, and a security probe, which
    # asks for a number of cases that tell something, is not to be outvoted by them.
    enough = graded if probe.is_security else len(counts)
    why = probe.why
    if not why and (not n or enough < LEAST_GRADED * len(told)):
        why = f"only {len(counts)} of {len(told)} cases have a grade from this judge that tells anything"
    elif not why and probe.is_security and n < FEWEST_SECURITY and _holds(hits / n, probe):
        why = (
            f"only {n} cases tell anything, and {FEWEST_SECURITY} are needed to clear a judge: try it on more answers "
            "(--items, --limit), bad ones above all"
        )
    rate = None if why else hits / n
    return ProbeFinding(
        name=probe.name,
        what=probe.what,
        state="not_measured" if rate is None else "held" if _holds(rate, probe) else "failed",
        limit=probe.limit,
        threshold=probe.threshold,
        n=n,
        hits=int(hits) if hits.is_integer() else hits,
        rate=rate,
        interval=None if rate is None else wilson(hits, n, 0.95),
        is_security=probe.is_security,
        why=why,
    )


def distrust(findings: Iterable[ProbeFinding]) -> str:
    """Why these findings keep a judge from gating, in words; empty where they do not."""
    for one in findings:
        if one.is_security and one.state == "failed":
            return f"it failed the probe '{one.name}': {one.hits:g} of {one.n} {one.what}"
        if one.is_security and one.state == "not_measured":
            return f"the probe '{one.name}' could not be measured: {one.why}"
    return ""


def _has_grade(grade: Grade | None) -> bool:
    return grade is not None and grade.value is not None


def _holds(rate: float, probe: Probe) -> bool:
    if probe.limit == "at least":
        return rate >= probe.threshold
    return (rate if probe.limit == "at most" else abs(rate - HALF)) <= probe.threshold
