"""A new metric for answers that are there: from the cache, and from the run's own files where there is no cache."""

import json
import shutil

import pytest
from bench import scripted

from evalkit.cli.app import execute

N = 40


@pytest.fixture
def said(bench, capsys, monkeypatch):
    """Runs one command in the bench's folder and gives its document."""
    monkeypatch.chdir(bench.folder)

    def run(*arguments):
        execute([*map(str, arguments), "--json"])
        return json.loads(capsys.readouterr().out)

    return run


def with_metric(suite):
    document = json.loads(suite.read_text())
    document["metrics"].append({"name": "similar", "type": "edit_similarity"})
    document["gate"]["guards"] = [{"metric": "similar", "margin": 2.0}]
    suite.write_text(json.dumps(document))


def test_a_new_metric_and_a_new_guard_send_no_request(bench, said):
    with scripted(20, 35) as server:
        suite = bench.write_suite(server.base_url, N)
        first = said("run", suite)
        asked = sum(server.ledger.sends().values())
        with_metric(suite)
        again = said("run", suite)
        assert sum(server.ledger.sends().values()) == asked
    assert [metric["metric"] for metric in again["metrics"]] == ["exact", "similar"]
    assert again["metrics"][0]["candidate_points"] == first["metrics"][0]["candidate_points"]
    assert again["outcomes"]["candidate"]["cached"] == N


def test_a_run_carried_to_another_machine_is_scored_anew_without_cache_or_server(bench, said):
    with scripted(20, 35) as server:
        suite = bench.write_suite(server.base_url, N)
        first = said("run", suite)
    shutil.rmtree(bench.folder / ".evalkit")
    with_metric(suite)
    sides = (f"{first['run']}:{side}" for side in ("baseline", "candidate"))
    again = said("compare", *sides, "--suite", suite)
    assert again["metrics"][0]["delta_points"] == first["metrics"][0]["delta_points"]
    assert again["metrics"][1]["n"] == N
    assert again["guards"][0]["state"] == "held"
