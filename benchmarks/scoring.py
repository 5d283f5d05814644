"""Times scoring against the usual packages used the plain way, in one process.

    python benchmarks/scoring.py [PAIRS]

10,000 pairs are 20,000 answers, a baseline's and a candidate's, to 10,000 targets: a label and one or two sentences.
Both ways start from the answers' texts and end with one score an answer (macro-F1: one a side). Prints a table of CPU
seconds and ratios; what the packages take is measured on a part of the pairs where it would take minutes, and said so.
The scores are compared on the way: a fast metric that disagrees ends the run.
"""

from __future__ import annotations

import json
import random
import re
import string
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jsonschema
import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import f1_score

from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample, Scored

LABELS = tuple(f"label {i}" for i in range(8))
SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"enum": list(LABELS)},
        "summary": {"type": "string", "minLength": 1},
        "scores": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "maxItems": 8},
    },
    "required": ["label", "summary"],
    "additionalProperties": False,
}
PART = 40
"""The packages' slow ways are timed on one pair in so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Targets and both sides' answers, as texts, labels and JSON."""

    texts: Sequence[str]
    labels: Sequence[str]
    said: Sequence[Sequence[str]]
    chosen: Sequence[Sequence[str]]
    written: Sequence[Sequence[str]]


def work(pairs: int) -> Work:
    """Texts of 20 to 60 words by Zipf's law; the candidate keeps more of the target's than the baseline does."""
    rng = random.Random(1)  # noqa: S311 - no secret
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randrange(2, 10))) for _ in range(4_000)]
    weights = [1.0 / rank for rank in range(1, len(words) + 1)]
    texts = [" ".join(rng.choices(words, weights, k=rng.randrange(20, 60))).capitalize() + "." for _ in range(pairs)]
    labels = rng.choices(LABELS, k=pairs)

    def retold(text: str, kept: float) -> str:
        return " ".join(w if rng.random() < kept else rng.choice(words) for w in text.split())

    said = [[text if rng.random() < kept / 2 else retold(text, kept) for text in texts] for kept in (0.6, 0.8)]
    chosen = [[g if rng.random() < kept else rng.choice(LABELS) for g in labels] for kept in (0.7, 0.8)]
    written = [
        [
            json.dumps({"label": label, "summary": text, "scores": [0.5, 1] if rng.random() < 0.9 else [2]})
            for label, text in zip(labels_, texts_, strict=True)
        ]
        for labels_, texts_ in zip(chosen, said, strict=True)
    ]
    return Work(texts=texts, labels=labels, said=said, chosen=chosen, written=written)


def ours(kind: str, targets: Sequence[str | None], sides: Sequence[Sequence[str]], **options: object) -> list[float]:
    """One score an answer, sample by sample as a run does it; of a metric of the whole set, one a side."""
    samples = tuple(Sample(id=str(i), fields={}, target=target) for i, target in enumerate(targets))
    metric = build(MetricSpec(name="m", type=kind, options=options), samples)
    scores = [[metric.score(side[i], sample) for side in sides] for i, sample in enumerate(samples)]
    found = [[score for score in row if isinstance(score, Scored)] for row in scores]
    if hasattr(metric, "statistic"):
        columns = zip(*found, strict=True)
        return [float(metric.statistic(np.sum([score.counts for score in column], axis=0))) for column in columns]
    return [score.value for row in found for score in row]


def squad(text: str) -> list[str]:
    """SQuAD's own normalisation, as its evaluation script has it."""
    marks = set(string.punctuation)
    plain = "".join(c for c in text.lower() if c not in marks)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def squad_f1(said: str, target: str) -> float:
    """Token F1 as SQuAD's evaluation script computes it."""
    left, right = squad(said), squad(target)
    shared = sum((Counter(left) & Counter(right)).values())
    if not shared:
        return float(left == right)
    precision, recall = shared / len(left), shared / len(right)
    return 2 * precision * recall / (precision + recall)


def fits(answer: str) -> float:
    """Whether the answer fits the schema, with the package's one-line call."""
    try:
        jsonschema.validate(json.loads(answer), SCHEMA)
    except jsonschema.ValidationError:
        return 0.0
    return 1.0


def each(score: Callable[[str, str], float], targets: Sequence[str], sides: Sequence[Sequence[str]]) -> list[float]:
    """One score an answer, in the order `ours` has them."""
    return [score(side[i], target) for i, target in enumerate(targets) for side in sides]


def timed(job: Callable[[], list[float]]) -> tuple[list[float], float]:
    """What the job returns, and its CPU seconds."""
    started = time.process_time()
    found = job()
    return found, time.process_time() - started


def main() -> None:
    """Prints the table."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    data = work(pairs)
    rouge = RougeScorer(["rougeL"])
    every = range(0, pairs, PART)
    part = [data.texts[i] for i in every]
    said, written = ([[side[i] for i in every] for side in sides] for sides in (data.said, data.written))
    rows: list[tuple[str, str, Callable[[], list[float]], Callable[[], list[float]], int]] = [
        (
            "exact match",
            "==",
            lambda: ours("exact_match", data.texts, data.said),
            lambda: each(lambda a, b: float(a.strip() == b.strip()), data.texts, data.said),
            1,
        ),
        (
            "token F1",
            "SQuAD's script",
            lambda: ours("token_f1", data.texts, data.said),
            lambda: each(squad_f1, data.texts, data.said),
            1,
        ),
        (
            "macro-F1",
            "scikit-learn",
            lambda: ours("f1", data.labels, data.chosen, labels=list(LABELS)),
            lambda: [float(f1_score(data.labels, side, labels=LABELS, average="macro")) for side in data.chosen],
            1,
        ),
        (
            "JSON schema",
            "jsonschema.validate",
            lambda: ours("json_schema", [None] * pairs, data.written, schema=SCHEMA),
            lambda: each(lambda a, _: fits(a), part, written),
            PART,
        ),
        (
            "ROUGE-L",
            "rouge-score",
            lambda: ours("rouge", data.texts, data.said),
            lambda: each(lambda a, b: rouge.score(b, a)["rougeL"].fmeasure, part, said),
            PART,
        ),
    ]
    print(f"{pairs:,} pairs, {2 * pairs:,} answers; CPU seconds")
    print(f"{'metric':<12} {'evalkit':>9} {'plain':>9} {'ratio':>8}  plain way")
    spent, plain = 0.0, 0.0
    for name, way, fast, usual, share in rows:
        (found, seconds), (wanted, took) = timed(fast), timed(usual)
        if share > 1:
            found = [score for i in every for score in found[2 * i : 2 * i + 2]]
        if not np.allclose(found, wanted, rtol=0.0, atol=1e-9):
            raise SystemExit(f"{name}: evalkit and {way} disagree")
        took *= share
        spent, plain = spent + seconds, plain + took
        note = f", timed on one pair in {share}" if share > 1 else ""
        print(f"{name:<12} {seconds:>9.2f} {took:>9.2f} {took / seconds:>7.1f}x  {way}{note}")
    print(f"{'all':<12} {spent:>9.2f} {plain:>9.2f} {plain / spent:>7.1f}x")


if __name__ == "__main__":
    main()
