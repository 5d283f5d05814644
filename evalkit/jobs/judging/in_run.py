"""The judges of a run: opened beside its sides, asked about their answers once these are in, and what came of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from evalkit.errors import InvalidEvidence
from evalkit.jobs.judging.at_start import Metrics, judges_of
from evalkit.jobs.judging.instruments import instruments_of, sides_of
from evalkit.jobs.judging.records import Known, known_of
from evalkit.jobs.running.asking import Asking
from evalkit.jobs.running.finish import asked as question_of
from evalkit.jobs.running.pairs import Answers, Story
from evalkit.jobs.running.sides import Opened
from evalkit.judging.families import family_warnings
from evalkit.judging.grade import Grade, grade
from evalkit.judging.items import item_id
from evalkit.judging.metric import JudgeMetric, is_too_long
from evalkit.judging.read import Asked, judgments
from evalkit.judging.seal import sealed
from evalkit.judging.spec import Item, Judgment
from evalkit.judging.tally import Tally
from evalkit.protocols import Metric
from evalkit.run.judging import FIRST_TIME, RETEST, Panel, asked_twice, both_orders, role_of
from evalkit.store.files import write_atomic
from evalkit.store.journal import Journal
from evalkit.types import CANDIDATE, ModelIdentity, Outcome, Reason, Response, Sample, Suite

ROWS = "judgments.jsonl"
BLOCK = 100
"""Samples whose answers are read at a time."""
META = "judges"
SAME = {"judge": "both answers are the same, so the judge was not asked"}


class Work(Struct, frozen=True, kw_only=True):
    """One panel and what it has to grade."""

    panel: Panel
    metric: JudgeMetric
    suite: Suite


class Graded(Struct, frozen=True, kw_only=True):
    """What a judge made of a suite's answers."""

    work: Work
    metric: JudgeMetric
    """With its grades."""
    tally: Tally
    judgments: tuple[Judgment, ...]
    """With the role whose answer each is about."""

    @property
    def blocking(self) -> tuple[Reason, ...]:
        """Why these grades support no verdict at all: they come from more than one model under one name."""
        found = []
        for member, served in self.tally.served.items():
            if len(served) > 1:
                detail = (
                    f"the judge of {self.metric.name} ({self.work.panel.spec.members[member].model}) answered as "
                    f"{' and as '.join(sorted(served))}: it changed while it graded, so that its grades cannot be "
                    "compared; pin its version and run again with --no-cache"
                )
                found.append(Reason(code="JUDGE_CHANGED", is_blocking=True, detail=detail))
        return tuple(found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader should know of this judge, a sentence each."""
        spec, models = self.work.panel.spec, self.work.suite.models
        families = family_warnings(spec, self.metric.name, models[CANDIDATE])
        return (*self.tally.warnings(self.metric.name), *families)


def panels(suites: Sequence[Suite], metrics: Metrics, sides: Mapping[str, Opened]) -> list[Work]:
    """The judges of a run once their models are opened."""
    by_name = {suite.name: suite for suite in suites}
    found = []
    for name, metric in judges_of(metrics):
        opened = {member: sides[role_of(name, metric.name, member)] for member in metric.spec.members}
        identities = {member: each.identity for member, each in opened.items()}
        spec = sealed(metric.spec, identities)
        backends = {member: each.backend for member, each in opened.items()}
        panel = Panel(name=metric.name, suite=name, spec=spec, backends=backends, identities=identities)
        found.append(Work(panel=panel, metric=metric, suite=by_name[name]))
    return found


def refuse_changed_judges(work: Sequence[Work], journal: Journal) -> None:
    """Writes down which judges grade this run; raises InvalidEvidence where it was begun with others."""
    now = {f"{one.panel.suite}: {one.panel.name}": one.panel.spec.judge_hash for one in work}
    then = journal.meta(META)
    if then is None:
        journal.set_meta({META: now})
        return
    for place, judge_hash in now.items():
        if place in then and then[place] != judge_hash:
            raise InvalidEvidence(
                f"the judge of {place} is not the one this run began with ({then[place][:12]}, now {judge_hash[:12]}): "
                "grades of two judges cannot be compared. Undo the change and resume, or run without --resume, which "
                "has both sides graded anew (their answers come from the cache)",
                code="JUDGE_CHANGED",
            )


async def ask_judges(work: Sequence[Work], journal: Journal, asking: Asking, concurrency: int | None) -> None:
    """Returns once every answer was put to its judge, and what could not be read was asked for once more."""
    if not work:
        return
    at_once = concurrency or sum(backend.concurrency for one in work for backend in one.panel.backends.values())
    rounds = [(one.panel, *each) for one in work for each in _rounds(one, journal)]
    await asking.ask([panel.part(shown, time) for panel, time, shown in rounds], concurrency=at_once)
    again = [
        panel.again(shown, why, time)
        for panel, time, shown in rounds
        if (why := panel.unusable(shown, journal.read, time))
    ]
    if again:
        await asking.ask(again, concurrency=at_once)


def _rounds(work: Work, journal: Journal) -> Iterator[tuple[str, list[Item]]]:
    """(the time it is asked, what it is shown): every answer for its grade, and a few to see if the grade stands."""
    items = [item for _, item in _items(work, journal)]
    twice = asked_twice(work.panel, (item.id for item in items))
    for time, chosen in ((FIRST_TIME, items), (RETEST, [item for item in items if item.id in twice])):
        if chosen:
            yield time, [shown for item in chosen for shown in both_orders(item)]


def graded(work: Work, journal: Journal) -> Graded:
    """Every grade of one judge, read from the journal alone."""
    tally = Tally(spec=work.panel.spec)
    grades: dict[str, Grade] = {}
    kept: list[Judgment] = []
    panel = work.panel
    twice = asked_twice(panel, (item.id for _, item in _items(work, journal)))
    for answers in _answers(work, journal):
        for item, roles in answers.items.items():
            made, found, replies = _graded(panel, item, journal)
            tally.add(item, made, replies)
            if item.id in twice:
                second, _, replies = _graded(panel, item, journal, RETEST)
                tally.again(made, second, replies)
            kept += [structs.replace(each, role=role) for role in roles for each in found]
            if item.other is None:
                grades[item.id] = made
            else:
                grades[item_id(answers.sample.id, item.output)] = made
                grades[item_id(answers.sample.id, item.other)] = mirrored(made)
        if answers.same is not None:
            tally.same()
            grades[item_id(answers.sample.id, answers.same)] = Grade(value=0.5, evidence=SAME)
    metric = structs.replace(work.metric, showing=structs.replace(work.metric.showing, spec=panel.spec))
    return Graded(work=work, metric=metric.with_grades(grades), tally=tally, judgments=tuple(kept))


def _graded(
    panel: Panel, item: Item, journal: Journal, time: str = FIRST_TIME
) -> tuple[Grade, list[Judgment], list[Asked]]:
    replies = panel.asked(both_orders(item), journal.read, time)
    found = [judgment for reply in replies for judgment in judgments(panel.spec, reply)]
    return grade(panel.spec, found), found, replies


def mirrored(made: Grade) -> Grade:
    """A pair's grade as the other answer's: a win is its loss."""
    if made.value is None:
        return made
    turned = {"better": "worse", "worse": "better"}
    told = str(made.evidence.get("verdict"))
    evidence = {**made.evidence, "verdict": turned.get(told, told)}
    return structs.replace(made, value=1.0 - made.value, evidence=evidence)


def with_grades(
    work: Sequence[Work], answers: Sequence[Answers], story: Story, journal: Journal, folder: Path
) -> tuple[list[Answers], Story]:
    """(the suites' answers with metrics that know their grades, the story with what is known of each judge).

    Writes every judgment to judgments.jsonl in `folder`; nothing where no judge was asked.
    """
    if not work:
        return list(answers), story
    found = [graded(one, journal) for one in work]
    rows = (json.dumps(each.as_row()).encode("ascii") + b"\n" for one in found for each in one.judgments)
    write_atomic(folder / ROWS, rows)
    bound = {(one.work.panel.suite, one.metric.name): one for one in found}
    answers = [structs.replace(each, metrics={n: _bound(bound, each, n) for n in each.metrics}) for each in answers]
    main, now = answers[0].suite, dt.datetime.fromisoformat(story.created)
    known = [known_of(one.work.panel.spec, now) for one in found]
    return list(answers), structs.replace(
        story,
        judges=documents(found, known, story.identities),
        instruments=instruments_of(
            (
                (one.metric, one.tally, what)
                for one, what in zip(found, known, strict=True)
                if one.work.suite.name == main.name
            ),
            main,
            answers[0].outcomes,
            sides_of(main, story.identities),
        ),
        blocking=(*story.blocking, *(reason for one in found for reason in one.blocking)),
        warnings=(*story.warnings, *_warnings(found, known)),
    )


def _warnings(found: Sequence[Graded], known: Sequence[Known]) -> Iterator[str]:
    for one, what in zip(found, known, strict=True):
        yield from one.warnings
        if what.of_no_suite:
            yield f"The judge of '{one.metric.name}' {what.of_no_suite}."


def _bound(found: Mapping[tuple[str, str], Graded], answers: Answers, name: str) -> Metric:
    one = found.get((answers.suite.name, name))
    return answers.metrics[name] if one is None else one.metric


def documents(
    found: Sequence[Graded], known: Sequence[Known], identities: Mapping[str, ModelIdentity]
) -> tuple[Mapping[str, Any], ...]:
    """What verdict.json says of each judge; `known`: what each is worth beside people."""
    return tuple(
        {
            "metric": one.metric.name,
            "suite": one.work.suite.name,
            **one.tally.document(),
            "sides": sides_of(one.work.suite, identities),
            "calibration": what.document(),
        }
        for one, what in zip(found, known, strict=True)
    )


class _Answers(Struct, frozen=True, kw_only=True):
    """What there is to judge of one sample."""

    sample: Sample
    items: Mapping[Item, tuple[str, ...]]
    """Item → the roles whose answer it is."""
    same: str | None = None
    """Of a pair: the answer that both sides gave."""


def _items(work: Work, journal: Journal) -> Iterator[tuple[Sample, Item]]:
    for answers in _answers(work, journal):
        for item in answers.items:
            yield answers.sample, item


def _answers(work: Work, journal: Journal) -> Iterator[_Answers]:
    suite, question = work.suite, question_of(work.suite)
    for start in range(0, len(suite.samples), BLOCK):
        block = suite.samples[start : start + BLOCK]
        outcomes = journal.read(suite.name, [sample.id for sample in block])
        for sample in block:
            texts = {role: _texts(outcomes.get((role, sample.id), ())) for role in suite.models}
            make = _pair if work.panel.spec.mode == "pairwise" else _single
            yield make(work, sample, question(sample), texts)


def _texts(outcomes: Sequence[Outcome]) -> list[str]:
    return [each.text for each in outcomes if isinstance(each, Response) and each.finish != "refusal"]


def _single(work: Work, sample: Sample, question: str, texts: Mapping[str, Sequence[str]]) -> _Answers:
    by_text: dict[str, dict[str, None]] = {}
    for role, each in texts.items():
        for text in each:
            if text.strip() and not is_too_long(text, work.panel.spec):
                by_text.setdefault(text, {})[role] = None
    items = {work.metric.showing.item(sample, question, text): tuple(roles) for text, roles in by_text.items()}
    return _Answers(sample=sample, items=items)


def _pair(work: Work, sample: Sample, question: str, texts: Mapping[str, Sequence[str]]) -> _Answers:
    """The candidate's answer beside the baseline's; nothing where one of them is missing."""
    pair = texts[CANDIDATE][:1], texts[work.suite.baselines[0]][:1]
    if not pair[0] or not pair[1] or any(is_too_long(one[0], work.panel.spec) for one in pair):
        return _Answers(sample=sample, items={})
    candidate, baseline = pair[0][0], pair[1][0]
    if candidate == baseline:
        return _Answers(sample=sample, items={}, same=candidate)
    item = work.metric.showing.item(sample, question, candidate, baseline)
    return _Answers(sample=sample, items={item: (CANDIDATE,)})
