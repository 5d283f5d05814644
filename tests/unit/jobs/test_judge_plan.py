"""A plan counts what a judge would be asked, and leaves it apart from the sides."""

import datetime as dt
import json

import pytest
from judge_bench import PAIR, RUBRIC, model_at, write_judge

from evalkit.cli.plan_text import plan_text
from evalkit.errors import ExecutionError
from evalkit.jobs.judging import standing
from evalkit.jobs.planning.plan import PlanOptions, plan
from evalkit.judging.load import load_judge
from evalkit.judging.seal import sealed
from evalkit.types import ModelIdentity

DEAD = "http://127.0.0.1:9/v1"
METRIC = {"name": "graded", "type": "judge", "judge": "judge.yaml"}


def planned(bench, judge, model=None, **changes) -> dict:
    price = {"input": 1.0, "output": 2.0}
    write_judge(bench.folder / "suite", {**judge, "model": model or model_at(DEAD, price=price, max_tokens=100)})
    usual = {"metrics": [changes.pop("metric", METRIC)], "gate": {"primary": {"metric": "graded"}}}
    suite = bench.write_suite(DEAD, 40, **usual | changes)
    return plan(PlanOptions(suite_path=suite, out=bench.folder / "reports"))


@pytest.fixture(autouse=True)
def _there(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)


def load_of(document) -> dict:
    (found,) = [side for side in document["requests"]["sides"] if side["role"].startswith("judge")]
    return found


@pytest.mark.parametrize(
    ("judge", "metric", "requests"),
    [
        (RUBRIC, METRIC, 80),
        (PAIR, METRIC, 80),
        (RUBRIC, {**METRIC, "votes": 3}, 240),
        (RUBRIC, {**METRIC, "retest": 0.1}, 88),
        (PAIR, {**METRIC, "retest": 0.1}, 88),
        (RUBRIC, {**METRIC, "votes": 3, "retest": 0.1}, 264),
    ],
    ids=["rubric", "pair", "votes", "some twice", "some pairs twice", "some twice by votes"],
)
def test_every_question_is_counted(bench, judge, metric, requests):
    document = planned(bench, judge, metric=metric)
    load = load_of(document)
    assert (load["role"], load["requests"], load["to_send"]) == ("judge of graded (colours)", requests, requests)
    assert load["output_tokens"] == 100 * requests
    assert load["usd"] == pytest.approx((load["input_tokens"] + 2 * load["output_tokens"]) / 1e6)
    assert document["requests"]["total"] == 80 + requests
    assert document["cost"]["usd"] is None
    assert "baseline and candidate" in document["cost"]["note"]


def test_a_judge_without_a_price_is_told_as_one(bench):
    price = {"input": 1.0, "output": 1.0}
    models = {
        role: {"backend": "openai_compatible", "base_url": DEAD, "model": role, "price": price}
        for role in ("baseline", "candidate")
    }
    note = planned(bench, RUBRIC, model_at(DEAD), models=models)["cost"]["note"]
    assert "none for judge of graded (colours) (price, beside the judge's model)" in note


def calibrated(bench, proven: ModelIdentity | None = None) -> None:
    """As if people and probes had cleared the judge that was planned with, today; `proven`: by its model."""
    spec = load_judge(str(bench.folder / "suite" / "judge.yaml"))
    spec = spec if proven is None else sealed(spec, {"judge": proven})
    now = dt.datetime.now(dt.UTC).isoformat()
    counts = {"tp": 50, "fn": 0, "fp": 0, "tn": 50}
    kept = {"schema": "evalkit.calibration/1", "problems": [], "confusion": {"": counts}, "own": {}}
    for kind, more in (("calibration", kept), ("probe", {"schema": "evalkit.probe/1", "distrust": None})):
        path = bench.folder / "suite" / "calibration" / f"colour.{kind}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(more | {"judge_hash": spec.judge_hash, "at": now}))


def test_a_judge_nobody_measured_is_said_to_be_that_before_anything_is_asked(bench):
    document = planned(bench, RUBRIC)
    (judge,) = document["judges"]
    assert (judge["metric"], judge["judge"], judge["model"]) == ("graded", "colour", "grader")
    assert (judge["state"], judge["blocks"]) == ("uncalibrated", True)
    (told,) = [said for said in document["warnings"] if "no run can ship" in said]
    assert "graded is graded by the judge colour" in told
    assert "evalkit judge calibrate suite/judge.yaml --labels FILE" in told
    shown = " ".join(plan_text(document, color=False).split())
    assert "Judges colours, graded: graded by colour (grader), ! not calibrated" in shown
    assert shown.count("nobody has measured this judge against people") == 1


def test_a_measured_judge_is_said_to_be_that_and_warns_of_nothing(bench):
    planned(bench, RUBRIC)
    calibrated(bench)
    document = planned(bench, RUBRIC)
    (judge,) = document["judges"]
    assert (judge["state"], judge["blocks"]) == ("calibrated", False)
    assert not [said for said in document["warnings"] if "no run can ship" in said]
    shown = " ".join(plan_text(document, color=False).split())
    assert "graded by colour (grader), ✔ calibrated: measured against people on" in shown


def test_a_judge_that_decides_nothing_is_named_and_blocks_nothing(bench):
    exact = {"name": "exact", "type": "exact_match"}
    for changes in (
        {"metrics": [METRIC, exact], "gate": {"primary": {"metric": "exact"}}},
        {"metrics": [METRIC], "gate": {"primary": {"metric": "graded"}, "require_judge_calibration": False}},
        {"metrics": [METRIC, exact], "gate": {"primary": {"metrics": ["exact", "graded"], "require": "any"}}},
    ):
        document = planned(bench, RUBRIC, **changes)
        assert [(one["state"], one["blocks"]) for one in document["judges"]] == [("uncalibrated", False)], changes
        assert "nobody has measured" in " ".join(plan_text(document, color=False).split())
    both = {"metrics": [METRIC, exact], "gate": {"primary": {"metrics": ["exact", "graded"], "require": "all"}}}
    assert planned(bench, RUBRIC, **both)["judges"][0]["blocks"]


def test_a_judge_that_failed_a_security_probe_blocks_whatever_the_suite_says(bench):
    waived = {"gate": {"primary": {"metric": "graded"}, "require_judge_calibration": False}}
    planned(bench, RUBRIC)
    calibrated(bench)
    assert not planned(bench, RUBRIC, **waived)["judges"][0]["blocks"]
    path = bench.folder / "suite" / "calibration" / "colour.probe.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"distrust": "it failed the probe 'injection'"}))
    (judge,) = planned(bench, RUBRIC, **waived)["judges"]
    assert (judge["state"], judge["blocks"]) == ("not_gateable", True)


def test_a_judge_of_the_candidates_family_blocks_unmeasured_even_where_others_are_trusted(bench):
    models = {
        role: {"backend": "openai_compatible", "base_url": DEAD, "model": name}
        for role, name in (("baseline", "llama-3.1-8b"), ("candidate", "gpt-4o-mini-tuned"))
    }
    waived = {"gate": {"primary": {"metric": "graded"}, "require_judge_calibration": False}, "models": models}
    assert planned(bench, RUBRIC, model_at(DEAD, model="gpt-4o"), **waived)["judges"][0]["blocks"]
    assert not planned(bench, RUBRIC, model_at(DEAD, model="claude-x"), **waived)["judges"][0]["blocks"]


def test_a_judge_of_the_candidates_family_that_was_measured_blocks_as_little_as_in_a_run(bench):
    judge = model_at(DEAD, model="gpt-4o")
    models = {role: model_at(DEAD, model=f"gpt-4o-mini-{role}") for role in ("baseline", "candidate")}
    planned(bench, RUBRIC, judge, models=models)
    calibrated(bench)
    (bench.folder / "suite" / "calibration" / "colour.probe.json").unlink()
    waived = {"primary": {"metric": "graded"}, "require_judge_calibration": False}
    for gate, blocks in ((waived, False), ({"primary": {"metric": "graded"}}, True)):
        (found,) = planned(bench, RUBRIC, judge, models=models, gate=gate)["judges"]
        assert (found["state"], found["blocks"]) == ("unprobed", blocks), gate


def test_a_judges_weights_are_part_of_which_judge_it_is_before_they_are_opened(bench, monkeypatch):
    proven = ModelIdentity(weights_sha256="a" * 64)
    monkeypatch.setattr(standing, "identity_at_rest", lambda _: proven)
    planned(bench, RUBRIC)
    calibrated(bench, proven)
    assert planned(bench, RUBRIC)["judges"][0]["state"] == "calibrated"
    monkeypatch.setattr(standing, "identity_at_rest", lambda _: ModelIdentity(weights_sha256="b" * 64))
    assert planned(bench, RUBRIC)["judges"][0]["state"] == "out_of_date"

    def missing(_) -> ModelIdentity:
        raise ExecutionError("the weights are not installed")

    for unopened in (missing, lambda _: None):
        monkeypatch.setattr(standing, "identity_at_rest", unopened)
        document = planned(bench, RUBRIC)
        (judge,) = document["judges"]
        assert (judge["state"], judge["blocks"]) == ("known_once_opened", False)
        assert not [said for said in document["warnings"] if "no run can ship" in said]
        shown = " ".join(plan_text(document, color=False).split())
        assert "graded by colour (grader), known once its model is opened: it was measured, and whether with" in shown
    (bench.folder / "suite" / "calibration" / "colour.calibration.json").unlink()
    (judge,) = planned(bench, RUBRIC)["judges"]
    assert (judge["state"], judge["blocks"]) == ("uncalibrated", True)  # whatever it proves: there is no record


def test_recorded_replies_send_nothing(bench):
    (bench.folder / "suite").mkdir()
    (bench.folder / "suite" / "replies.jsonl").write_text('{"id": "a", "output": ""}\n')
    load = load_of(planned(bench, RUBRIC, {"backend": "outputs", "path": "replies.jsonl"}))
    assert (load["to_send"], load["input_tokens"], load["output_tokens"]) == (0, 0, 0)
