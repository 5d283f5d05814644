"""From the judgments about one item to its grade: votes, then the panel, then the rubric's weights. Pure.

Missing evidence is never a zero: where fewer than half of the votes or members can be used, or they are split evenly,
there is no grade.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from statistics import fmean, median

from msgspec import Struct, field

from evalkit.judging.spec import Criterion, JudgeSpec, Judgment
from evalkit.types import JsonValue

JUDGE_ERROR = "judge_error"
_EVEN = 0.5


class Grade(Struct, frozen=True, kw_only=True):
    """What a judge makes of one item, or why it makes nothing of it."""

    value: float | None
    """0 to 1; of a pair 1, 0.5 or 0: a win, a tie or a loss of the judged answer. None: there is no grade."""
    why: str = ""
    """Where there is none: `judge_error`."""
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)
    """For the reader: the verdict on each criterion, the quotes, and what went wrong."""
    agreement: float | None = None
    """Of a panel: the share of pairs of members that say the same; None for one model alone."""
    is_consistent: bool | None = None
    """Of a pair: no model changed its mind with the order; None elsewhere."""
    injection_attempt: bool = False
    errors: int = 0
    """Replies that could not be used."""


def grade(spec: JudgeSpec, found: Sequence[Judgment]) -> Grade:
    """The grade from every judgment about one item (of a pair: in both orders)."""
    if spec.mode == "pairwise":
        return _pair(spec, found)
    by_criterion = {one.id: _criterion(one, spec, [j for j in found if j.criterion == one.id]) for one in spec.criteria}
    marks = {name: mark for name, (mark, _) in by_criterion.items()}
    agreements = [agreement for _, agreement in by_criterion.values() if agreement is not None]
    value = _weighted(spec, marks)
    return Grade(
        value=value,
        why="" if value is not None else JUDGE_ERROR,
        evidence=_told(spec, found, marks),
        agreement=fmean(agreements) if agreements else None,
        injection_attempt=any(each.injection_attempt for each in found),
        errors=_errors(found),
    )


def _criterion(one: Criterion, spec: JudgeSpec, found: Sequence[Judgment]) -> tuple[float | None, float | None]:
    """(the mark, how far a panel agrees on it)."""
    by_member = [
        _middle([j.score for j in found if j.member == name], spec.votes, is_binary=one.scale == "pass_fail")
        for name in spec.members
    ]
    mark = _middle(by_member, len(spec.members), is_binary=one.scale == "pass_fail")
    return mark, _agreement(by_member)


def _middle(scores: Iterable[float | None], asked: int, *, is_binary: bool) -> float | None:
    """The median, if more than half of what was asked for is there; of passes and fails the majority."""
    known = [score for score in scores if score is not None]
    if 2 * len(known) <= asked:
        return None
    middle = float(median(known))
    return None if is_binary and middle == _EVEN else middle


def _agreement(marks: Sequence[float | None]) -> float | None:
    pairs = [(a, b) for a, b in combinations([mark for mark in marks if mark is not None], 2)]
    return fmean(a == b for a, b in pairs) if pairs else None


def _weighted(spec: JudgeSpec, marks: Mapping[str, float | None]) -> float | None:
    """The weighted mean of all criteria, 0 where one fails that must not; None where one has no mark."""
    known = {name: mark for name, mark in marks.items() if mark is not None}
    if len(known) < len(marks):
        return None
    if any(known[name] == 0.0 for name in spec.hard_fail):
        return 0.0
    total = sum(one.weight for one in spec.criteria)
    return min(1.0, sum(one.weight * known[one.id] for one in spec.criteria) / total)


def _pair(spec: JudgeSpec, found: Sequence[Judgment]) -> Grade:
    """A win or a loss only where a model says the same whichever answer it is shown first; else a tie."""
    by_member: list[float | None] = []
    is_consistent = True
    for name in spec.members:
        votes: list[float | None] = []
        for vote in range(spec.votes):
            mine = [j for j in found if (j.member, j.vote) == (name, vote)]
            seen = [_preferred(spec, [j for j in mine if j.order == order]) for order in ("ab", "ba")]
            if seen[0] is None or seen[1] is None:
                votes.append(None)
                continue
            is_consistent &= seen[0] == seen[1]
            votes.append(seen[0] if seen[0] == seen[1] else _EVEN)
        by_member.append(_middle(votes, spec.votes, is_binary=False))
    value = _rounded(_middle(by_member, len(spec.members), is_binary=False))
    told = {None: "no grade", 1.0: "better", 0.0: "worse", _EVEN: "tie"}[value]
    return Grade(
        value=value,
        why="" if value is not None else JUDGE_ERROR,
        evidence=_told(spec, found, {}) | {"verdict": told},
        agreement=_agreement(by_member),
        is_consistent=is_consistent if value is not None else None,
        injection_attempt=any(each.injection_attempt for each in found),
        errors=_errors(found),
    )


def _preferred(spec: JudgeSpec, found: Sequence[Judgment]) -> float | None:
    """1, 0.5 or 0 by the weighted sum of preferences in one order; None where a criterion is missing."""
    by_criterion = {each.criterion: each.score for each in found}
    marks = [(one.weight, by_criterion.get(one.id)) for one in spec.criteria]
    lean = 0.0
    for weight, mark in marks:
        if mark is None:
            return None
        lean += weight * (mark - _EVEN)
    return _rounded(_EVEN + lean)


def _rounded(value: float | None) -> float | None:
    """Which side of the middle a value lies on."""
    if value is None:
        return None
    return _EVEN if abs(value - _EVEN) < 1e-9 else 1.0 if value > _EVEN else 0.0  # noqa: PLR2004 - float noise


def _errors(found: Sequence[Judgment]) -> int:
    return len({(j.member, j.vote, j.order) for j in found if j.error is not None})


def _told(spec: JudgeSpec, found: Sequence[Judgment], marks: Mapping[str, float | None]) -> dict[str, JsonValue]:
    """What a reader of the report is shown: marks by criterion, the first quotes and reasons, the first error."""
    told: dict[str, JsonValue] = {}
    for one in spec.criteria:
        mine = [j for j in found if j.criterion == one.id and j.verdict is not None]
        said: dict[str, JsonValue] = {"verdicts": [j.verdict for j in mine]}
        if marks:
            said["score"] = marks[one.id]
        if mine:
            said |= {"quotes": list(mine[0].evidence), "reasoning": mine[0].reasoning}
        told[one.id] = said
    if any(j.injection_attempt for j in found):
        told["injection_attempt"] = True
    if errors := [j.error for j in found if j.error is not None]:
        told["error"] = errors[0]
    return {"judge": told}
