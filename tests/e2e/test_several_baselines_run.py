"""A run with several baselines, and one that asks its baseline twice: from suite file to report."""

import json
import xml.etree.ElementTree as ET

import pytest
from bench import answers, right_below, scripted, side

from evalkit.errors import BudgetReached, UsageError
from evalkit.jobs.compare import CompareOptions, compare
from evalkit.jobs.planning.plan import PlanOptions, plan
from evalkit.jobs.render import render_again
from evalkit.jobs.running.run import RunOptions, run
from evalkit.report.terminal import line, summary
from evalkit.run.progress import Progress

N = 60
NAMES = ("base", "rag", "tuned")


@pytest.fixture
def here(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    return bench


def served(base=10, rag=40, tuned=58):
    return scripted(base, tuned, side("rag", answers(right_below(rag))), models=NAMES)


def models(server, **entries):
    one = {"backend": "openai_compatible", "base_url": server.base_url}
    entries = entries or {"prompted": "base", "rag": "rag"}
    return {
        "baselines": {name: one | {"model": model} for name, model in entries.items()},
        "candidate": one | {"model": "tuned"},
    }


def finished(suite, **more):
    return run(RunOptions(suite_path=suite, command=f"evalkit run {suite}", **more), Progress())


def rows(found):
    return [json.loads(one) for one in (found.folder / "samples.jsonl").read_text().splitlines()]


def test_the_candidate_must_beat_each_and_the_hardest_decides(here):
    with served(tuned=42) as server:
        suite = here.write_suite(server.base_url, N, models=models(server))
        found = finished(suite)
        asked = [chat.model for chat in server.ledger.chats]
    document = found.document
    assert (document["verdict"], document["exit_code"], document["against"]) == ("dont_ship", 1, "rag")
    each = document["baselines"]
    assert {name: one["verdict"] for name, one in each.items()} == {"prompted": "ship", "rag": "dont_ship"}
    assert {name: one["primary"]["baseline_points"] for name, one in each.items()} == {
        "prompted": pytest.approx(100 * 10 / N),
        "rag": pytest.approx(100 * 40 / N),
    }
    assert document["primary"] == each["rag"]["primary"]
    assert document["flips"] == each["rag"]["flips"] == {
        "fixed": 2, "broken": 0, "both_right": 40, "both_wrong": N - 42, "unscored": 0
    }  # fmt: skip
    assert document["reasons"][0]["detail"].startswith("against rag: ")
    assert document["headline"].startswith("Against rag, which decides among 2 baselines: ")
    assert set(document["outcomes"]) == {"baseline", "candidate"}
    assert all(one["outcomes"]["ok"] == N and one["latency"]["n"] == N for one in each.values())
    assert all(asked.count(model) >= N for model in NAMES)
    assert document["asked"][0]["filter"] == "f=broken"


def test_what_a_reader_sees_names_every_baseline(here):
    with served() as server:
        suite = here.write_suite(server.base_url, N, models=models(server))
        found = finished(suite)
    document = found.document
    assert document["verdict"] == "ship"
    assert line(document).endswith("on exact against rag")
    told = summary(document, color=False, width=80)
    assert "against each baseline" in told
    assert next(row for row in told.splitlines() if row.startswith("rag ")).endswith("✔ SHIP   decides")
    before = {name: (found.folder / name).read_bytes() for name in ("report.html", "summary.md", "junit.xml")}
    render_again(str(found.folder), found.folder, ["html", "markdown", "junit"])
    assert {name: (found.folder / name).read_bytes() for name in before} == before
    assert b"Against each baseline" in before["report.html"]
    assert "| **rag** (decides) | +30.0 |" in before["summary.md"].decode()
    cases = {case.get("name") for case in ET.fromstring(before["junit.xml"]).iter("testcase")}  # noqa: S314 - our own
    assert {"against prompted", "against rag"} <= cases


def test_samples_show_the_baseline_that_decides_and_the_others_beside_it(here):
    with served() as server:
        suite = here.write_suite(server.base_url, N, models=models(server))
        found = finished(suite)
    fifth = rows(found)[20]  # 10 ≤ 20 < 40: right by `rag`, wrong by `prompted`
    assert fifth["flip"] == "both_right"
    assert fifth["baseline"]["text"] == fifth["target"]
    assert fifth["others"]["prompted"]["text"] != fifth["target"]
    assert fifth["others"]["prompted"]["scores"]["exact"]["score"] == 0.0
    manifest = json.loads((found.folder / "manifest.json").read_text())
    assert list(manifest["prompts"]) == ["prompted", "rag", "candidate"]


def test_a_run_of_three_sides_is_resumed_without_asking_twice(here):
    with served() as server:
        suite = here.write_suite(server.base_url, N, models=models(server), run={"concurrency": 3})
        with pytest.raises(BudgetReached):
            finished(suite, max_requests=80, use_cache=False)
        before = len(server.ledger.chats)
        found = finished(suite, resume="latest", use_cache=False)
        asked = len(server.ledger.chats)
    assert found.document["verdict"] == "ship"
    assert before == 80  # the probe's are among them
    probe = 40  # two pairs of sides with twenty answers each, as they differ at once; none is asked again
    assert asked == 3 * N + probe
    assert all(one["outcomes"]["ok"] == N for one in found.document["baselines"].values())


def test_one_use_of_the_samples_is_counted_however_many_baselines(here):
    with served() as server:
        suite = here.write_suite(server.base_url, N, models=models(server))
        first = finished(suite).document
    assert first["reuse"]["uses"] == 1
    ledger = (here.folder / ".evalkit" / "ledger.jsonl").read_text().splitlines()
    assert len(ledger) == 1


def test_a_baseline_that_is_the_candidate_is_refused_by_its_name(here):
    with served() as server:
        suite = here.write_suite(server.base_url, N, models=models(server, prompted="base", twin="tuned"))
        found = finished(suite)
        assert not server.ledger.chats
        told = plan(PlanOptions(suite_path=suite))["warnings"]
    assert found.document["exit_code"] == 4
    assert found.document["reasons"][0]["code"] == "SAME_MODEL"
    assert found.document["reasons"][0]["detail"].startswith("against twin: ")
    assert any("against twin" in warning for warning in told)


def test_a_plan_counts_every_side_and_every_probe(here):
    with served() as server:
        found = plan(PlanOptions(suite_path=here.write_suite(server.base_url, N, models=models(server))))
    assert found["requests"]["to_send"] == 3 * N
    assert found["requests"]["probe_at_most"] == 2 * 2 * 20
    assert [side["role"] for side in found["requests"]["sides"]] == ["prompted", "rag", "candidate"]


def test_recorded_answers_are_compared_two_by_two_with_such_a_suite(here):
    with served() as server:
        suite = here.write_suite(server.base_url, N, models=models(server))
        found = finished(suite)
    again = compare(
        CompareOptions(baseline=f"{found.folder}:baseline", candidate=str(found.folder), suite_path=suite, command="c")
    ).document
    assert again["primary"]["delta_points"] == found.document["primary"]["delta_points"]
    assert list(again["baselines"]) == ["baseline"]


def test_the_noise_floor_is_asked_anew_and_moves_no_verdict(here):
    with scripted(20, 55) as server:
        suite = here.write_suite(server.base_url, N)
        plain = finished(suite).document
        n_before = len(server.ledger.chats)
        found = finished(suite, has_noise_floor=True)
        asked = [chat.model for chat in server.ledger.chats[n_before:]]
        finished(suite, has_noise_floor=True)
        n_third = len(server.ledger.chats) - n_before - len(asked)
    document = found.document
    assert asked == ["base"] * N  # everything else came from the cache
    assert n_third == N
    floor = document["noise_floor"]
    assert (floor["delta_points"], floor["n"], floor["equal_answers"]) == (0.0, N, 1.0)
    assert document["noise_floor_note"] is None
    assert plain["noise_floor"] is None
    assert "--noise-floor" in plain["noise_floor_note"]
    assert rows(found)[0]["others"]["baseline again"]["text"] == "red"
    same = ("verdict", "primary", "metrics", "flips", "reasons", "guards")
    assert {key: document[key] for key in same} == {key: plain[key] for key in same}
    assert "noise floor: 0.0 points" in summary(document, color=False, width=80)
    assert b"noise floor" in (found.folder / "report.html").read_bytes()


def test_a_baseline_that_moves_by_itself_is_warned_of(here):
    seen: dict[str, int] = {}

    def drifting(asked):
        seen[asked.prompt] = seen.get(asked.prompt, 0) + 1
        return right_below(20 if seen[asked.prompt] == 1 else 45)(asked)

    with scripted(0, 58, side("base", answers(drifting))) as server:
        suite = here.write_suite(server.base_url, N, run={"concurrency": 1})
        found = finished(suite, has_noise_floor=True, use_cache=False).document
    assert found["noise_floor"]["delta_points"] > 20
    assert any("The same model against itself moved by" in warning for warning in found["warnings"])


def test_recorded_answers_cannot_be_asked_again(here):
    (here.folder / "suite").mkdir()
    (here.folder / "suite" / "a.jsonl").write_text('{"id": "s0000", "output": "red"}\n')
    recorded = {"backend": "outputs", "path": "a.jsonl"}
    suite = here.write_suite("http://127.0.0.1:1", N, models={"baseline": recorded, "candidate": recorded})
    with pytest.raises(UsageError, match=r"models\.baseline has recorded answers"):
        finished(suite, has_noise_floor=True)


def test_each_side_of_a_run_can_be_compared_by_its_name(here):
    with served() as server:
        suite = here.write_suite(server.base_url, N, models=models(server))
        found = finished(suite)

    def delta(side):
        again = compare(
            CompareOptions(
                baseline=f"{found.folder}:{side}", candidate=str(found.folder), suite_path=suite, command="evalkit"
            )
        )
        return again.document["primary"]["delta_points"]

    each = {name: one["primary"]["delta_points"] for name, one in found.document["baselines"].items()}
    assert {side: delta(side) for side in ("prompted", "rag", "baseline")} == each | {"baseline": each["rag"]}
    with pytest.raises(UsageError, match=r"no side called 'rga' \(did you mean 'rag'\?\)"):
        delta("rga")
