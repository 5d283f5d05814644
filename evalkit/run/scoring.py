"""From outcomes to scores: one pass over the answers, every metric on each.

This is the border where an outcome becomes a number or a reason why there is none. A Failure never gets to a metric.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from msgspec import Struct

from evalkit.protocols import CorpusMetric, Metric, RefusalMetric
from evalkit.run.side_log import SideLog, is_settled, silence
from evalkit.types import AGAIN, BASELINE, CANDIDATE, Failure, Outcome, Response, Sample, Score, Scored, Suite, Unscored
from evalkit.types.table import Column, Counts, Repeats, ScoreTable

Outcomes = Mapping[tuple[str, str], Sequence[Outcome]]
"""(role, sample id) → its outcomes, by repeat."""
OutcomesOf = Callable[[Sequence[str]], Outcomes]
"""Sample ids → at least their outcomes."""
Pair = tuple[str, str]
"""(a baseline's role, the role it is compared with)"""
_SCORES = (Scored, Unscored)
BLOCK = 100
"""Samples whose answers are in memory at a time."""
_TOLD_CHARACTERS = 200
"""Of what a metric said when it failed."""


def score_outcome(metric: Metric, outcome: Outcome | None, sample: Sample, *, truncated_is_wrong: bool) -> Score:
    """One metric's finding about one outcome: missing, failed, refused and cut answers end here."""
    match outcome:
        case None:
            return Unscored(metric=metric.name, why="missing")
        case Failure(kind="content_filtered") | Response(finish="refusal"):
            if isinstance(metric, RefusalMetric):
                return _found_by(metric, None, sample)
            return Unscored(metric=metric.name, why="refused")
        case Failure():
            return Unscored(metric=metric.name, why="failed")
    score = _found_by(metric, outcome.text, sample)
    is_cut = outcome.finish == "length"
    if is_cut and isinstance(score, Scored) and not score.is_answered and not truncated_is_wrong:
        return Unscored(metric=metric.name, why="truncated")
    return score


def _found_by(metric: Metric, text: str | None, sample: Sample) -> Score:
    """The metric's finding; "metric_crashed" where it raises or returns anything else. No text: a filter's refusal."""
    try:
        score: object = metric.refused(sample) if text is None else metric.score(text, sample)  # type: ignore[attr-defined]  # only a RefusalMetric gets no text
    except Exception as error:  # noqa: BLE001 - the border: a plug-in metric's bug costs this score, not the run
        return Unscored(metric=metric.name, why="metric_crashed", detail=_one_line(error))
    if isinstance(score, _SCORES) and score.metric == metric.name:
        return score
    returned = f"a score of '{score.metric}'" if isinstance(score, Scored | Unscored) else f"a {type(score).__name__}"
    return Unscored(metric=metric.name, why="metric_crashed", detail=f"it returned {returned}")


def _one_line(error: Exception) -> str:
    told = " ".join(str(error).split())
    return f"{type(error).__name__}: {told}"[:_TOLD_CHARACTERS] if told else type(error).__name__


class _Cell(Struct):
    """All findings about one sample on one side by one metric."""

    scores: list[Score]

    @property
    def values(self) -> list[float]:
        """Of the scored repeats."""
        return [score.value for score in self.scores if isinstance(score, Scored)]

    def merged(self) -> Score:
        """The mean over scored repeats; unscored when none is."""
        if len(self.scores) == 1:
            return self.scores[0]
        scored = [s for s in self.scores if isinstance(s, Scored)]
        if not scored:
            return self.scores[0]
        if len(scored) == 1:
            return scored[0]
        counts = None
        if scored[0].counts is not None:
            rows = [s.counts for s in scored if s.counts is not None]
            counts = tuple(fmean(column) for column in zip(*rows, strict=True))
        return Scored(
            metric=scored[0].metric,
            value=min(1.0, fmean(s.value for s in scored)),
            is_answered=any(s.is_answered for s in scored),
            counts=counts,
            evidence=scored[0].evidence,
        )


class _Codes:
    """Rows of counts, equal ones kept once; row 0 is all zeros and stands for "nothing known"."""

    def __init__(self, size: int) -> None:
        self._codes = np.zeros(size, dtype=np.intp)
        self._known: dict[tuple[float, ...], int] = {}

    def put(self, index: int, counts: Sequence[float]) -> None:
        self._codes[index] = self._known.setdefault(tuple(counts), len(self._known) + 1)

    def counts(self, width: int) -> Counts:
        rows = [(0.0,) * width, *self._known]
        return Counts(distinct=np.array(rows, dtype=np.float64), codes=self._codes)


class _Builder:
    """One metric's column on one side, filled sample by sample."""

    def __init__(self, metric: Metric, size: int, repeats: int) -> None:
        self._metric = metric
        spread = np.zeros(size, dtype=np.intp), np.zeros(size)
        self._repeats = Repeats(asked=repeats, scored=spread[0], squares=spread[1]) if repeats > 1 else None
        self._values = np.zeros(size)
        self._is_scored = np.zeros(size, dtype=np.bool_)
        self._why: Counter[str] = Counter()
        self._counts, self._worst, self._best = (_Codes(size) for _ in range(3))
        self._width = 0
        self._crash = ""

    def put(self, index: int, cell: _Cell, sample: Sample) -> Score:
        """Enters the sample's findings and returns what they come to."""
        score = cell.merged()
        if self._repeats is not None and (values := cell.values):
            mean = fmean(values)
            self._repeats.scored[index] = len(values)
            self._repeats.squares[index] = sum((value - mean) ** 2 for value in values)
        self._enter(index, score, sample)
        return score

    def _enter(self, index: int, score: Score, sample: Sample) -> None:
        if isinstance(score, Scored):
            self._values[index] = score.value
            self._is_scored[index] = True
            if score.counts is not None:
                self._width = len(score.counts)
                self._counts.put(index, score.counts)
            return
        self._why[score.why] += 1
        if score.detail and not self._crash:
            self._crash = f"{score.detail}, first on sample '{sample.id[:100]}'"
        if isinstance(self._metric, CorpusMetric):
            worst, best = self._metric.bounds(sample)
            self._width = len(worst)
            self._worst.put(index, worst)
            self._best.put(index, best)

    def column(self) -> Column:
        is_corpus = isinstance(self._metric, CorpusMetric)
        counts, worst, best = (
            codes.counts(self._width) if is_corpus else None for codes in (self._counts, self._worst, self._best)
        )
        return Column(
            values=self._values,
            is_scored=self._is_scored,
            why=dict(self._why),
            crash=self._crash,
            counts=counts,
            worst=worst,
            best=best,
            repeats=self._repeats,
        )


class Scoring:
    """Scores a suite sample by sample, so that memory hardly grows with it.

    `rows` yields what people read (samples.jsonl) and fills what decisions need; `table` is whole once all rows
    have been taken.
    """

    def __init__(self, suite: Suite, metrics: Sequence[Metric], outcomes: OutcomesOf) -> None:
        self._suite = suite
        self._metrics = metrics
        self._outcomes = outcomes
        self._roles = tuple(suite.models)
        self._pairs = [(baseline, CANDIDATE) for baseline in suite.baselines]
        self._pairs += [(suite.baselines[0], AGAIN)] if AGAIN in suite.models else []
        size = len(suite.samples)
        repeats = {role: spec.generation.repeats for role, spec in suite.models.items()}
        self._builders = {r: {m.name: _Builder(m, size, repeats[r]) for m in metrics} for r in self._roles}
        self._logs = {role: SideLog(size, suite.run.timeout_s) for role in self._roles}
        self._seen = {pair: Counter[str]() for pair in self._pairs}
        """(baseline, other) → how many samples both answered, and what `_alike` says of their answers."""
        self.flips = {pair: Counter[str]() for pair in self._pairs}
        """(baseline, other) → how many samples flipped which way, by the primary metric."""
        labels = {m.name: frozenset(getattr(m, "labels", None) or ()) for m in metrics}
        self._labels = {name: known for name, known in labels.items() if known}
        self.read = {(n, r): Counter[tuple[str, str | None]]() for n in self._labels for r in self._roles}
        """(metric with labels, role) → how often (gold, predicted) was read; None for what is no label."""

    def rows(self, question: Callable[[Sample], str], against: str = "") -> Iterator[dict[str, Any]]:
        """One row a sample, in the suite's order. `question` is what the reader should see as the input.

        `against` names the baseline that is shown as `baseline`, by default the first; other sides are `others`.
        """
        shown = {against or self._suite.baselines[0]: BASELINE, CANDIDATE: CANDIDATE}
        samples = self._suite.samples
        for start in range(0, len(samples), BLOCK):
            block = samples[start : start + BLOCK]
            outcomes = self._outcomes([sample.id for sample in block])
            for index, sample in enumerate(block, start):
                answers = {role: outcomes.get((role, sample.id), ()) for role in self._roles}
                row = {"id": sample.id, "input": question(sample)}
                yield row | self._row(index, sample, answers, shown)

    def finish(self) -> Scoring:
        """This scoring once every row was taken, of a suite whose rows nobody needs to see."""
        for _ in self.rows(lambda _: ""):
            pass
        return self

    def _row(
        self, index: int, sample: Sample, answers: Mapping[str, Sequence[Outcome]], shown: Mapping[str, str]
    ) -> dict[str, Any]:
        scores: dict[str, dict[str, Any]] = {metric.name: {} for metric in self._metrics}
        row: dict[str, Any] = {
            "target": sample.target,
            "slices": dict(sample.slices),
            "cluster": sample.cluster,
            "scores": scores,
        }
        judging: dict[str, Score] = {}
        others: dict[str, Any] = {}
        for role in self._roles:
            builders = self._builders[role]
            findings = {
                m.name: builders[m.name].put(index, _cell(m, answers[role], sample, self._suite), sample)
                for m in self._metrics
            }
            for name, score in findings.items():
                if role in shown:
                    scores[name].update(_shown(shown[role], score))
                self._count_labels(role, name, score)
            judging[role] = findings.get(self._suite.gate.primary.metric) or next(iter(findings.values()))
            answer = self._logs[role].add(answers[role], judging[role], self._suite.models[role])
            if role in shown:
                row[shown[role]] = answer
            else:
                others[role] = answer | {"scores": {name: _shown("score", score) for name, score in findings.items()}}
        if others:
            row["others"] = others
        self._count_pairs(answers, judging)
        baseline = next(role for role, label in shown.items() if label == BASELINE)
        row["flip"] = _flip(judging[baseline], judging[CANDIDATE])
        return row

    def _count_pairs(self, answers: Mapping[str, Sequence[Outcome]], judging: Mapping[str, Score]) -> None:
        said = {role: [o for o in found if is_settled(o)] for role, found in answers.items()}
        for pair in self._pairs:
            before, after = pair
            if said[before] and said[after]:
                for word in _alike(said[before], said[after]):
                    self._seen[pair][word] += 1
            self.flips[pair][_flip(judging[before], judging[after])] += 1

    def _count_labels(self, role: str, name: str, score: Score) -> None:
        known = self._labels.get(name)
        if known and isinstance(score, Scored) and (gold := score.evidence.get("gold")) in known:
            predicted = score.evidence.get("predicted")
            self.read[name, role][str(gold), str(predicted) if predicted in known else None] += 1

    def table(self, baseline: str, other: str = CANDIDATE) -> ScoreTable:
        """Everything a comparison of these two needs to know, under the roles `baseline` and `candidate`."""
        samples, pair = self._suite.samples, (baseline, other)
        sides = dict(zip((BASELINE, CANDIDATE), pair, strict=True))
        logs, seen = {role: self._logs[name] for role, name in sides.items()}, self._seen[pair]
        return ScoreTable(
            suite=self._suite.name,
            sample_ids=tuple(s.id for s in samples),
            columns={role: {m: b.column() for m, b in self._builders[name].items()} for role, name in sides.items()},
            tallies={role: log.tally() for role, log in logs.items()},
            clusters=_clusters(samples),
            slices=_slices(samples),
            both_answered=seen["both"],
            equal_answers=seen["equal"],
            telling_answers=seen["telling"],
            telling_equal=seen["telling equal"],
            latencies={role: np.array(log.latencies) for role, log in logs.items()},
            first_tokens={role: np.array(log.first_tokens) for role, log in logs.items()},
            costs={role: np.array(log.costs) for role, log in logs.items()},
            served={role: tuple(sorted(log.served)) for role, log in logs.items()},
            paid={role: log.paid for role, log in logs.items()},
        )


def _cell(metric: Metric, answers: Sequence[Outcome], sample: Sample, suite: Suite) -> _Cell:
    wrong = suite.truncated == "wrong"
    each: Sequence[Outcome | None] = answers or (None,)
    return _Cell([score_outcome(metric, a, sample, truncated_is_wrong=wrong) for a in each])


def _shown(role: str, score: Score) -> dict[str, Any]:
    if isinstance(score, Unscored):
        evidence = {"error": score.detail} if score.detail else {}
        return {role: None, f"{role}_why": score.why, f"{role}_evidence": evidence}
    return {role: score.value, f"{role}_why": None, f"{role}_evidence": dict(score.evidence)}


def _alike(left: Sequence[Outcome], right: Sequence[Outcome]) -> Iterator[str]:
    """What is to be counted of a sample that both sides answered: whether they said the same, and said anything."""
    is_equal = [getattr(one, "text", None) for one in left] == [getattr(one, "text", None) for one in right]
    is_telling = any(silence(answer) is None for answer in (*left, *right))
    yield "both"
    if is_equal:
        yield "equal"
    if is_telling:
        yield "telling"
    if is_telling and is_equal:
        yield "telling equal"


def _flip(baseline: Score, candidate: Score) -> str:
    if isinstance(baseline, Unscored) or isinstance(candidate, Unscored):
        return "unscored"
    before, after = baseline.value, candidate.value
    if after > before:
        return "fixed"
    if after < before:
        return "broken"
    return "both_right" if after >= 1.0 else "both_wrong"


def _clusters(samples: Sequence[Sample]) -> Any:
    if all(s.cluster is None for s in samples):
        return None
    # A sample without a cluster is a cluster of its own.
    names = [("c", s.cluster) if s.cluster is not None else ("s", s.id) for s in samples]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.intp)


def _slices(samples: Sequence[Sample]) -> dict[str, Any]:
    members: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        for column, value in sample.slices.items():
            members.setdefault(f"{column}={value}", []).append(index)
    return {name: np.array(members[name], dtype=np.intp) for name in sorted(members)}
