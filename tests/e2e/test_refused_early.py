"""What would only come out after everything was asked and paid for is refused before."""

import pytest
from bench import Bench, scripted

from evalkit.suites.sandbox import PromptEnvironment, fill
from evalkit.testing import Behaviour, Rule


@pytest.mark.parametrize("place", ["suite/samples.jsonl", "suite/samples.jsonl/below"])
def test_a_place_for_reports_that_is_none(bench: Bench, place):
    with scripted(20, 40) as server:
        done = bench.evalkit("run", bench.write_suite(server.base_url, 40), "--out", place)
        assert not server.ledger.chats
    assert done.code == 2
    assert "reports cannot be written to" in done.err


def test_a_cap_in_dollars_without_prices(bench: Bench):
    with scripted(20, 40) as server:
        done = bench.evalkit("run", bench.write_suite(server.base_url, 40), "--max-usd", "1")
        assert not server.ledger.chats
    assert done.code == 2
    assert "models.baseline.price" in done.err


def test_another_word_than_fail_for_an_inconclusive_verdict(bench: Bench):
    with scripted(20, 40) as server:
        done = bench.evalkit("run", bench.write_suite(server.base_url, 40), "--inconclusive-as", "warn")
        assert not server.ledger.chats
    assert done.code == 2
    assert "takes `fail`, not 'warn'" in done.err


def test_a_reply_that_is_no_text_costs_one_attempt(bench: Bench):
    body = (
        b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "caf\xe9"}}]}'
    )
    latin = Rule(behaviour=Behaviour(kind="latin", body=body), match=lambda asked: asked.number % 9 == 0)
    with scripted(20, 40, latin) as server:
        done = bench.evalkit("run", bench.write_suite(server.base_url, 40), "--json")
    assert "is a bug" not in done.err
    assert done.code in {0, 4}, done.err


def test_loops_in_loops_may_count():
    template = "{% for i in range(2) %}{% for j in range(i + 1) %}{{ q }}{% endfor %};{% endfor %}"
    assert fill(PromptEnvironment().from_string(template), {"q": "x"}) == "x;xx;"
