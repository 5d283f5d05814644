"""One run in which everything happens that a report can tell of, made without a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench import Bench, answers, label_of, number_in, right_below, scripted, side
from judge_bench import RUBRIC, judging, model_at, write_judge
from raters import download, make, rated

from evalkit.cli.app import execute
from evalkit.jobs.rating.take_back import import_ratings
from evalkit.jobs.running.run import RunOptions, run
from evalkit.run.progress import Progress
from evalkit.testing import Asked, Rule, fails

N = 120
MODELS = ("base", "rag", "tuned", "grader")
PRICES = {
    "prompted": {"input": 2.5, "output": 10.0, "as_of": "2026-11-01"},
    "rag": {"input": 2.5, "output": 10.0, "as_of": "2026-11-01"},
    "candidate": {"input": 0.2, "output": 0.4, "as_of": "2026-11-01"},
}
ECONOMICS = {
    "requests_per_day": 20_000,
    "training_usd": 180,
    "tuning_hours": 12,
    "labelling_hours": 20,
    "usd_per_hour": 90,
    "hosting_usd_per_day": 6.5,
}
LENIENT = {"min_items": 30, "min_per_class": 10}


def answered(asked: Asked) -> str:
    """The candidate: right on most samples, and wrong on the others in each of the ways there are."""
    index = number_in(asked)
    if index % 12:
        return label_of(index if index > 8 else index + 1)
    wrong = ("I'm sorry, but I can't help with that.", "", label_of(index + 1), label_of(index + 2))
    return wrong[index // 12 % len(wrong)]


def full_run(bench: Bench, *, is_calibrated: bool = True) -> Path:
    """The run's folder: several baselines, a judge, ratings, training data met, failures, prices and payback."""
    down = Rule(behaviour=fails(400, "no such parameter"), match=lambda asked: _is(asked, "tuned", {31}))
    with scripted(20, 100, down, judging(), side("tuned", answers(answered)), *_rag(), models=MODELS) as server:
        suite = _suite(bench, server.base_url)
        if is_calibrated:
            _calibrate(bench, suite)
        folder = bench.folder / _run(suite).folder
        key = make(folder, n=6)
        for name, prefers in (
            ("Anna", "candidate"),
            ("Bo", lambda showing: "same" if showing.item < "8" else "candidate"),
        ):
            sent = bench.folder / f"{name}.jsonl"
            sent.write_bytes(download(key.batch, name, rated(key, prefers), browser=name, note="the tone is better"))
            import_ratings([sent], str(folder), bench.folder / "reports")
    return folder


def _is(asked: Asked, model: str, numbers: set[int]) -> bool:
    return asked.model == model and asked.prompt.startswith("lamp") and number_in(asked) in numbers


def _rag() -> list[Rule]:
    return [side("rag", answers(right_below(70)))]


def question(i: int) -> str:
    """A text long enough to be known again in training data."""
    return f"lamp {i * 7919} of order {i * 31} has a scratch of {i * 17} mm on its left side and hums, item {i}"


def _suite(bench: Bench, url: str) -> Path:
    write_judge(bench.folder / "suite", {**RUBRIC, "model": model_at(url), "calibration": LENIENT})
    one = {"backend": "openai_compatible", "base_url": url}

    def entry(name: str, model: str) -> dict[str, Any]:
        return one | {"model": model, "price": PRICES[name]}

    path = bench.write_suite(
        url,
        N,
        dataset={"path": "samples.jsonl", "id": "id", "prompt": "{{ text }}", "target": "label", "slices": ["part"]},
        models={
            "baselines": {"prompted": entry("prompted", "base"), "rag": entry("rag", "rag")},
            "candidate": entry("candidate", "tuned"),
        },
        metrics=[
            {"name": "graded", "type": "judge", "judge": "judge.yaml"},
            {"name": "exact", "type": "exact_match"},
            {"name": "colour", "type": "accuracy"},
            {"name": "brief", "type": "length", "max": 20},
        ],
        gate={
            "primary": {"metric": "graded", "min_delta": 5.0},
            "guards": [{"metric": "brief", "margin": 2.0}, {"metric": "exact", "margin": 1.0}],
            "slices": {"max_drop": 10.0},
        },
        economics=ECONOMICS,
        checks={"training_data": ["train.jsonl"], "freshness": {"max_age_days": 90}},
    )
    home = path.parent
    rows = [json.loads(line) for line in (home / "samples.jsonl").read_text().splitlines()]
    (home / "samples.jsonl").write_text(
        "".join(json.dumps(row | {"text": question(i)}) + "\n" for i, row in enumerate(rows))
    )
    training = [{"prompt": question(i).replace("scratch", "dent"), "completion": "x"} for i in range(114, N)]
    training += [{"prompt": f"what does tram {i} cost on day {i * 3}", "completion": "x"} for i in range(30)]
    (home / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in training))
    return path


def _calibrate(bench: Bench, suite: Path) -> None:
    """A first run, every second answer of it labelled by a person, and the judge measured against them."""
    first = _run(suite)
    labels = [
        {"item_id": row["id"], "rater_id": "ann", "criterion": "right", "role": role,
         "verdict": "pass" if row[role]["text"] == row["target"] else "fail"}
        for row in bench.rows(first.document) for role in ("baseline", "candidate") if row[role]["text"]
    ]  # fmt: skip
    path = bench.folder / "labels.jsonl"
    path.write_text("".join(json.dumps(label) + "\n" for label in labels))
    judge = suite.parent / "judge.yaml"
    execute(["judge", "calibrate", str(judge), "--labels", str(path), "--run", first.document["run"], "--json"])


def _run(suite: Path) -> Any:
    return run(RunOptions(suite_path=suite, command="evalkit run suite/suite.yaml"), Progress())
