"""Two names for one model are refused, and a model that changes during the run is found."""

from bench import number_in, right_below, scripted, side

from evalkit.run.probe import PROBE_TOKENS
from evalkit.testing import Rule, ScriptedServer, answers, fails

LONG = "the answer to this question is the same whoever is asked and takes many words to say"


def codes(finished):
    return {reason["code"] for reason in finished.document["reasons"]}


def test_two_aliases_of_one_model_are_refused_before_the_bulk(bench):
    with ScriptedServer([Rule(behaviour=answers(LONG))]) as server:
        finished = bench.run(bench.write_suite(server.base_url, 200))
        asked = len(server.ledger.chats)
    assert finished.code == 4
    assert codes(finished) == {"SAME_MODEL"}
    assert finished.document["headline"].endswith("?"), "a question ends the sentence it stands in"
    assert asked <= 2 * 20


def test_one_model_named_twice_is_refused_without_a_request(bench):
    with scripted(10, 10) as server:
        one = {"backend": "openai_compatible", "base_url": server.base_url, "model": "base"}
        finished = bench.run(bench.write_suite(server.base_url, 60, models={"baseline": one, "candidate": one}))
        assert not server.ledger.chats
    assert finished.code == 4
    assert codes(finished) == {"SAME_MODEL"}


def test_equal_answers_throughout_are_refused_when_the_probe_saw_nothing(bench):
    with scripted(30, 30) as server:  # one-word answers: too short for the probe to tell
        finished = bench.run(bench.write_suite(server.base_url, 60))
    assert finished.code == 4
    assert "SAME_MODEL" in codes(finished)


def test_two_prompts_for_one_model_are_a_comparison(bench):
    prompted = Rule(
        behaviour=answers(right_below(50)), match=lambda asked: any(role == "system" for role, _ in asked.messages)
    )
    with scripted(10, 10, prompted) as server:
        one = {"backend": "openai_compatible", "base_url": server.base_url, "model": "base"}
        models = {"baseline": one, "candidate": one | {"system": "Answer with one colour."}}
        finished = bench.run(bench.write_suite(server.base_url, 60, models=models))
    assert finished.code == 0
    assert {"what": "system prompt", "baseline": None, "candidate": "Answer with one colour."} in finished.document[
        "differences"
    ]


def test_a_model_that_changes_during_the_run_is_found(bench):
    """From sample 500 of 600 on, of which the last hundred are answered by another one."""
    late = Rule(
        behaviour=answers(right_below(540), model="tuned-2"),
        match=lambda asked: asked.model == "tuned" and number_in(asked) >= 500,
    )
    with scripted(240, 540, late) as server:
        finished = bench.run(bench.write_suite(server.base_url, 600, run={"concurrency": 32}))
    assert finished.code == 4
    assert "SERVED_MODEL_MISMATCH" in codes(finished)


def test_a_server_that_answers_as_another_model_is_found(bench):
    with ScriptedServer(
        [
            side("base", answers(right_below(40))),
            side("tuned", answers(right_below(90), model="base")),
        ]
    ) as server:
        finished = bench.run(bench.write_suite(server.base_url, 100))
    assert finished.code == 4
    assert "SERVED_MODEL_MISMATCH" in codes(finished)


def test_a_check_at_the_start_that_could_not_compare_is_told(bench):
    cut_off = Rule(behaviour=fails(500), match=lambda asked: asked.payload["max_tokens"] == PROBE_TOKENS)
    with scripted(40, 90, cut_off) as server:
        finished = bench.run(bench.write_suite(server.base_url, 100))
    assert finished.code == 0
    assert any("did not show that baseline and candidate are two models" in w for w in finished.document["warnings"])
