"""Times a whole verdict, and the loop over scikit-learn that would otherwise make it.

    python benchmarks/verdict.py [SAMPLES]

One macro-F1 over eight labels, resampled 10,000 times over all samples and in each of 20 slices, and eight item
metrics. Prints {"verdict_s", "naive_s", "naive_measured", "ratio"}: CPU seconds; the naive figure is extrapolated
from the calls that were timed, the whole set and one slice apart.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.metrics.classification import build_classification
from evalkit.metrics.match import build_match
from evalkit.protocols import Metric
from evalkit.types import GateSpec, MetricSpec, ModelSpec, PrimarySpec, Sample, Suite
from evalkit.types.table import Column, Counts, ScoreTable, Tally

LABELS, SLICES, ITEMS, RESAMPLES, TRIES = 8, 20, 8, 10_000, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a verdict is made of."""

    evidence: Evidence
    gold: NDArray[np.intp]
    predicted: dict[str, NDArray[np.intp]]


def work(n: int) -> Work:
    """A table of `n` samples; the candidate's labels are right eight times in a hundred more."""
    rng = np.random.default_rng(1)
    gold = rng.integers(LABELS, size=n)
    samples = tuple(Sample(id=str(i), fields={}, target=f"label {g}") for i, g in enumerate(gold))
    named = [MetricSpec(name=f"item{i}", type="exact_match") for i in range(ITEMS)]
    metrics: dict[str, Metric] = {"f1": build_classification(MetricSpec(name="f1", type="f1"), samples)}
    metrics |= {spec.name: build_match(spec) for spec in named}
    columns, predicted = {}, {}
    for role, share in (("baseline", 0.70), ("candidate", 0.78)):
        guess = np.where(rng.random(n) < share, gold, rng.integers(LABELS, size=n))
        predicted[role] = guess
        rows = np.concatenate([np.eye(LABELS)[gold] * (guess == gold)[:, None], np.eye(LABELS)[guess],
                               np.eye(LABELS)[gold]], axis=1)  # fmt: skip
        columns[role] = {"f1": column((guess == gold).astype(float), Counts.of(rows))}
        for i in range(ITEMS):
            graded = np.round(rng.beta(3.0, 2.0, n), 3)
            columns[role][f"item{i}"] = column(graded if i % 2 else (rng.random(n) < share).astype(float))
    parts = rng.integers(SLICES, size=n)
    table = ScoreTable(
        suite="benchmark",
        sample_ids=tuple(sample.id for sample in samples),
        columns=columns,
        tallies={role: Tally(planned=n, ok=n) for role in columns},
        clusters=None,
        slices={f"part={i:02d}": np.flatnonzero(parts == i) for i in range(SLICES)},
        both_answered=n,
    )
    suite = Suite(
        name="benchmark",
        path=Path("suite.yaml"),
        root=Path(),
        samples=samples,
        dataset_path=Path("samples.jsonl"),
        dataset_sha256="0" * 64,
        is_locked=False,
        models={role: ModelSpec(role=role, backend="outputs") for role in columns},
        metrics=(),
        gate=GateSpec(primary=PrimarySpec(metric="f1")),
    )
    evidence = Evidence(suite=suite, main=Measured(table=table, metrics=metrics), guards={}, seed="fp1:0")
    return Work(evidence=evidence, gold=gold, predicted=predicted)


def column(values: NDArray[np.float64], counts: Counts | None = None) -> Column:
    """A column in which every sample has a score."""
    return Column(values=values, is_scored=np.ones(len(values), dtype=np.bool_), why={}, counts=counts)


def naive_s(made: Work, rows: NDArray[np.intp]) -> float:
    """CPU seconds of one resample with scikit-learn's f1_score on both sides, over `rows`."""
    rng = np.random.default_rng(2)
    started = time.process_time()
    for _ in range(TRIES):
        drawn = rows[rng.integers(len(rows), size=len(rows))]
        for side in made.predicted.values():
            f1_score(made.gold[drawn], side[drawn], labels=range(LABELS), average="macro", zero_division=0)
    return (time.process_time() - started) / TRIES


def main(n: int) -> None:
    """Prints the readings."""
    made = work(n)
    started = time.process_time()
    verdict = decide(made.evidence)
    taken = time.process_time() - started
    if verdict.status != "ship" or len(verdict.slices) != SLICES:
        sys.exit(f"the verdict is {verdict.status} over {len(verdict.slices)} slices")
    whole, part = naive_s(made, np.arange(n)), naive_s(made, np.arange(n // SLICES))
    naive = RESAMPLES * (whole + SLICES * part)
    readings = {"verdict_s": taken, "naive_s": naive, "naive_measured": 2 * TRIES, "ratio": naive / taken}
    print(json.dumps({name: round(value, 2) for name, value in readings.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
