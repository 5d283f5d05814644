"""Votes, panels, weights and pairs: a grade needs enough judgments, and never more than they say."""

import pytest
from judge_bench import PAIR, RUBRIC, model_at, spec_of
from msgspec import structs

from evalkit.jobs.judging.in_run import mirrored
from evalkit.judging.grade import grade
from evalkit.judging.spec import Judgment

MARKS = {"id": "tone", "weight": 3.0, "question": "?", "scale": {"min": 1, "max": 5}, "anchors": {"1": "-", "5": "+"}}
ANY = model_at("http://127.0.0.1:1/v1")


def judgment(criterion: str, score: float | None, **more) -> Judgment:
    said = {"verdict": "x", "score": score} if score is not None else {"error": "it is not one JSON object"}
    return Judgment(item_id="a", role="", judge_hash="h", criterion=criterion, **said, **more)


@pytest.fixture
def rubric(tmp_path):
    return spec_of(tmp_path, criteria=[*RUBRIC["criteria"], MARKS], hard_fail=["right"])


def test_criteria_weigh_and_one_that_must_not_fail_makes_it_zero(rubric):
    assert grade(rubric, [judgment("right", 1.0), judgment("tone", 0.5)]).value == pytest.approx(0.625)
    assert grade(rubric, [judgment("right", 0.0), judgment("tone", 1.0)]).value == 0.0
    lenient = structs.replace(rubric, hard_fail=())
    assert grade(lenient, [judgment("right", 0.0), judgment("tone", 1.0)]).value == pytest.approx(0.75)


def test_a_criterion_without_a_verdict_leaves_no_grade(rubric):
    made = grade(rubric, [judgment("right", 1.0), judgment("tone", None)])
    assert (made.value, made.why, made.errors) == (None, "judge_error", 1)
    assert made.evidence["judge"]["error"] == "it is not one JSON object"
    assert grade(rubric, []).value is None


@pytest.mark.parametrize(
    ("scores", "value"),
    [
        ((1.0, 1.0, 0.0), 1.0),
        ((0.0, 1.0, 0.0), 0.0),
        ((1.0, 1.0, None), 1.0),
        ((1.0, 0.0, None), None),
        ((1.0, None, None), None),
        ((None, None, None), None),
    ],
)
def test_the_majority_counts_of_votes_and_of_a_panel_alike(tmp_path, scores, value):
    votes = spec_of(tmp_path, votes=3)
    assert grade(votes, [judgment("right", s, vote=i) for i, s in enumerate(scores)]).value == value
    panel = spec_of(tmp_path, panel=[ANY, ANY | {"model": "third"}])
    names = ("judge", "judge 2", "judge 3")
    made = grade(panel, [judgment("right", s, member=n) for n, s in zip(names, scores, strict=True)])
    assert made.value == value


def test_marks_take_the_middle_one(tmp_path):
    spec = spec_of(tmp_path, votes=3, criteria=[MARKS])
    assert grade(spec, [judgment("tone", s, vote=i) for i, s in enumerate((0.0, 0.75, 1.0))]).value == 0.75


def test_a_panel_says_how_far_it_agrees(tmp_path):
    panel = spec_of(tmp_path, panel=[ANY, ANY])
    scores = {"judge": 1.0, "judge 2": 1.0, "judge 3": 0.0}
    assert grade(panel, [judgment("right", s, member=n) for n, s in scores.items()]).agreement == pytest.approx(1 / 3)
    assert grade(spec_of(tmp_path), [judgment("right", 1.0)]).agreement is None


PAIRS = [
    ((1.0, 1.0), 1.0, True),
    ((0.0, 0.0), 0.0, True),
    ((0.5, 0.5), 0.5, True),
    ((1.0, 0.0), 0.5, False),
    ((1.0, 0.5), 0.5, False),
    ((1.0, None), None, None),
    ((None, 0.0), None, None),
]


@pytest.mark.parametrize(("scores", "value", "is_consistent"), PAIRS)
def test_a_pair_is_won_only_both_ways_round(tmp_path, scores, value, is_consistent):
    spec = spec_of(tmp_path, PAIR)
    found = [judgment("right", s, order=o) for o, s in zip(("ab", "ba"), scores, strict=True)]
    made = grade(spec, found)
    assert (made.value, made.is_consistent) == (value, is_consistent)
    other = mirrored(made)
    if value is None:
        assert other is made
    else:
        assert other.value == 1.0 - value
        words = {made.evidence["verdict"], other.evidence["verdict"]}
        assert words == ({"tie"} if value == 0.5 else {"better", "worse"})


def test_criteria_of_a_pair_are_weighed_against_each_other(tmp_path):
    criteria = [{"id": "right", "question": "?", "weight": 2.0}, {"id": "short", "question": "?"}]
    spec = spec_of(tmp_path, PAIR, criteria=criteria)

    def both(right: float, short: float) -> list[Judgment]:
        return [judgment(n, s, order=o) for o in ("ab", "ba") for n, s in (("right", right), ("short", short))]

    assert grade(spec, both(1.0, 0.0)).value == 1.0
    assert grade(spec, both(0.5, 0.0)).value == 0.0
    assert grade(structs.replace(spec, criteria=(spec.criteria[1], spec.criteria[1])), both(0.5, 0.5)).value == 0.5


def test_an_attempt_at_influence_is_kept(rubric):
    found = [judgment("right", 0.0, injection_attempt=True), judgment("tone", 0.0)]
    made = grade(rubric, found)
    assert made.injection_attempt
    assert made.evidence["judge"]["injection_attempt"] is True
