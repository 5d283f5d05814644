"""A server that answers nothing is a run that could not be carried out (5), however often it is resumed."""

import itertools
import threading

import pytest
from bench import Bench, number_in, scripted, side
from vendors import run_here

from evalkit.errors import BudgetReached, ExecutionError, ServerDown
from evalkit.store.home import run_folder
from evalkit.store.journal import Journal
from evalkit.testing import Rule, fails

pytestmark = pytest.mark.usefixtures("_quick")


@pytest.fixture
def _quick(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("evalkit.run.retry.backoff_s", lambda *_: 0.0)
    monkeypatch.setattr("evalkit.run.turnstile.COOLING_S", (0.01, 0.01))


def resumed(suite, run):
    return run_here(suite, resume=run, use_cache=False)


def only_run():
    (folder,) = run_folder("x").parent.iterdir()
    return folder.name


def kept(run):
    with Journal.open(run_folder(run) / "journal.sqlite") as journal:
        return len(journal.answered())


def test_a_server_that_stays_down_ends_every_resume_alike_and_keeps_what_was_answered(bench):
    count, is_mended = itertools.count(), threading.Event()
    down = Rule(behaviour=fails(503, "no engine"), match=lambda _: next(count) > 120 and not is_mended.is_set())
    with scripted(20, 55, down) as server:
        suite = bench.write_suite(server.base_url, 60, run={"concurrency": 8})
        with pytest.raises(ServerDown):
            run_here(suite, use_cache=False)
        run = only_run()
        answered = kept(run)
        for _ in range(6):
            with pytest.raises(ServerDown, match="HTTP 503: no engine") as stopped:
                resumed(suite, run)
            assert f"--resume {run}" in "".join(stopped.value.__notes__)
        assert 0 < answered == kept(run)
        is_mended.set()
        document, _ = resumed(suite, run)
    assert document["verdict"] == "ship"


def test_a_model_that_is_gone_half_way_ends_every_resume_alike(bench):
    count = itertools.count()
    gone = Rule(behaviour=fails(404, "unloaded"), match=lambda _: next(count) > 70)
    with scripted(20, 55, gone) as server:
        suite = bench.write_suite(server.base_url, 60, run={"concurrency": 16})
        with pytest.raises(ServerDown):
            run_here(suite, use_cache=False)
        for _ in range(6):
            with pytest.raises(ExecutionError, match="unloaded"):
                resumed(suite, only_run())


def test_one_of_two_models_behind_one_address_is_down(bench):
    told = pytest.raises(ServerDown, match=r"candidate .*none of the 60 requests .* HTTP 500: worker lost")
    with scripted(20, 50, side("tuned", fails(500, "worker lost"))) as server, told:
        run_here(bench.write_suite(server.base_url, 60))


def test_a_few_requests_that_fail_for_good_do_not_keep_a_run_from_its_verdict(bench):
    poison = Rule(behaviour=fails(500, "this one"), match=lambda asked: number_in(asked) == 7)
    suite_changes = {"gate": {"primary": {"metric": "exact"}, "validity": {"min_pair_coverage": 0.9}}}
    with scripted(20, 55, poison) as server:
        suite = bench.write_suite(server.base_url, 60, **suite_changes)
        document, _ = run_here(suite, use_cache=False)
        assert document["verdict"] == "ship"
        with Journal.open(run_folder(document["run"]) / "journal.sqlite") as journal:
            journal.set_meta({"finished": False})
        document, _ = resumed(suite, document["run"])
    assert document["verdict"] == "ship"
    assert document["outcomes"]["candidate"]["failed"] == 1


def test_what_one_sample_meets_ends_alike_with_a_cold_and_a_warm_cache(bench):
    poison = Rule(behaviour=fails(503, "this one"), match=lambda asked: number_in(asked) == 7)
    with scripted(20, 35, poison) as server:
        suite = bench.write_suite(server.base_url, 40)
        cold, _ = run_here(suite)
        before = len(server.ledger.chats)
        warm, _ = run_here(suite)
        assert len(server.ledger.chats) - before == 2 * 5, "all else came from the cache"
    assert (cold["verdict"], warm["verdict"]) == ("invalid", "invalid")


def test_a_run_of_few_samples_without_any_answer_could_not_be_carried_out(bench):
    down = side("tuned", fails(503, "no engine"))
    with scripted(2, 3, down) as server, pytest.raises(ServerDown, match="none of the 3 requests"):
        run_here(bench.write_suite(server.base_url, 3))


def test_guard_suites_have_no_second_baseline_to_be_silent(bench):
    poison = Rule(behaviour=fails(503, "this one"), match=lambda asked: number_in(asked) == 57)
    (bench.folder / "suite").mkdir()
    with scripted(20, 55, poison) as server:
        Bench(bench.folder / "suite").write_suite(server.base_url, 40, name="guard")
        guard = {"suite": "suite/suite.yaml", "metric": "exact", "margin": 5.0}
        gate = {"primary": {"metric": "exact"}, "guards": [guard]}
        suite = bench.write_suite(server.base_url, 60, gate=gate)
        with pytest.raises(BudgetReached):
            run_here(suite, use_cache=False, has_noise_floor=True, max_requests=230)
        assert kept(only_run()) > 177, "the main suite was through"
        document, _ = run_here(suite, resume=only_run(), use_cache=False, has_noise_floor=True)
    assert document["outcomes"]["candidate"]["failed"] == 1


@pytest.mark.parametrize("status", [401, 404])
def test_a_check_that_came_from_the_cache_does_not_stand_in_for_the_first_request(bench, status):
    is_refused = threading.Event()
    refused = Rule(behaviour=fails(status, "not you"), match=lambda _: is_refused.is_set())
    with scripted(20, 55, refused) as server:
        run_here(bench.write_suite(server.base_url, 60))
        is_refused.set()
        before = len(server.ledger.chats)
        with pytest.raises(ExecutionError, match="not you"):
            run_here(bench.write_suite(server.base_url, 60, generation={"temperature": 0, "max_tokens": 17}))
        assert len(server.ledger.chats) - before == 2, "one a side"
