import pytest

from evalkit.report.html import render_html
from evalkit.report.panels.checks import checks_table
from evalkit.report.panels.judges import judge_table

JUDGE = {
    "metric": "reply",
    "id": "support_reply",
    "version": "1",
    "model": "judge-model",
    "asked": 1200,
    "n": 1190,
    "injection_attempts": 2,
    "agreement": 0.9,
    "pairs": None,
    "calibration": {"state": "uncalibrated", "note": "nobody has compared it with people"},
    "cost": {"usd": 0.25},
}


def told(**changes):
    return dict(judge_table(JUDGE | changes).rows)


def test_what_a_judge_is_worth_stands_first():
    assert judge_table(JUDGE).rows == (
        ("what it is worth", "! not calibrated: nobody has compared it with people"),
        ("graded by", "support_reply 1 (judge-model)"),
        ("grades", "1,190 of 1,200 distinct answers have one"),
        ("look at this", "2 answers try to influence their grade"),
        ("its models agree on", "90.0 %"),
        ("cost of judging", "$0.25"),
    )


@pytest.mark.parametrize(
    ("calibration", "said"),
    [
        ({"state": "calibrated"}, "✔ calibrated"),
        ({"state": "out_of_date", "note": "too old"}, "! out of date: too old"),
        ({"state": "not_gateable", "note": "0.75"}, "✖ errs too much to decide: 0.75"),
        ({"state": "a new word"}, "a new word"),
        ({}, "not known"),
    ],
)
def test_only_a_measured_judge_gets_a_tick(calibration, said):
    assert told(calibration=calibration)["what it is worth"] == said


@pytest.mark.parametrize(
    ("retest", "said"),
    [
        (
            {"asked": 120, "n": 118, "equal": 118, "share": 1.0, "ci95": [0.968, 1.0], "note": "2 had no grade"},
            "the same grade on 118 of 118 answers (100 %, 95 % interval 96.8 % to 100 %); 2 had no grade",
        ),
        (
            {"asked": 2, "n": 0, "equal": 0, "share": None, "ci95": None, "note": "none had a grade both times"},
            "none had a grade both times",
        ),
        (None, None),
    ],
)
def test_whether_grades_stand_when_asked_again_is_told(retest, said):
    assert told(retest=retest).get("asked again, past the cache") == said


def test_wins_and_losses_of_a_pairwise_judge_are_told():
    pairs = {"wins": 30, "ties": 20, "losses": 10, "inconsistent": 5}
    found = told(pairs=pairs, cost={"usd": None}, injection_attempts=0)
    assert found["the candidate’s answer against the baseline’s"] == (
        "30 wins, 20 ties, 10 losses; 5 of the ties because the preference turned with the order"
    )
    assert not {"cost of judging", "look at this"} & set(found)
    cached = told(cost={"usd": 0.01, "cached": 1200})["cost of judging"]
    assert cached == "$0.010; 1,200 of its replies came from the cache and are in no cost"


def test_judges_have_a_section_where_there_are_any():
    page = render_html({"judges": [JUDGE]}, [], {}).decode()
    assert '<h2 id="judges">' in page
    assert "The judge behind reply" in page
    assert "judges" not in dict(checks_table({"judges": [JUDGE]}).rows)
    assert 'id="judges"' not in render_html({"judges": []}, [], {}).decode()


def test_a_suite_without_judges_says_so():
    assert ("judges", "none in this suite") in checks_table({"judges": []}).rows
    assert ("judges", "not checked") in checks_table({}).rows


def test_checks_are_told_in_words_and_not_in_keys():
    overlap = {"checked": True, "samples": 1200, "dirty": 10, "suspect": 3, "effect_points": 7.816513761}
    age = {"age_days": 12.0, "max_age_days": 90.0}
    rows = dict(checks_table({"contamination": overlap | {"action": "clean"}, "freshness": age}).rows)
    assert rows["overlap with training data"] == (
        "10 of 1,200 samples were trained on, 3 more in part; the verdict rests on the clean ones alone"
    )
    assert rows["age of the samples"] == "the newest is 12 days old; the suite allows 90 days"
    clean = overlap | {"action": "fail", "dirty": 0, "suspect": 0}
    rows = dict(checks_table({"contamination": clean, "freshness": {"note": "no times"}}).rows)
    assert rows["overlap with training data"] == "0 of 1,200 samples were trained on"
    assert rows["age of the samples"] == "no times"
