"""A judge measured against people: how often it is right about good and about bad answers, and may it gate. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field, structs

from evalkit.judging.grade import grade
from evalkit.judging.labels import Answer, Label, consensus
from evalkit.judging.spec import FIRST, SECOND, CalibrationSpec, Criterion, JudgeSpec, Judgment, Order
from evalkit.stats.agreement import Agreement, Scale, agreement
from evalkit.stats.correction import Confusion
from evalkit.types import BASELINE, CANDIDATE

HALF = 0.5
MANY = 20
"""Labels of one rater from which on saying the same every time is a pattern."""
RARE = 0.1
"""Share of other verdicts, by the others on the same answers, that a rater who always says one thing has overlooked."""


class CriterionFound(Struct, frozen=True, kw_only=True):
    """The judge and people on one criterion."""

    id: str
    n: int
    """Answers on which both have a verdict."""
    by_role: Mapping[str, Confusion]
    """Of a scale, a mark above its middle counts as a pass."""
    judge_people: Agreement
    """The judge beside what most people said."""
    people: Agreement
    """People among themselves: more than this no judge can agree with them."""

    @property
    def confusion(self) -> Confusion:
        """Both sides' and all other answers in one table."""
        return _together(self.by_role)


class Calibration(Struct, frozen=True, kw_only=True):
    """What a judge is worth, bound to the judge it was measured on."""

    judge: str
    version: str
    judge_hash: str
    at: str
    """ISO 8601, UTC."""
    labels_sha256: str
    is_bundled: bool = False
    """The labels are those that come with evalkit, about answers of no suite of the user's."""
    n_items: int
    """Answers with labels and a grade."""
    n_raters: int
    n_ungraded: int
    """Labelled answers without a usable reply of the judge."""
    criteria: tuple[CriterionFound, ...]
    confusion: Mapping[str, Confusion]
    """Of whole grades that are all or nothing, by role ("" where labels do not say); what a gate corrects with."""
    own: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    """Role → judged answer's id → (people's grade, weight): to correct a run that compares these very answers."""
    sides: Mapping[str, str] = field(default_factory=dict)
    """Role → fingerprint of the model whose answers these are; empty: it is not on record."""
    problems: tuple[str, ...] = ()
    """Why no gate may rest on this judge, a sentence each."""
    warnings: tuple[str, ...] = ()

    @property
    def is_gateable(self) -> bool:
        """Whether a gate may rest on this judge."""
        return not self.problems


def measured(
    spec: JudgeSpec,
    labels: Sequence[Label],
    found: Mapping[Answer, Sequence[Judgment]],
    *,
    at: str,
    sha256: str,
    sides: Mapping[str, str] | None = None,
) -> Calibration:
    """The calibration from people's labels and the judge's judgments of the same answers (both orders of a pair).

    `sides`: role → fingerprint of the model that answered, where it is known.
    """
    asked = spec.calibration or CalibrationSpec()
    known = [label for label in labels if label.answer in found]
    said = consensus(known, spec)
    grades = {answer: grade(spec, judgments) for answer, judgments in found.items()}
    people = {answer: _grade_by(spec, answer, said) for answer in {label.answer for label in known}}
    criteria = tuple(_criterion(spec, one, known, said, found) for one in spec.criteria)
    both = {
        a: (mine, theirs) for a, mine in people.items() if mine is not None and (theirs := grades[a].value) is not None
    }
    unknown = sorted({label.item_id for label in labels if label.answer not in found})
    made = Calibration(
        judge=spec.id,
        version=spec.version,
        judge_hash=spec.judge_hash,
        at=at,
        labels_sha256=sha256,
        n_items=len(both),
        n_raters=len({label.rater_id for label in known}),
        n_ungraded=sum(grades[answer].value is None for answer in people),
        criteria=criteria,
        confusion=_confusion(both, known) if _is_all_or_nothing(both) else {},
        own=_own(spec, known, people),
        sides=dict(sides or {}),
    )
    return structs.replace(
        made,
        problems=tuple(_problems(made, asked, known, spec)),
        warnings=tuple(_warnings(made, unknown, said)),
    )


def _criterion(
    spec: JudgeSpec,
    one: Criterion,
    labels: Sequence[Label],
    said: Mapping[tuple[Answer, str], str | None],
    found: Mapping[Answer, Sequence[Judgment]],
) -> CriterionFound:
    judged = {answer: _verdict(spec, one, judgments) for answer, judgments in found.items()}
    pairs = {
        answer: (person, judge)
        for (answer, criterion), person in said.items()
        if criterion == one.id and person is not None and (judge := judged[answer]) is not None
    }
    is_pair = spec.mode == "pairwise"
    verdicts = {
        answer: _cell(one.share(person) > HALF, one.share(judge), is_pair=is_pair)
        for answer, (person, judge) in pairs.items()
        if not is_pair or person in {FIRST, SECOND}  # a tie is neither good nor bad
    }
    by_role = _tables(verdicts, labels)
    scale: Scale = "ordinal" if isinstance(one.scale, tuple) else "nominal"
    raters = sorted({label.rater_id for label in labels if label.criterion == one.id})
    cells = {(label.answer, label.rater_id): label.verdict for label in labels if label.criterion == one.id}
    answers = sorted({answer for answer, _ in cells})
    rows = [[cells.get((answer, rater)) for rater in raters] for answer in answers]
    return CriterionFound(
        id=one.id,
        n=len(pairs),
        by_role=by_role,
        judge_people=agreement(list(pairs.values()), one.verdicts, scale),
        people=agreement(rows, one.verdicts, scale),
    )


def _cell(is_good: bool, share: float, *, is_pair: bool) -> tuple[bool, bool]:  # noqa: FBT001 - the row of the table
    """One answer's place: (people, judge) passed it. Of a pair a judge's tie is wrong whichever side people prefer."""
    if is_pair and not is_good:
        return False, share >= HALF
    return is_good, share > HALF


def _tables(verdicts: Mapping[Answer, tuple[bool, bool]], labels: Sequence[Label]) -> dict[str, Confusion]:
    """A table for each role, every answer counting for as many as its labels say that it stands for."""
    weights = {label.answer: label.weight for label in labels}
    roles = dict.fromkeys(role for _, role in verdicts)
    return {
        role: Confusion.weighted([(*both, weights[answer]) for answer, both in verdicts.items() if answer[1] == role])
        for role in roles
    }


def _verdict(spec: JudgeSpec, one: Criterion, judgments: Sequence[Judgment]) -> str | None:
    """The judge's verdict on one criterion over its votes, members and orders; None where it has none."""
    if spec.mode == "pairwise":
        value = grade(spec, judgments).value
    else:
        mine = structs.replace(spec, criteria=(one,), hard_fail=())
        value = grade(mine, [j for j in judgments if j.criterion == one.id]).value
    if value is None:
        return None
    return min(one.verdicts, key=lambda verdict: (abs(one.share(verdict) - value), verdict))


def _grade_by(spec: JudgeSpec, answer: Answer, said: Mapping[tuple[Answer, str], str | None]) -> float | None:
    """People's grade of an answer by the judge's own weights; None where they left a criterion open."""
    orders: tuple[Order | None, ...] = ("ab", "ba") if spec.mode == "pairwise" else (None,)
    made = []
    for one in spec.criteria:
        verdict = said.get((answer, one.id))
        if verdict is None:
            return None
        made += [
            Judgment(
                item_id=answer[0], role="", judge_hash="", criterion=one.id, verdict=verdict, score=one.share(verdict),
                order=order,
            )
            for order in orders
        ]  # fmt: skip
    alone = structs.replace(spec, panel=(), votes=1)
    return grade(alone, made).value


def _is_all_or_nothing(both: Mapping[Answer, tuple[float, float]]) -> bool:
    return all(value in {0.0, 1.0} for pair in both.values() for value in pair)


def _confusion(both: Mapping[Answer, tuple[float, float]], labels: Sequence[Label]) -> dict[str, Confusion]:
    cells = {answer: _cell(person > HALF, judge, is_pair=False) for answer, (person, judge) in both.items()}
    return _tables(cells, labels)


def _own(
    spec: JudgeSpec, labels: Sequence[Label], people: Mapping[Answer, float | None]
) -> dict[str, dict[str, tuple[float, float]]]:
    by_answer: dict[Answer, list[Label]] = {}
    for label in labels:
        by_answer.setdefault(label.answer, []).append(label)
    own: dict[str, dict[str, tuple[float, float]]] = {BASELINE: {}, CANDIDATE: {}}
    for (name, role), value in people.items():
        if role:
            mine = by_answer[name, role]
            grade_of_it = _between(spec, mine) if value is None else value
            if grade_of_it is not None:
                own.setdefault(role, {})[name] = (grade_of_it, mine[-1].weight)
    return own


def _between(spec: JudgeSpec, labels: Sequence[Label]) -> float | None:
    """The grade of an answer people are split on: the mean of what they said; None where a criterion has no label.

    Left out, such answers would make every gain larger: what people cannot decide on is no gain.
    """
    total = 0.0
    for one in spec.criteria:
        shares = [one.share(label.verdict) for label in labels if label.criterion == one.id]
        if not shares:
            return None
        if one.id in spec.hard_fail and not any(shares):
            return 0.0
        total += one.weight * sum(shares) / len(shares)
    return total / sum(one.weight for one in spec.criteria)


def _problems(made: Calibration, asked: CalibrationSpec, labels: Sequence[Label], spec: JudgeSpec) -> Iterator[str]:
    """Why no gate may rest on this judge."""
    if made.n_items < asked.min_items:
        yield f"only {made.n_items} answers have labels and a grade; at least {asked.min_items} are needed"
    if made.n_ungraded > 0.1 * max(1, made.n_ungraded + made.n_items):
        yield f"on {made.n_ungraded} labelled answers the judge gave no usable reply"
    for one in made.criteria:
        yield from _not_good_enough(one, asked)
    yield from _one_sided(labels, spec)


def _not_good_enough(one: CriterionFound, asked: CalibrationSpec) -> Iterator[str]:
    table = one.confusion
    if min(table.good, table.bad) < asked.min_per_class:
        yield (
            f"{one.id}: people found {table.good:.4g} answers good and {table.bad:.4g} bad; at least "
            f"{asked.min_per_class} of each are needed"
        )
    for name, share, of, least in (
        ("sensitivity", table.sensitivity, "good answers passed", asked.min_sensitivity),
        ("specificity", table.specificity, "bad answers failed", asked.min_specificity),
    ):
        if share is not None and share < least:
            yield f"{one.id}: {name} (share of {of}) is {share:.2f}; at least {least:.2f} is needed"
    level, name = _level(one.judge_people, asked), asked.agreement
    if level is None:
        yield f"{one.id}: the agreement with people ({name}) cannot be told from these labels"
    elif level < asked.min_agreement:
        yield f"{one.id}: agreement with people ({name}) is {level:.2f}; at least {asked.min_agreement:.2f} is needed"
    ceiling = _level(one.people, asked)
    if level is not None and ceiling is not None and level < ceiling - asked.max_gap_to_human_human:
        yield (
            f"{one.id}: people agree with one another at {ceiling:.2f} and with the judge at {level:.2f}; at most "
            f"{asked.max_gap_to_human_human:.2f} less is allowed"
        )


def _level(found: Agreement, asked: CalibrationSpec) -> float | None:
    return {"gwet_ac1": found.ac1, "cohen_kappa": found.kappa, "krippendorff_alpha": found.alpha}[asked.agreement]


def _one_sided(labels: Sequence[Label], spec: JudgeSpec) -> Iterator[str]:
    """Raters who always say the same where others, on the same answers, do not."""
    for one in spec.criteria:
        mine = [label for label in labels if label.criterion == one.id]
        for rater in sorted({label.rater_id for label in mine}):
            own = [label for label in mine if label.rater_id == rater]
            verdicts = Counter(label.verdict for label in own)
            rated = {label.answer for label in own}
            others = [label for label in mine if label.rater_id != rater and label.answer in rated]
            differing = sum(label.verdict not in verdicts for label in others)
            if len(own) >= MANY and len(verdicts) == 1 and differing > RARE * len(others):
                yield (
                    f"the rater {rater} says {own[0].verdict} on {one.id} of all {len(own)} answers, where others "
                    "often do not: leave these labels out, or ask again"
                )


def _warnings(
    made: Calibration, unknown: Sequence[str], said: Mapping[tuple[Answer, str], str | None]
) -> Iterator[str]:
    if unknown:
        shown = ", ".join(unknown[:3]) + ("…" if len(unknown) > 3 else "")  # noqa: PLR2004 - a line's worth
        yield f"labels of {len(unknown)} ids are about no answer here and were left out: {shown}"
    if split := sum(verdict is None for verdict in said.values()):
        yield (
            f"on {split} answers people are split evenly; these count neither for nor against the judge, and in "
            "between where its difference is corrected"
        )
    if made.n_raters == 1:
        yield "one person alone labelled these answers: how far people agree among themselves is not known"


def _together(by_role: Mapping[str, Confusion]) -> Confusion:
    whole = Confusion()
    for table in by_role.values():
        whole = whole.plus(table)
    return whole
