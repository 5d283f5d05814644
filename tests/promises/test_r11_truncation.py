"""An answer cut before it says anything is no wrong answer, and too many of them make no verdict."""

import pytest
from bench import label_of, number_in, right_below, scripted

from evalkit.testing import Rule, answers


def cut_json(asked):
    return json_of(asked)[:5]


def json_of(asked):
    return f'{{"colour": "{label_of(number_in(asked))}"}}'


def tuned(asked):
    return asked.model == "tuned"


SUITE = {
    "metrics": [{"name": "exact", "type": "exact_match", "field": "colour"}],
    "gate": {"primary": {"metric": "exact"}},
}


def run(bench, share_cut, *extra, **changes):
    base = Rule(
        behaviour=answers(lambda asked: f'{{"colour": "{right_below(30)(asked)}"}}'),
        match=lambda asked: asked.model == "base",
    )
    cut = Rule(
        behaviour=answers(cut_json, finish_reason="length"),
        match=lambda asked: tuned(asked) and number_in(asked) % 100 < share_cut,
    )
    whole = Rule(behaviour=answers(json_of), match=tuned)
    with scripted(0, 0, *extra, base, cut, whole) as server:
        return bench.run(bench.write_suite(server.base_url, 100, **(SUITE | changes)))


def test_twenty_percent_cut_is_said_and_decides_nothing(bench):
    finished = run(bench, 20)
    assert finished.code == 4
    assert "TRUNCATION" in {r["code"] for r in finished.document["reasons"]}
    assert "20.0 %" in finished.out
    assert finished.document["outcomes"]["candidate"]["truncated"] == 20
    assert finished.document["primary"]["unscored"] == {"baseline": 0, "candidate": 20}


def test_a_cut_answer_that_still_answers_is_scored(bench):
    whole_but_cut = Rule(behaviour=answers(json_of, finish_reason="length"), match=tuned)
    finished = run(bench, 0, whole_but_cut)
    assert finished.code == 0
    outcomes = finished.document["outcomes"]["candidate"]
    assert (outcomes["truncated"], outcomes["cut"], outcomes["ok"]) == (0, 100, 100)


@pytest.mark.parametrize(("truncated", "unscored"), [("unscored", 4), ("wrong", 0)])
def test_a_suite_may_call_cut_answers_wrong(bench, truncated, unscored):
    finished = run(bench, 4, truncated=truncated)
    assert finished.code == 0
    assert finished.document["primary"]["unscored"]["candidate"] == unscored
    assert finished.document["primary"]["candidate_points"] == (100.0 if unscored else 96.0)
