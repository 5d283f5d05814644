import asyncio
import http.client
import json

import pytest
from bench import Bench, scripted
from vendors import KEY, VENDORS, entries, run_here, set_keys

from evalkit.backends.hosted.openai_batch import OpenAIBatch
from evalkit.errors import BudgetReached, ExecutionError, Interrupted
from evalkit.run.batches import Batches
from evalkit.testing import Behaviour, Rule, fails, resets

pytestmark = pytest.mark.usefixtures("_here")


@pytest.fixture
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    set_keys(monkeypatch)
    monkeypatch.setattr("evalkit.run.batches.FIRST_POLL_S", 0.05)


def post(server, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5.0)
    connection.request("POST", path, json.dumps(body), {"authorization": "Bearer k"})
    assert connection.getresponse().status == 200
    connection.close()


def batch_suite(bench: Bench, server, vendor, n=60, **more):
    models = entries(vendor, server.base_url, batch=True, **more)
    return bench.write_suite(server.base_url, n, models=models)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_run_in_batches_is_a_run(bench, vendor):
    with scripted(40, 55, batch_polls=1) as server:
        document, notes = run_here(batch_suite(bench, server, vendor))
        paths = [entry.path for entry in server.ledger.entries]
    assert document["verdict"] == "ship"
    assert document["coverage"]["pairs"] == 60
    primary = document["primary"]
    assert (round(primary["baseline_points"]), round(primary["candidate_points"])) == (67, 92)
    create = {"openai": "/v1/batches", "anthropic": "/v1/messages/batches"}[vendor]
    assert paths.count(create) == 2
    assert any("submitted, 60 requests" in note for note in notes)


@pytest.mark.parametrize("vendor", VENDORS)
def test_batch_answers_have_no_latency_and_cost_half(bench, vendor):
    with scripted(40, 55) as server:
        suite = batch_suite(bench, server, vendor)
        document, _ = run_here(suite)
        rows = bench.rows(document)
        live, _ = run_here(
            bench.write_suite(server.base_url, 60, models=entries(vendor, server.base_url)), use_cache=False
        )
    assert document["latency"]["baseline"]["p50_s"] is None
    assert "batch answers have no latency" in document["latency"]["baseline"]["note"]
    assert {row["baseline"]["latency_s"] for row in rows} == {None}
    cost = document["cost"]["baseline"]
    assert cost["note"] == "batch: half price"
    assert live["cost"]["baseline"]["usd"] == pytest.approx(2 * cost["usd"])
    assert live["cost"]["baseline"]["note"] is None


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("kind", ["expired", "cancelled", "lost", "status_400"])
def test_what_a_batch_did_not_answer_is_missing_evidence(bench, vendor, kind):
    behaviour = fails(400, "no such parameter") if kind == "status_400" else Behaviour(kind=kind)
    one = Rule(behaviour=behaviour, match=lambda asked: asked.prompt == "item 7" and asked.model == "base")
    with scripted(40, 55, one) as server:
        document, _ = run_here(batch_suite(bench, server, vendor))
        (row,) = [row for row in bench.rows(document) if row["id"] == "s0007"]
    assert row["baseline"]["status"] == "failed"
    words = {
        "expired": "expired",
        "cancelled": "cancelled",
        "lost": "without a word",
        "status_400": "no such parameter",
    }
    assert words[kind] in row["baseline"]["error"]
    assert document["outcomes"]["baseline"]["failed"] == 1
    assert document["primary"]["n"] == 59


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_second_run_takes_the_answers_from_the_cache(bench, vendor):
    with scripted(40, 55) as server:
        suite = batch_suite(bench, server, vendor)
        run_here(suite)
        before = len(server.ledger.chats)
        document, _ = run_here(suite)
        assert len(server.ledger.chats) == before
    assert document["outcomes"]["baseline"]["cached"] == 60


def test_large_work_is_split(bench, monkeypatch):
    monkeypatch.setattr("evalkit.backends.hosted.openai_batch.OpenAIBatch.max_batch_requests", 25)
    with scripted(40, 55) as server:
        document, notes = run_here(batch_suite(bench, server, "openai"))
        sizes = [note.rsplit(", ", 1)[1] for note in notes if "submitted," in note]
    assert sizes == ["25 requests", "25 requests", "10 requests"] * 2
    assert document["coverage"]["pairs"] == 60


def test_one_side_in_batches_and_the_other_asked_meanwhile(bench):
    with scripted(40, 55, batch_polls=2) as server:
        models = entries("openai", server.base_url)
        models["baseline"]["batch"] = True
        document, _ = run_here(bench.write_suite(server.base_url, 60, models=models))
    assert document["coverage"]["pairs"] == 60
    assert document["latency"]["baseline"]["n"] == 0
    assert document["latency"]["candidate"]["n"] == 60


@pytest.mark.parametrize("cap", [{"max_requests": 100}, {"max_tokens": 1000}, {"max_usd": 0.000001}])
def test_a_cap_is_looked_at_before_anything_is_submitted(bench, cap):
    with scripted(40, 55) as server:
        suite = batch_suite(bench, server, "openai")
        with pytest.raises(BudgetReached, match="cannot be stopped half-way"):
            run_here(suite, **cap)
        assert not [entry for entry in server.ledger.entries if entry.path == "/v1/batches"]


def test_of_a_batch_that_is_gone_it_says_that_only_a_new_run_asks_again(bench):
    gone = Rule(path="/v1/batches/batch_1", behaviour=fails(404, "No such batch"))
    with scripted(40, 55, gone) as server, pytest.raises(ExecutionError, match="only a new run asks again") as caught:
        run_here(batch_suite(bench, server, "openai", n=12))
    assert "batch batch_1, or its answers, cannot be had with this key: HTTP 404: No such batch" in str(caught.value)


def test_a_batch_that_openai_refuses_as_a_whole_is_told(bench):
    body = {
        "id": "batch_1",
        "object": "batch",
        "status": "failed",
        "created_at": 0,
        "errors": {"data": [{"code": "token_limit_exceeded", "message": f"Enqueued token limit, key {KEY}"}]},
    }
    rule = Rule(path="/v1/batches/batch_1", behaviour=Behaviour(kind="refused", body=json.dumps(body).encode()))
    with scripted(40, 55, rule) as server, pytest.raises(Exception, match="refused as a whole: Enqueued") as caught:
        run_here(batch_suite(bench, server, "openai"))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_answer_lost_on_the_way_does_not_submit_twice(bench, vendor):
    create = {"openai": "/v1/batches", "anthropic": "/v1/messages/batches"}[vendor]
    lost = Rule(path=create, match=lambda asked: asked.method == "POST", behaviour=resets(), times=1)
    with scripted(40, 55, lost) as server:
        document, _ = run_here(batch_suite(bench, server, vendor))
        made = [e for e in server.ledger.entries if e.path == create and e.method == "POST"]
        assert set(server.ledger.sends().values()) == {1}
    assert len(made) == 2
    assert document["coverage"]["pairs"] == 60


def test_a_stranger_s_batch_of_the_same_size_is_passed_over(bench):
    """Anthropic's batches carry no name: one that looks like a lost one is waited for, and then found to be another."""
    path = "/v1/messages/batches"
    failed = Rule(
        path=path, match=lambda asked: asked.number > 0 and asked.method == "POST", behaviour=fails(503), times=1
    )
    with scripted(40, 55, failed) as server:
        params = {"model": "base", "max_tokens": 1, "messages": [{"role": "user", "content": "item 0"}]}
        post(server, path, {"requests": [{"custom_id": f"theirs{n}", "params": params} for n in range(60)]})
        document, _ = run_here(batch_suite(bench, server, "anthropic"))
    assert document["coverage"]["pairs"] == 60
    assert document["verdict"] == "ship"


def test_stopped_while_a_batch_is_on_its_way_it_does_not_wait_for_a_silent_vendor(bench, monkeypatch):
    submit, begin, running = OpenAIBatch.submit, Batches.__init__, []

    async def and_no_reply(self, lines, tag):
        await submit(self, lines, tag)
        running[0].stop()
        await asyncio.Event().wait()

    def made(self, **rooms):
        begin(self, **rooms)
        running.append(self)

    with scripted(40, 55, batch_polls=1) as server:
        suite = batch_suite(bench, server, "openai", n=12)
        with monkeypatch.context() as patched:
            patched.setattr("evalkit.run.batches.GRACE_S", 0.01)
            patched.setattr(Batches, "__init__", made)
            patched.setattr(OpenAIBatch, "submit", and_no_reply)
            with pytest.raises(Interrupted) as caught:
                run_here(suite)
        assert "baseline: a batch was on its way" in "\n".join(caught.value.__notes__)
        document, _ = run_here(suite, resume="latest")
        assert set(server.ledger.sends().values()) == {1}
    assert document["coverage"]["pairs"] == 12


def test_stopped_while_answers_are_fetched_it_does_not_wait_for_a_silent_vendor(bench, monkeypatch):
    async def and_nothing_comes(*_):
        running[0].stop()
        await asyncio.sleep(20)
        yield pytest.fail("it was waited for")

    def made(self, **rooms):
        begin(self, **rooms)
        running.append(self)

    running, begin = [], Batches.__init__
    with scripted(40, 55, batch_polls=1) as server:
        suite = batch_suite(bench, server, "openai")
        with monkeypatch.context() as patched:
            patched.setattr("evalkit.run.batches.GRACE_S", 0.01)
            patched.setattr(Batches, "__init__", made)
            patched.setattr(OpenAIBatch, "collect", and_nothing_comes)
            with pytest.raises(Interrupted):
                run_here(suite)
        document, _ = run_here(suite, resume="latest")
        assert set(server.ledger.sends().values()) == {1}
    assert document["coverage"]["pairs"] == 60


def test_stopped_while_waiting_it_says_how_to_cancel_and_goes_on_later(bench, monkeypatch):
    async def stop(self, *_):
        self.stop()
        self._go_on()

    with scripted(40, 55, batch_polls=1) as server:
        suite = batch_suite(bench, server, "openai")
        with monkeypatch.context() as patched:
            patched.setattr("evalkit.run.batches.Batches._nap", stop)
            with pytest.raises(Interrupted) as caught:
                run_here(suite)
        told = "\n".join(caught.value.__notes__)
        assert f"curl -X POST {server.base_url}/batches/batch_1/cancel" in told
        assert "$OPENAI_API_KEY" in told
        assert KEY not in told
        assert "to go on: " in told
        document, _ = run_here(suite, resume="latest")
        assert set(server.ledger.sends().values()) == {1}
    assert document["coverage"]["pairs"] == 60
