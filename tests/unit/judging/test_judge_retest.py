"""A share of the answers is put to the judge a second time: which, how they are counted, and when a reader is told."""

import pytest
from judge_bench import RUBRIC, spec_of
from msgspec import structs

from evalkit.judging.grade import Grade
from evalkit.judging.retest import Retest, picked
from evalkit.judging.spec import RETEST_SHARE


def counted(*grades: tuple[float | None, float | None]) -> Retest:
    found = Retest()
    for first, second in grades:
        found.add(Grade(value=first), Grade(value=second))
    return found


def test_a_tenth_is_picked_rounded_up_and_always_the_same():
    ids = [f"s{i}" for i in range(95)]
    tenth = picked(ids, RETEST_SHARE)
    assert (RETEST_SHARE, len(tenth)) == (0.1, 10)
    assert picked(reversed(ids), RETEST_SHARE) == tenth
    assert picked(ids, 0.2) > tenth
    assert (picked(ids, 0.0), picked(ids, 1.0)) == (frozenset(), frozenset(ids))


def test_the_pick_does_not_follow_the_order_of_answers():
    # Every tenth of answers that alternate between two sides would all be one side's.
    ids = [f"s{i} {side}" for i in range(100) for side in "ab"]
    sides = [name[-1] for name in picked(ids, 0.1)]
    assert min(sides.count("a"), sides.count("b")) >= 5


def test_a_share_of_equal_grades_has_an_interval():
    found = counted(*[(1.0, 1.0)] * 17, (0.7, 0.1 + 0.6), (0.0, 1.0), (0.5, 0.75)).document()
    # Wilson's interval of 18 in 20 at 95 %, by statsmodels' proportion_confint.
    assert found == {
        "asked": 20,
        "n": 20,
        "equal": 18,
        "share": 0.9,
        "ci95": pytest.approx([0.6990, 0.9721], abs=5e-5),
        "note": None,
    }


def test_a_missing_grade_is_neither_equal_nor_another():
    found = counted((None, 1.0), (1.0, None), (None, None), (1.0, 1.0)).document()
    assert (found["asked"], found["n"], found["equal"]) == (4, 1, 1)
    assert found["note"] == "3 of them had no grade one of the two times"
    none = counted((None, None)).document()
    assert (none["share"], none["ci95"]) == (None, None)
    assert none["note"] == "none of them had a grade both times"
    assert counted().document() is None


def test_a_second_grade_by_another_model_is_left_out():
    found = counted((1.0, 1.0), (None, 1.0))
    found.add_other()
    document = found.document()
    assert (document["asked"], document["n"], document["equal"]) == (3, 1, 1)
    assert document["note"] == (
        "1 of them left out, as another model answered the second time; 1 of them had no grade one of the two times"
    )
    none = Retest()
    none.add_other()
    assert none.document()["share"] is None
    assert none.document()["note"] == "1 of them left out, as another model answered the second time"


@pytest.mark.parametrize(("flips", "is_told"), [(0, False), (1, False), (2, True)])
def test_a_judge_that_changes_its_mind_too_often_is_told_with_what_to_do(tmp_path, flips, is_told):
    spec = spec_of(tmp_path)
    found = counted(*[(1.0, 0.0)] * flips, *[(1.0, 1.0)] * (20 - flips))
    said = found.warning("reply", spec)
    assert bool(said) is is_told
    if is_told:
        assert "2 of 20 answers another grade when it was asked again (10.0 %, 95 % interval 2.8 % to 30.1 %" in said
        assert said.endswith("With votes: 3 beside the judge, the middle one of 3 counts.")
        assert "With votes: 5" in found.warning("reply", structs.replace(spec, votes=3))
        lenient = structs.replace(spec, probes=structs.replace(spec.probes, retest_flip_max=0.2))
        assert found.warning("reply", lenient) == ""


def test_the_judges_file_says_how_many_and_the_hash_is_the_same(tmp_path):
    bare = {key: value for key, value in RUBRIC.items() if key != "retest"}
    usual, more = spec_of(tmp_path, bare), spec_of(tmp_path, bare, retest=0.3)
    assert (usual.retest, more.retest) == (RETEST_SHARE, 0.3)
    assert usual.judge_hash == more.judge_hash  # asking twice moves no grade
