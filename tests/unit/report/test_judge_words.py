from evalkit.report.panels.checks import checks_table
from evalkit.report.panels.judges import judge_words

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


def test_a_judge_is_told_in_a_few_words():
    assert judge_words(JUDGE) == (
        "reply is graded by support_reply 1 (judge-model); 1,190 of 1,200 distinct answers have a grade; 2 answers try "
        "to influence their grade; its models agree on 90.0 %; uncalibrated: nobody has compared it with people; "
        "judging cost $0.25"
    )
    assert ("judges", judge_words(JUDGE)) in checks_table({"judges": [JUDGE]}).rows


def test_wins_and_losses_of_a_pairwise_judge_are_told():
    pairs = {"wins": 30, "ties": 20, "losses": 10, "inconsistent": 5}
    told = judge_words(JUDGE | {"pairs": pairs, "cost": {"usd": None}, "injection_attempts": 0})
    assert "30 wins, 20 ties, 10 losses; 5 of them ties because the preference turned with the order" in told
    assert "cost" not in told
    cached = judge_words(JUDGE | {"cost": {"usd": 0.01, "cached": 1200}})
    assert cached.endswith("judging cost $0.010; 1,200 of its replies came from the cache and are in no cost")
    assert "influence" not in told


def test_a_suite_without_judges_says_so():
    assert ("judges", "none in this suite") in checks_table({"judges": []}).rows
