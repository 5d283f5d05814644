"""`evalkit plan`: counted where it can be, "unknown" where not, and nothing sent or written."""

import hashlib
import json

import pytest
from bench import scripted
from meanings import asks
from msgspec import structs

from evalkit.cli.plan_text import plan_text
from evalkit.errors import UsageError
from evalkit.jobs.planning.forecast import _tokens_each
from evalkit.jobs.planning.plan import PlanOptions, _time, plan
from evalkit.jobs.running.run import RunOptions, run
from evalkit.run.progress import Progress
from evalkit.stats.power import n_power, upper_discordance
from evalkit.store.past import PastRun
from evalkit.types import Response, Usage

GATE = {"primary": {"metric": "exact", "min_delta": 5.0}}


@pytest.fixture
def here(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    return bench


def prints(folder):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def planned(suite, **more):
    document = plan(PlanOptions(suite_path=suite, **more))
    json.dumps(document, allow_nan=False)
    return document


def models(url, **more):
    return {
        role: {"backend": "openai_compatible", "base_url": url, "model": name} | more
        for role, name in (("baseline", "base"), ("candidate", "tuned"))
    }


DEAD = "http://127.0.0.1:9/v1"


def test_before_anything_was_asked(here):
    suite = here.write_suite(DEAD, 200)
    before = prints(here.folder)
    document = planned(suite)
    assert prints(here.folder) == before
    requests = document["requests"]
    assert (requests["total"], requests["cached"], requests["to_send"], requests["probe_at_most"]) == (400, 0, 400, 40)
    # "item 0" … "item 199" and one turn each: 7.5 characters on the average.
    side = requests["sides"][0]
    assert side["input_tokens"] == pytest.approx(200 * (7.45 / 4 + 5), abs=2)
    assert (side["output_tokens"], side["is_output_bound"]) == (200 * 16, True)
    assert document["cost"]["usd"] is None
    assert "price unknown" in document["cost"]["note"]
    assert document["time"]["seconds"] is None
    assert "unknown" in document["time"]["note"]
    assert [row["mde_points"] for row in document["detects"]["rows"]] == [5.5, 7.8, 9.6]
    assert document["warnings"] == []


def test_after_a_run_nothing_is_left_to_send(here):
    with scripted(60, 90) as server:
        suite = here.write_suite(server.base_url, 100)
        run(RunOptions(suite_path=suite, command="evalkit run"), Progress())
        asked, before = len(server.ledger.entries), prints(here.folder)
        document = planned(suite)
        assert len(server.ledger.entries) == asked
        assert prints(here.folder) == before
        requests = document["requests"]
        assert (requests["cached"], requests["to_send"]) == (200, 0)
        assert document["time"]["seconds"] == 0.0
        assert document["cost"]["usd"] == 0.0
        # The discordance of that run is one more column: 30 of 100 differ.
        assert document["detects"]["rows"][-1]["from"] == "last run"
        assert document["detects"]["rows"][-1]["discordance"] == pytest.approx(0.3)
        # Numbers of samples are planned with its upper bound, as a report's n_needed is.
        careful = n_power(upper_discordance(30, 100), 0.08, 0.05, min_delta=0.05)
        assert document["detects"]["rows"][-1]["n_for_planned"] == careful > n_power(0.3, 0.08, 0.05, min_delta=0.05)
        # Another prompt is another question; what it costs and takes is measured by now.
        changed = planned(suite, overrides=("models.candidate.system=Say one word.",))
    requests, side = changed["requests"], changed["requests"]["sides"][1]
    assert (requests["cached"], requests["to_send"]) == (100, 100)
    assert side["role"] == "candidate"
    assert side["input_from"].startswith("the mean of run")
    assert not side["is_output_bound"]
    assert changed["time"]["seconds"] == pytest.approx(100 / changed["time"]["answers_per_s"], abs=0.1)


def test_answers_nobody_counted_the_tokens_of_are_no_short_ones():
    def answer(**usage):
        return Response(text="x", finish="stop", usage=Usage(**usage))

    cached = [answer(input_tokens=10, output_tokens=6), answer(input_tokens=20), answer()]
    assert _tokens_each(cached, None, ("s", "candidate")) == ((10.0, 6.0), "the mean of 1 answer in the cache")
    assert _tokens_each(cached[1:], None, ("s", "candidate")) == (None, "")


def test_a_batch_has_no_pace(here):
    entries = models("http://127.0.0.1:9/v1", backend="openai", batch=True, allow_http=True)
    note = planned(here.write_suite(DEAD, 200, models=entries))["time"]["note"]
    assert note == "unknown: the vendor answers a batch when it suits, within 24 hours"
    past = PastRun(run="r", tokens={}, answers_per_s=2380.9)
    assert _time(10, past, in_batches=True)["seconds"] is None
    assert _time(10, past, in_batches=False)["note"].startswith("at 2,381 answers a second")
    assert _time(10, structs.replace(past, answers_per_s=0.0312), in_batches=False)["note"].startswith("at 0.0312 ans")


def test_samples_that_are_not_mixed_like_the_traffic_are_worth_fewer(here):
    def said(shares):
        suite = here.write_suite("http://127.0.0.1:9/v1", 200, gate=GATE | {"slices": {"weights": shares}})
        document = json.loads(suite.read_text())
        document["dataset"]["slices"] = ["part"]
        suite.write_text(json.dumps(document))
        return planned(suite)["detects"]["note"]

    assert "200 samples mixed like these are worth about 122." in said({"part=a": 0.9, "part=b": 0.1})
    assert said({"part=a": 0.5, "part=b": 0.5}) is None


def test_money(here):
    price = {"price": {"input": 1.0, "output": 10.0}}
    document = planned(here.write_suite(DEAD, 100, models=models(DEAD, **price)))
    sides = document["requests"]["sides"]
    usd = sum(s["input_tokens"] * 1.0 + s["output_tokens"] * 10.0 for s in sides) / 1e6
    assert document["cost"]["usd"] == pytest.approx(usd)
    assert document["cost"]["is_upper_bound"]
    assert document["cost"]["note"] is None
    one = models(DEAD)
    one["baseline"] |= price
    assert planned(here.write_suite(DEAD, 100, models=one))["cost"]["usd"] is None


@pytest.mark.parametrize("cached", [{"cached": 0.1}, {"cache_write": 1.25}])
def test_the_prompt_cache_is_not_estimated_and_that_is_told(here, cached):
    plain = planned(here.write_suite(DEAD, 100, models=models(DEAD, price={"input": 1.0, "output": 10.0})))
    document = planned(here.write_suite(DEAD, 100, models=models(DEAD, price={"input": 1.0, "output": 10.0} | cached)))
    assert document["cost"]["usd"] == plain["cost"]["usd"]
    assert "prompt cache is not counted" in document["cost"]["note"]
    assert "prompt cache is not counted" in " ".join(plan_text(document, color=False).split())


@pytest.mark.parametrize(("judge", "said"), [(False, "its embeddings come"), (True, "and its judge's replies come")])
def test_what_looks_for_paraphrases_is_not_counted_and_that_is_told(here, judge, said):
    checks = {"training_data": ["samples.jsonl"]}
    without = planned(here.write_suite(DEAD, 40, checks=checks))
    document = planned(here.write_suite(DEAD, 40, checks=checks | {"semantic": asks(DEAD, judge=judge)}))
    (note,) = document["requests"]["notes"]
    assert note.startswith("colours: checks.semantic: ")
    assert said in note
    assert "on top of these requests and this cost" in " ".join(plan_text(document, color=False).split())
    assert document["requests"] | {"notes": []} == without["requests"]
    assert without["requests"]["notes"] == []


def test_caps_that_would_stop_it(here):
    caps = {"max_requests": 150, "max_tokens": 10, "max_usd": 1.0}
    warnings = planned(here.write_suite(DEAD, 100, run=caps))["warnings"]
    assert len(warnings) == 3
    assert "240" in warnings[0]
    assert "cannot stop a side without a price" in warnings[2]


def test_a_key_is_not_asked_for(here, monkeypatch):
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    suite = here.write_suite(DEAD, 40, models=models(DEAD, api_key_env="NOT_SET_HERE"))
    assert planned(suite)["requests"]["to_send"] == 80


def test_recorded_answers_are_not_sent(here):
    suite = here.write_suite(DEAD, 40)
    answers = suite.parent / "answers.jsonl"
    answers.write_text("".join(json.dumps({"id": f"s{i:04d}", "output": "red"}) + "\n" for i in range(40)))
    sides = models(DEAD) | {"baseline": {"backend": "outputs", "path": "answers.jsonl"}}
    requests = planned(here.write_suite(DEAD, 40, models=sides))["requests"]
    assert (requests["to_send"], requests["probe_at_most"]) == (40, 0)


def test_evidence_that_cannot_be(here):
    clustered = {"path": "samples.jsonl", "id": "id", "prompt": "{{ text }}", "target": "label", "cluster": "part"}
    clustered["slices"] = ["part"]
    gate = GATE | {"slices": {"min_n": 25}}
    document = planned(here.write_suite(DEAD, 40, dataset=clustered, gate=gate))
    told = " ".join(document["warnings"])
    assert "2 clusters" in told
    assert "a single request without an answer makes a run invalid" in told
    assert document["small_slices"] == [
        {"slice": "part=a", "n": 20, "min_n": 25},
        {"slice": "part=b", "n": 20, "min_n": 25},
    ]
    assert document["detects"]["clusters"]["n_clusters"] == 2
    assert "every run will end invalid: 20 samples" in " ".join(planned(here.write_suite(DEAD, 20))["warnings"])


def test_one_model_twice_is_told_before_it_is_paid_for(here):
    sides = models(DEAD)
    sides["candidate"]["model"] = "base"
    assert "would be refused" in " ".join(planned(here.write_suite(DEAD, 100, models=sides))["warnings"])


def test_guards(here):
    guards = [
        {"metric": "exact", "margin": 3.0},
        {"kind": "latency", "stat": "p95", "max_ratio": 1.1},
        {"kind": "cost", "max_ratio": 1.0},
    ]
    found = planned(here.write_suite(DEAD, 90, gate=GATE | {"guards": guards}))["guards"]
    assert [row["n_needed"] for row in found[0]["rows"]] == [344, 687, 1374]
    assert "cannot block" in found[1]["note"]
    assert "no price" in found[2]["note"]
    strict = GATE | {"guards": [{"metric": "exact", "margin": 0.0}]}
    assert planned(here.write_suite(DEAD, 90, gate=strict))["guards"][0]["rows"][0]["chance"] is None


def test_intents_that_ask_for_no_loss(here):
    gate = GATE | {"intent": "regression", "noninferiority_margin": 3.0}
    found = planned(here.write_suite(DEAD, 200, gate=gate))["detects"]
    assert [row["n_needed"] for row in found["rows"]] == [687, 1374, 2061]


def test_a_bad_suite(here):
    with pytest.raises(UsageError):
        plan(PlanOptions(suite_path=here.write_suite(DEAD, 40, metrics=[{"name": "x", "type": "exact_mach"}])))
