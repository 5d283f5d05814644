"""A run that lacks answers says on the terminal what the server said and which command goes on; pasted, it does."""

import shlex
import threading

from bench import number_in, right_below, scripted, side

from evalkit.testing import Rule, answers, fails

SAID = "unknown field 'seed'"


def test_a_side_that_fails_is_named_with_its_reason_and_the_pasted_command_mends_it(bench):
    is_mended = threading.Event()
    broken = Rule(
        behaviour=fails(400, SAID),
        match=lambda asked: asked.model == "tuned" and number_in(asked) % 5 == 0 and not is_mended.is_set(),
    )
    with scripted(30, 55, broken) as server:
        suite = bench.write_suite(server.base_url)
        first = bench.evalkit("run", suite)
        assert first.code == 4
        told = " ".join(first.out.split())
        assert "20.0 % of the candidate's requests got no answer (12 refused as malformed:" in told
        assert SAID in told
        assert "bad_request" not in first.out
        (command,) = [row.partition(": ")[2] for row in first.err.splitlines() if row.startswith("to ask again")]
        is_mended.set()
        again = bench.evalkit(*shlex.split(command)[1:])
    assert again.code == 0
    assert "to ask again" not in again.err


def test_tool_calls_are_told_on_the_terminal_and_are_no_second_model(bench):
    def calls(asked):
        return right_below(55)(asked) if asked.model == "base" or number_in(asked) >= 10 else None

    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    tools = Rule(
        behaviour=answers("", finish_reason="tool_calls", message={"content": None, "tool_calls": [call]}),
        match=lambda asked: calls(asked) is None,
    )
    with scripted(30, 55, tools) as server:
        found = bench.evalkit("run", bench.write_suite(server.base_url))
    told = " ".join(found.out.split())
    assert "warning: candidate: 10 of 60 answers are tool calls with no text; these metrics score text" in told


def test_two_sides_that_say_nothing_are_not_called_one_model(bench):
    rules = [side("base", answers("")), side("tuned", answers(""))]
    with scripted(0, 0, *rules) as server:
        found = bench.run(bench.write_suite(server.base_url))
    assert found.code == 4
    assert found.document["reasons"][0]["code"] == "NO_TEXT"
    assert "SAME_MODEL" not in found.out
