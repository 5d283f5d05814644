"""Answers without words are no evidence that two ends are one model, and people are told that there are no words."""

import numpy as np
import pytest
from msgspec import structs

from evalkit.compare.failures import WORDS, in_words, told
from evalkit.errors import BackendError, InvalidEvidence
from evalkit.run.identity import refuse_equal_answers, silent_answers
from evalkit.run.side_log import silence
from evalkit.types import Response
from evalkit.types.table import ScoreTable, Tally


def table(*, telling=0, telling_equal=0, n=60, **sides):
    tallies = {role: Tally(planned=n, ok=n, **sides.get(role, {})) for role in ("baseline", "candidate")}
    return ScoreTable(
        suite="s",
        sample_ids=tuple(map(str, range(n))),
        columns={},
        tallies=tallies,
        clusters=None,
        slices={},
        both_answered=n,
        equal_answers=n,
        telling_answers=telling,
        telling_equal=telling_equal,
        latencies={},
        costs={"baseline": np.zeros(n)},
    )


def both(**counts):
    return {"baseline": counts, "candidate": counts}


@pytest.mark.parametrize(
    ("text", "finish", "why"),
    [
        ("red", "stop", None),
        ("", "stop", "empty"),
        (" \n", "length", "empty"),
        ("I cannot", "refusal", "filtered"),
        ('[{"type": "function"}]', "tool_calls", "tool_calls"),
        ("red", "tool_calls", None),
        ("[1, 2]", "stop", None),
    ],
)
def test_what_has_no_words(text, finish, why):
    assert silence(Response(text=text, finish=finish)) == why


@pytest.mark.parametrize(
    ("counts", "what"),
    [
        ({"empty": 60}, "all 120 answers, of both sides, are empty"),
        ({"filtered": 60}, "all 120 answers, of both sides, are blocked by a content filter"),
        ({"tool_calls": 60}, "all 120 answers, of both sides, are bare tool calls"),
        ({"empty": 20, "filtered": 40}, "(baseline: 20 empty, 40 blocked by a content filter; candidate"),
    ],
)
def test_answers_without_words_are_not_called_one_model(counts, what):
    with pytest.raises(InvalidEvidence) as caught:
        refuse_equal_answers(table(**both(**counts)), None)
    assert caught.value.code == "NO_TEXT"
    assert what in str(caught.value)


def test_equal_words_prove_one_model_and_equal_silence_does_not():
    with pytest.raises(InvalidEvidence) as caught:
        refuse_equal_answers(table(telling=50, telling_equal=50, **both(empty=10)), None)
    assert caught.value.code == "SAME_MODEL"
    assert "all 50 answers" in str(caught.value)
    assert refuse_equal_answers(table(telling=30, telling_equal=10, **both(empty=30)), None) is None


def test_tool_calls_and_many_empty_answers_are_warned_of_with_side_and_count():
    found = table(telling=60, n=200, candidate={"tool_calls": 37}, baseline={"empty": 11})
    assert list(silent_answers(found)) == [
        "baseline: 11 of 200 answers are empty; an empty answer is a wrong one",
        "candidate: 37 of 200 answers are tool calls with no text; these metrics score text",
    ]
    assert not list(silent_answers(table(telling=60, n=200, baseline={"empty": 10})))


def kinds(of=BackendError):
    return {of.kind}.union(*(kinds(kind) for kind in of.__subclasses__() if kind.__module__ == "evalkit.errors"))


def test_every_kind_of_failure_has_words():
    assert kinds() <= set(WORDS)
    assert in_words("vendors_own_trouble") == "vendors own trouble"


def test_failures_are_told_with_what_the_most_frequent_said():
    tally = Tally(planned=9, kinds={"timed_out": 1, "bad_request": 3}, examples={"bad_request": "HTTP 400: no"})
    assert told(tally) == '3 refused as malformed, 1 not answered in time: "HTTP 400: no"'
    assert len(told(structs.replace(tally, examples={"bad_request": "x" * 900}))) < 300
    assert told(Tally(planned=3)) == ""
