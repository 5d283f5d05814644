"""From outcomes to scores: one pass over the answers, every metric on each.

This is the border where an outcome becomes a number or a reason why there is none. A Failure never gets to a metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np

from evalkit.protocols import CorpusMetric, Metric
from evalkit.run.side_log import SideLog
from evalkit.types import Failure, Key, Outcome, Response, Sample, Score, Scored, Suite, Unscored
from evalkit.types.table import Column, ScoreTable

Outcomes = Mapping[tuple[str, str], Sequence[Outcome]]
"""(role, sample id) → its outcomes, by repeat."""


def score_outcome(metric: Metric, outcome: Outcome | None, sample: Sample, *, truncated_is_wrong: bool) -> Score:
    """One metric's finding about one outcome: missing, failed, refused and cut answers end here."""
    match outcome:
        case None:
            return Unscored(metric=metric.name, why="missing")
        case Failure(kind=kind):
            return Unscored(metric=metric.name, why="refused" if kind == "content_filtered" else "failed")
        case Response(finish="refusal"):
            return Unscored(metric=metric.name, why="refused")
    try:
        score = metric.score(outcome.text, sample)
    except Exception:  # noqa: BLE001 - the border: a plug-in metric's bug costs this score, not the run
        return Unscored(metric=metric.name, why="metric_crashed")
    is_cut = outcome.finish == "length"
    if is_cut and isinstance(score, Scored) and not score.is_answered and not truncated_is_wrong:
        return Unscored(metric=metric.name, why="truncated")
    return score


@dataclass(slots=True)
class _Cell:
    """All findings about one sample on one side by one metric."""

    scores: list[Score]

    def merged(self) -> Score:
        """The mean over scored repeats; unscored when none is."""
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


@dataclass(slots=True)
class _Builder:
    """Collects one role's columns."""

    size: int
    values: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = field(default_factory=dict)
    scored: dict[str, np.ndarray[Any, np.dtype[np.bool_]]] = field(default_factory=dict)
    why: dict[str, dict[str, int]] = field(default_factory=dict)
    counts: dict[str, list[tuple[float, ...] | None]] = field(default_factory=dict)

    def put(self, index: int, score: Score) -> None:
        name = score.metric
        if name not in self.values:
            self.values[name] = np.zeros(self.size)
            self.scored[name] = np.zeros(self.size, dtype=np.bool_)
            self.why[name] = {}
            self.counts[name] = [None] * self.size
        if isinstance(score, Unscored):
            self.why[name][score.why] = self.why[name].get(score.why, 0) + 1
            return
        self.values[name][index] = score.value
        self.scored[name][index] = True
        self.counts[name][index] = score.counts

    def column(self, name: str, bounds: tuple[Any, Any] | None) -> Column:
        counts = None
        if bounds is not None:
            blank = (0.0,) * bounds[0].shape[1]
            counts = np.array([row if row is not None else blank for row in self.counts[name]], dtype=np.float64)
        return Column(
            values=self.values[name],
            is_scored=self.scored[name],
            why=self.why[name],
            counts=counts,
            worst=bounds[0] if bounds else None,
            best=bounds[1] if bounds else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """The scores of one suite: the table for decisions and the rows for people."""

    table: ScoreTable
    rows: tuple[dict[str, Any], ...]
    """samples.jsonl, in the suite's order."""


def gather(pairs: Iterable[tuple[Key, Outcome]]) -> dict[tuple[str, str], list[Outcome]]:
    """Outcomes by (role, sample id), repeats in order. Joined by key, whatever order they came in."""
    found: dict[tuple[str, str], list[tuple[int, Outcome]]] = {}
    for key, outcome in pairs:
        found.setdefault((key.role, key.sample_id), []).append((key.repeat, outcome))
    return {place: [o for _, o in sorted(items, key=lambda i: i[0])] for place, items in found.items()}


def score_suite(suite: Suite, metrics: Sequence[Metric], outcomes: Outcomes, inputs: Mapping[str, str]) -> Scoring:
    """Scores every outcome with every metric. `inputs`: sample id → what the reader should see as the question."""
    roles = tuple(suite.models)
    size = len(suite.samples)
    builders = {role: _Builder(size) for role in roles}
    logs = {role: SideLog(len(suite.samples)) for role in roles}
    rows = []
    both = equal = 0
    for index, sample in enumerate(suite.samples):
        row: dict[str, Any] = {
            "id": sample.id,
            "input": inputs.get(sample.id, ""),
            "target": sample.target,
            "slices": dict(sample.slices),
            "cluster": sample.cluster,
            "scores": {metric.name: {} for metric in metrics},
        }
        for role in roles:
            answers = outcomes.get((role, sample.id), ())
            findings = [_score(metric, answers, sample, suite) for metric in metrics]
            for score in findings:
                builders[role].put(index, score)
                row["scores"][score.metric].update(_shown(role, score))
            primary = next((s for s in findings if s.metric == suite.gate.primary.metric), findings[0])
            row[role] = logs[role].add(answers, primary, suite.models[role])
        texts = [[o.text for o in outcomes.get((r, sample.id), ()) if isinstance(o, Response)] for r in roles]
        if len(texts) > 1 and texts[0] and texts[1]:
            both += 1
            equal += texts[0] == texts[1]
        row["flip"] = _flip(row["scores"].get(suite.gate.primary.metric, {}))
        rows.append(row)
    bounds = {metric.name: _bounds(metric, suite.samples) for metric in metrics}
    table = ScoreTable(
        suite=suite.name,
        sample_ids=tuple(s.id for s in suite.samples),
        columns={r: {m.name: builders[r].column(m.name, bounds[m.name]) for m in metrics} for r in roles},
        tallies={r: logs[r].tally() for r in roles},
        clusters=_clusters(suite.samples),
        slices=_slices(suite.samples),
        both_answered=both,
        equal_answers=equal,
        latencies={r: np.array(logs[r].latencies) for r in roles},
        costs={r: np.array(logs[r].costs) for r in roles},
        served={r: tuple(sorted(logs[r].served)) for r in roles},
        tokens={r: (logs[r].input_tokens, logs[r].output_tokens) for r in roles},
    )
    return Scoring(table=table, rows=tuple(rows))


def _score(metric: Metric, answers: Sequence[Outcome], sample: Sample, suite: Suite) -> Score:
    wrong = suite.truncated == "wrong"
    each: Sequence[Outcome | None] = answers or (None,)
    return _Cell([score_outcome(metric, a, sample, truncated_is_wrong=wrong) for a in each]).merged()


def _shown(role: str, score: Score) -> dict[str, Any]:
    if isinstance(score, Unscored):
        return {role: None, f"{role}_why": score.why, f"{role}_evidence": {}}
    return {role: score.value, f"{role}_why": None, f"{role}_evidence": dict(score.evidence)}


def _flip(scores: Mapping[str, Any]) -> str:
    before, after = scores.get("baseline"), scores.get("candidate")
    if before is None or after is None:
        return "unscored"
    if after > before:
        return "fixed"
    if after < before:
        return "broken"
    return "both_right" if after >= 1.0 else "both_wrong"


def _bounds(metric: Metric, samples: Sequence[Sample]) -> tuple[Any, Any] | None:
    """For corpus metrics, the counts of an unreadable and of a right answer to each sample: (n, D) each."""
    if not isinstance(metric, CorpusMetric):
        return None
    pairs = [metric.bounds(sample) for sample in samples]
    return np.array([p[0] for p in pairs], dtype=np.float64), np.array([p[1] for p in pairs], dtype=np.float64)


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
    masks = {}
    for name in sorted(members):
        mask = np.zeros(len(samples), dtype=np.bool_)
        mask[members[name]] = True
        masks[name] = mask
    return masks
