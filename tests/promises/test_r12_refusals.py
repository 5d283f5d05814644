"""A provider that withholds an answer: refused, in a count of its own, asked again next time; no score, unless a metric
of the suite is about refusals."""

import sqlite3
from contextlib import closing

import pytest
import vllm_files
from bench import number_in, right_below, side
from vendors import FILTERED, entries, run_here, set_keys

from evalkit.backends.vllm.engine import PYTHON
from evalkit.testing import Behaviour, Rule, ScriptedServer, answers

N = 60
BLOCKED = (5, 25, 45)
METRICS = [
    {"name": "exact", "type": "exact_match"},
    {"name": "declines", "type": "refusal"},
]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    set_keys(monkeypatch)


def server_of(vendor):
    """Withholds sample 5 by its finish reason, 25 by a refusal in words, 45 by an error."""
    ways = (
        answers("As I was", finish_reason="content_filter"),
        answers("", message={"content": None, "refusal": "I can't help with that."}),
        Behaviour(status=400, body=FILTERED[vendor]),
    )
    rules = [
        Rule(behaviour=way, match=lambda asked, number=number: number_in(asked) == number)
        for number, way in zip(BLOCKED, ways, strict=True)
    ]
    return ScriptedServer([*rules, side("base", answers(right_below(30))), side("tuned", answers(right_below(N)))])


def shows_refusals(document, rows):
    """The same for every backend: a status, a count, no score but by the metric of refusals, nothing in the cache."""
    for role in ("baseline", "candidate"):
        counted = document["outcomes"][role]
        assert (counted["planned"], counted["refused"], counted["failed"]) == (N, len(BLOCKED), 0)
        for number in BLOCKED:
            assert rows[number][role]["status"] == "refused"
            scores = rows[number]["scores"]
            assert (scores["exact"][role], scores["exact"][f"{role}_why"]) == (None, "refused")
            assert scores["declines"][role] == 1.0
        assert sum(row["scores"]["declines"][role] for row in rows) == len(BLOCKED)
        assert sum(row["scores"]["exact"][role] is None for row in rows) == len(BLOCKED)
    assert document["primary"]["n"] == N - len(BLOCKED)
    with closing(sqlite3.connect(".evalkit/cache.sqlite")) as cache:
        kept = [bytes(payload) for (payload,) in cache.execute("SELECT payload FROM answers")]
    assert len(kept) >= 2 * (N - len(BLOCKED))
    assert not [payload for payload in kept if b'"refusal"' in payload or b'"is":"failure"' in payload]


@pytest.mark.parametrize("vendor", ["openai_compatible", "openai", "anthropic"])
def test_an_answer_withheld_in_three_ways_is_refused_and_asked_for_again(bench, vendor):
    with server_of(vendor) as server:
        suite = bench.write_suite(
            server.base_url, N, models=entries(vendor, server.base_url, allow_http=True), metrics=METRICS
        )
        first, _ = run_here(suite)
        shows_refusals(first, bench.rows(first))
        before = len(server.ledger.chats)
        second, _ = run_here(suite)
        again = [(chat.model, chat.messages[-1][1]) for chat in server.ledger.chats[before:]]
    shows_refusals(second, bench.rows(second))
    assert sorted(again) == sorted((model, f"item {number}") for model in ("base", "tuned") for number in BLOCKED)
    assert second["primary"] == first["primary"]


def test_an_engine_that_filters_is_asked_again(bench, monkeypatch):
    """vLLM's stand-in withholds what the variable names, and writes down what it is asked."""
    monkeypatch.setenv("PYTHONPATH", str(vllm_files.FAKE))
    monkeypatch.setenv("FAKE_VLLM_PIDS", str(bench.folder / "pids"))
    monkeypatch.setenv("FAKE_VLLM_WITHHOLDS", ",".join(f"item {number}" for number in BLOCKED))
    asked = bench.folder / "asked"
    monkeypatch.setenv("FAKE_VLLM_ASKED", str(asked))
    monkeypatch.delenv(PYTHON, raising=False)
    (bench.folder / "suite").mkdir()
    vllm_files.model(bench.folder / "suite" / "base")
    vllm_files.adapter(bench.folder / "suite" / "adapter")
    one = {"backend": "vllm", "model": "base"}
    models = {"baseline": one, "candidate": one | {"adapter": "adapter"}}
    suite = bench.write_suite("", N, models=models, metrics=METRICS, generation={"temperature": 0, "max_tokens": 8})
    models_asked = ("base", "base+candidate")
    for expected in (range(N), BLOCKED):
        asked.write_text("")
        document, _ = run_here(suite)
        shows_refusals(document, bench.rows(document))
        seen = set(asked.read_text().splitlines())  # the check that both are two models may ask a few beforehand
        assert seen == {f"{model}: item {number}" for model in models_asked for number in expected}
