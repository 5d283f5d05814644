"""Replies of a judge: what can be used is used, and nothing is ever made up."""

import json
import time

import pytest
from judge_bench import MARKED, PAIR, item, reply, said, spec_of

from evalkit.judging.read import Asked, Unreadable, complaint, judgments, read
from evalkit.judging.spec import Judgment
from evalkit.types import Failure, Usage

GOOD = {"right": "pass", "tone": "4"}


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return spec_of(tmp_path_factory.mktemp("judge"), MARKED)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return spec_of(tmp_path_factory.mktemp("pair"), PAIR)


def test_a_whole_reply_is_read_bare_or_in_one_fence(spec):
    for text in (
        reply(GOOD, ["red"]),
        f"  {reply(GOOD)}\n",
        f"```json\n{reply(GOOD)}\n```",
        f"```\n{reply(GOOD)}\n```",
    ):
        found = read(spec, item(), said(text))
        assert {name: one.verdict for name, one in found.findings.items()} == GOOD
    number = reply(GOOD).replace('"4"', "4")
    assert read(spec, item(), said(number)).findings["tone"].verdict == "4"


@pytest.mark.parametrize("quote", ["the red  house", "the red\nhouse", "red house", "a \\u003cb", "a <b"], ids=str)
def test_a_quote_may_differ_in_blanks_and_in_the_escape_it_was_shown_with(spec, quote):
    read(spec, item("It is the red\n house, a <b>."), said(reply(GOOD, [quote])))


def test_a_quote_from_beyond_what_was_shown_is_none(tmp_path):
    short = spec_of(tmp_path, limits={"output_chars": 3})
    read(short, item("red house"), said(reply({"right": "pass"}, ["red"])))
    with pytest.raises(Unreadable, match="a quote of right does not stand in the judged text"):
        read(short, item("red house"), said(reply({"right": "pass"}, ["house"])))


def test_only_replies_are_asked_for_again(spec):
    assert complaint(spec, item(), said(reply(GOOD))) is None
    assert complaint(spec, item(), Failure(kind="bad_request", message="no")) is None
    assert complaint(spec, item(), None) is None
    assert complaint(spec, item(), said("pass")) == "it is not one JSON object"
    assert complaint(spec, item(), said("{", "length")) == "it is not one JSON object: it was cut at max_tokens"
    secret = reply({"right": "pass", "tone": "HACKED"})
    assert "HACKED" not in str(complaint(spec, item(), said(secret)))


def test_the_second_reply_counts_where_the_first_cannot_be_used(spec):
    asked = Asked(item=item(), first=said("pass"), again=said(reply(GOOD)))
    made = judgments(spec, asked)
    assert [one.score for one in made] == [1.0, 0.75]
    assert made[0].usage == Usage(input_tokens=20, output_tokens=10)
    first = judgments(spec, Asked(item=item(), first=said(reply(GOOD)), again=said(reply(GOOD | {"right": "fail"}))))
    assert first[0].verdict == "pass"


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Failure(kind="timed_out", message="secret prompt"), "no reply was had from the judge (timed_out)"),
        (said(reply(GOOD), "refusal"), "the judge's provider blocked the reply"),
        (None, "the judge was not asked"),
        (said("x" * 200_000), "it is longer than any verdict"),
        (said(reply(GOOD, ["blue"])), "a quote of right does not stand in the judged text"),
    ],
)
def test_no_reply_is_missing_evidence_with_its_reason(spec, outcome, why):
    made = judgments(spec, Asked(item=item(), first=outcome))
    assert {one.error for one in made} == {why}
    assert made[0].evidence_ok is (False if "quote" in why else None)


def test_a_preference_is_told_from_the_judged_answers_side(pair):
    shown = item("red", other="blue")
    for order, verdict, score in (
        ("ab", "first", 1.0),
        ("ba", "first", 0.0),
        ("ba", "second", 1.0),
        ("ab", "tie", 0.5),
    ):
        asked = Asked(item=shown if order == "ab" else shown.swapped(), first=said(reply({"right": verdict})))
        (made,) = judgments(pair, asked)
        assert (made.order, made.score) == (order, score)


def test_a_judgment_survives_its_row(spec):
    for first in (said(reply(GOOD, ["red"], injection=True)), said("no")):
        for made in judgments(spec, Asked(item=item(), first=first, vote=2, member="judge 2")):
            assert Judgment.from_row(json.loads(json.dumps(made.as_row()))) == made


def test_a_judgment_has_a_verdict_or_an_error():
    fields = {"item_id": "a", "role": "", "judge_hash": "", "criterion": "c"}
    for wrong in ({}, {"verdict": "pass"}, {"score": 1.0}, {"verdict": "pass", "score": 1.0, "error": "x"},
                  {"verdict": "pass", "score": 1.5}, {"verdict": "pass", "score": float("nan")}):  # fmt: skip
        with pytest.raises(ValueError, match=r"judgment|share"):
            Judgment(**fields, **wrong)


def test_a_reply_of_thousands_of_quotes_is_checked_in_time(spec):
    """A twentieth of a second here; working on the judged text anew for each quote takes six."""
    long = reply(GOOD, ["ab"] * 7000)
    before = time.perf_counter()
    found = read(spec, item("ab cd " * 1300), said(long))
    assert time.perf_counter() - before < 2.0
    assert len(found.findings["right"].evidence) == 7000
