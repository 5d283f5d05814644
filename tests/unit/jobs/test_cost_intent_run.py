"""A suite that asks for cost, from its file to its report: the published worked case and what bends it."""

import json

import pytest
from bench import label_of, scripted

from evalkit.jobs.compare import CompareOptions, compare
from evalkit.jobs.planning.plan import PlanOptions, plan
from evalkit.jobs.running.run import RunOptions, run
from evalkit.numbers import usd
from evalkit.report.html import render_html
from evalkit.report.markdown import render_markdown
from evalkit.report.terminal import line, summary
from evalkit.run.progress import Progress

N = 200
# $0.005 and $0.0003 a request: 1,600 · 2.5 + 100 · 10 and 400 · 0.5 + 100 · 1 millionths.
PRICES = {
    "baseline": {"input": 2.5, "output": 10, "as_of": "2026-11-01"},
    "candidate": {"input": 0.5, "output": 1, "as_of": "2026-11-01"},
}
TOKENS = {"baseline": (1600, 100), "candidate": (400, 100)}
RIGHT = {"baseline": 184, "candidate": 188}  # 92 % and 94 %
ECONOMICS = {"requests_per_day": 10_000, "training_usd": 200, "tuning_hours": 10, "usd_per_hour": 100}
GATE = {"intent": "cost", "primary": {"metric": "exact"}}


@pytest.fixture
def here(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    return bench


def written(here, *, prices=PRICES, gate=GATE, economics=ECONOMICS, counted=None):
    models = {}
    for role in ("baseline", "candidate"):
        asked, said = TOKENS[role]
        rows = [
            {
                "id": f"s{i:04d}",
                "output": label_of(i if i < RIGHT[role] else i + 1),
                "latency_s": (5 if role == "baseline" else 1) * (1 + i % 7),
                **({} if counted == 0 else {"usage": {"input_tokens": asked, "output_tokens": said}}),
            }
            for i in range(N)
        ]
        (here.folder / "suite").mkdir(exist_ok=True)
        (here.folder / "suite" / f"{role}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        models[role] = {"backend": "outputs", "path": f"{role}.jsonl"}
        models[role] |= {"price": prices[role]} if role in prices else {}
    stated = {} if economics is None else {"economics": economics}
    return here.write_suite("http://127.0.0.1:9/v1", N, models=models, gate=gate, **stated)


def ran(suite):
    finished = run(RunOptions(suite_path=suite, command="evalkit run"), Progress())
    rows = [json.loads(row) for row in (finished.folder / "samples.jsonl").read_text().splitlines()]
    page = render_html(finished.document, rows, {}).decode()
    told = summary(finished.document, color=False, width=80)
    return finished.document, page, told, render_markdown(finished.document, rows)


def state_of(document, label):
    return next((row["state"] for row in document["asked"] if row["label"] == label), None)


def test_the_worked_case_ships_on_cost(here):
    document, page, told, summarised = ran(written(here))
    assert (document["verdict"], document["exit_code"]) == ("ship", 0)
    assert [document["primary"][f"{r}_points"] for r in ("baseline", "candidate")] == [92.0, 94.0]
    cost = document["cost"]
    assert cost["per_request"] | {"ci95": None} == {
        "n": N, "baseline": 0.005, "candidate": 0.0003, "diff": -0.0047, "ci95": None, "lower": -0.0047,
        "upper": -0.0047, "note": None,
    }  # fmt: skip
    assert cost["saving_per_day"]["point"] == 47.0
    assert cost["saving_per_year"]["point"] == 17_155.0
    lines = cost["payback"]["lines"]
    assert [row["words"] for row in lines] == ["after 4.3 days", "after 29.7 days"]
    assert lines[0]["payback_days"]["point"] == pytest.approx(4.26, abs=0.005)
    assert cost["payback"]["state"] == state_of(document, "pays for itself") == "held"
    assert "Not counted, because the suite does not state it: `labelling_hours`." in cost["assumptions"]
    assert document["headline"].endswith("the change pays for itself after 29.7 days; at most 90 days was asked for.")
    assert document["latency"]["ratio"]["p50"] == {"point": 0.2, "ci95": [0.2, 0.2]}
    for shown in (page, told, summarised):
        assert "after 29.7 days" in " ".join(shown.split())
    assert "saves $17,155" in page
    assert "0.20 [0.20, 0.20]" in page


def test_a_month_of_labelling_is_too_much(here):
    document, page, told, _ = ran(written(here, economics=ECONOMICS | {"labelling_hours": 160}))
    assert (document["verdict"], document["reasons"][0]["code"]) == ("dont_ship", "PAYBACK_TOO_LONG")
    assert state_of(document, "pays for itself") == "regressed"
    assert document["cost"]["payback"]["words"] == "after 425 days"
    assert "pays for itself after 425 days; at most 90 days was asked for" in line(document)
    assert "pays for itself" in told
    assert "It takes about" in page


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"prices": {"baseline": PRICES["baseline"]}}, "the suite names no price for the candidate"),
        ({"counted": 0}, "the answers of the baseline and the candidate carry no token counts"),
        ({"economics": None}, "the suite has no `economics` section"),
    ],
)
def test_an_unknown_cost_is_unknown_and_no_zero(here, change, why):
    document, page, told, _ = ran(written(here, **change))
    assert (document["verdict"], document["reasons"][0]["code"]) == ("inconclusive", "PAYBACK_UNKNOWN")
    assert why in document["reasons"][0]["detail"]
    assert state_of(document, "pays for itself") == "not_measured"
    cost = document["cost"]
    assert cost["payback_days"] is cost["saving_per_day"] is cost["break_even_req_per_day"] is None
    assert why in cost["payback"]["note"]
    assert "has paid for itself is not known" in page
    assert "paid back not known" in " ".join(told.split())


def test_a_cost_that_cannot_be_known_is_told_before_anything_is_asked(here):
    suite = written(here, prices={}, economics={"training_usd": 200})
    warnings = " ".join(plan(PlanOptions(suite_path=suite))["warnings"])
    assert "models.baseline.price and models.candidate.price and economics.requests_per_day" in warnings
    assert "cannot end in SHIP" in warnings


def test_for_quality_it_is_information(here):
    gate = {"primary": {"metric": "exact", "min_delta": 1.0}}
    document, page, _, _ = ran(written(here, gate=gate, economics=ECONOMICS | {"labelling_hours": 160}))
    assert document["verdict"] == "ship"
    assert [reason["code"] for reason in document["reasons"]] == ["PASS"]
    assert state_of(document, "pays for itself") is None
    assert document["cost"]["payback"]["state"] == "regressed"
    assert "after 425 days" in page
    without = ran(written(here, gate=gate, economics=None))[0]
    assert "payback" not in without["cost"]
    assert without["cost"]["per_request"]["diff"] == -0.0047


def test_recorded_answers_are_priced_as_the_suite_says(here):
    options = CompareOptions(
        baseline="suite/baseline.jsonl",
        candidate="suite/candidate.jsonl",
        suite_path=written(here),
        command="evalkit compare",
    )
    document = compare(options).document
    assert document["verdict"] == "ship"
    assert document["cost"]["payback"]["words"] == "after 29.7 days"


def test_cached_answers_have_a_price_and_no_latency(here):
    with scripted(55, 60) as server:
        models = {
            role: {"backend": "openai_compatible", "base_url": server.base_url, "model": name, "price": PRICES[role]}
            for role, name in (("baseline", "base"), ("candidate", "tuned"))
        }
        suite = here.write_suite(server.base_url, 60, models=models, gate=GATE, economics=ECONOMICS)
        live, again = ran(suite)[0], ran(suite)[0]
    assert again["outcomes"]["candidate"]["cached"] == 60
    assert again["cost"]["per_request"] == live["cost"]["per_request"]
    assert live["cost"]["per_request"]["baseline"] > 0
    assert live["latency"]["ratio"]["n"] == 60
    assert again["latency"]["ratio"] | {"note": None} == {"n": 0, "p50": None, "p95": None, "note": None}
    assert "no answer came from a live request" in again["latency"]["ratio"]["note"]
    told = " ".join(again["cost"]["assumptions"])
    assert "Answers from the cache (60 of the baseline's and 60 of the candidate's) are priced" in told
    run_again = compare(
        CompareOptions(
            baseline=f"{again['run']}:baseline", candidate=again["run"], suite_path=suite, command="evalkit compare"
        )
    ).document
    assert run_again["latency"]["candidate"]["n"] == 0


@pytest.mark.parametrize("repeats", [1, 2])
def test_more_samples_have_their_price_of_both_sides_and_all_repeats(here, monkeypatch, repeats):
    monkeypatch.setitem(RIGHT, "candidate", RIGHT["baseline"] - 1)
    suite = written(here, gate={"intent": "regression", "noninferiority_margin": 0.4, "primary": {"metric": "exact"}})
    text = json.loads(suite.read_text())
    text["generation"] = text.get("generation", {}) | {"repeats": repeats}
    suite.write_text(json.dumps(text))
    for role in ("baseline", "candidate"):
        path = suite.parent / f"{role}.jsonl"
        rows = [json.loads(row) for row in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(row | {"repeat": k}) + "\n" for k in range(repeats) for row in rows))
    document, *_ = ran(suite)
    more = document["primary"]["n_needed"] - N
    assert f"{more:,} more samples cost about {usd(more * repeats * 0.0053)} to ask of both sides" in " ".join(
        document["advice"]
    )
