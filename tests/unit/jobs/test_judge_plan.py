"""A plan counts what a judge would be asked, and leaves it apart from the sides."""

import pytest
from judge_bench import PAIR, RUBRIC, model_at, write_judge

from evalkit.jobs.planning.plan import PlanOptions, plan

DEAD = "http://127.0.0.1:9/v1"
METRIC = {"name": "graded", "type": "judge", "judge": "judge.yaml"}


def planned(bench, judge, model=None, **changes) -> dict:
    price = {"input": 1.0, "output": 2.0}
    write_judge(bench.folder / "suite", {**judge, "model": model or model_at(DEAD, price=price, max_tokens=100)})
    metric = changes.pop("metric", METRIC)
    suite = bench.write_suite(DEAD, 40, metrics=[metric], gate={"primary": {"metric": "graded"}}, **changes)
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


def test_recorded_replies_send_nothing(bench):
    (bench.folder / "suite").mkdir()
    (bench.folder / "suite" / "replies.jsonl").write_text('{"id": "a", "output": ""}\n')
    load = load_of(planned(bench, RUBRIC, {"backend": "outputs", "path": "replies.jsonl"}))
    assert (load["to_send"], load["input_tokens"], load["output_tokens"]) == (0, 0, 0)
