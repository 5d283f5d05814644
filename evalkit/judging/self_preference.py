"""The probe for a judge's liking of its own kind: models favour answers of their own family.

Self-preference of judges: Panickssery et al. 2024, arXiv:2404.13076. That a judge prefers its family's answers proves
nothing by itself, for they may be better; so it is measured on answers that people find equally good. It has to be
known who wrote them and what people said of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalkit.judging.families import family_of
from evalkit.judging.grade import Grade
from evalkit.judging.labels import Answer, LabelledItem
from evalkit.judging.probe import HALF, Case, Probe
from evalkit.judging.probe_cases import beside
from evalkit.judging.spec import TIE, JudgeSpec

FEWEST = 10
"""Pairs of equally good answers below which nothing is said."""
Said = Mapping[tuple[Answer, str], str | None]
"""(answer, criterion) → the verdict most people gave; None where they are split."""


def self_preference(spec: JudgeSpec, answers: Sequence[LabelledItem], said: Said, most: int) -> Probe:
    """How often an answer by the judge's own family wins over an equally good one; `most`: pairs to try it on.

    Without what it takes there are no cases, and `why` says what is missing.
    """
    mine = {family for member in spec.members.values() if (family := family_of(member.model or "")) is not None}
    pairs = list(_tied(spec, answers, said, mine) if spec.mode == "pairwise" else _equal(spec, answers, said, mine))
    return Probe(
        name="self-preference",
        what="equally good pairs go to the answer by its own family (equal grades count half)",
        limit="at most",
        threshold=spec.probes.self_preference_max_win,
        hit=_won if spec.mode == "pairwise" else _above,
        cases=tuple(pairs[:most]) if len(pairs) >= FEWEST else (),
        why="" if len(pairs) >= FEWEST else _missing(spec, answers, mine, len(pairs)),
    )


def _missing(spec: JudgeSpec, answers: Sequence[LabelledItem], mine: set[str], n: int) -> str:
    if not mine:
        names = ", ".join(dict.fromkeys(member.model or member.backend for member in spec.members.values()))
        return f"which family the judge's model ({names}) is of cannot be told from its name"
    if not any(author for one in answers for author in one.authors):
        return "the items do not say which model wrote each answer (author)"
    family = " or ".join(sorted(mine))
    what = "pairs that people called a tie" if spec.mode == "pairwise" else "pairs of answers to one question with the "
    what += "" if spec.mode == "pairwise" else "same verdicts by people"
    return f"it takes {FEWEST} {what}, one by a model of {family} and one by another family's; there are {n}"


def _equal(spec: JudgeSpec, answers: Sequence[LabelledItem], said: Said, mine: set[str]) -> Iterator[Case]:
    """Answers to one question on which people said the same, one of its own family beside one of another."""
    alike: dict[tuple[object, ...], tuple[list[LabelledItem], list[LabelledItem]]] = {}
    for one in answers:
        verdicts = tuple(said.get((one.answer, criterion.id)) for criterion in spec.criteria)
        family = family_of(one.authors[0])
        if family is not None and None not in verdicts:
            key = (*sorted((name, text or "") for name, text in one.item.inputs.items()), verdicts)
            alike.setdefault(key, ([], []))[family not in mine].append(one)
    for own, others in alike.values():
        yield from (Case(item=a.named, plain=b.named) for a, b in zip(own, others, strict=False))


def _tied(spec: JudgeSpec, answers: Sequence[LabelledItem], said: Said, mine: set[str]) -> Iterator[Case]:
    """Pairs that people called a tie, its own family's answer as the judged one."""
    for one in answers:
        families = [family_of(author) for author in one.authors]
        is_tie = all(said.get((one.answer, criterion.id)) == TIE for criterion in spec.criteria)
        if one.item.other is None or not is_tie or None in families:
            continue
        if [family in mine for family in families] == [True, False]:
            yield Case(item=one.named)
        elif [family in mine for family in families] == [False, True]:
            yield Case(item=beside(one.named, one.item.other, one.item.output, "turned"))


def _above(own: Grade, other: Grade | None) -> float | None:
    if own.value is None or other is None or other.value is None:
        return None
    return HALF if own.value == other.value else float(own.value > other.value)


def _won(own: Grade, _: Grade | None) -> float | None:
    return own.value
