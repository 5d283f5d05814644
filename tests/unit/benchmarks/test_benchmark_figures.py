"""The arithmetic between the stopwatch and the table, and the draws every run shares."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
figures = SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "figures.py")))
workload = SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "workload.py")))


def test_a_ratio_is_taken_round_by_round():
    # A busy third round hits both: medians of each side alone would say 4 / 2 = 2.
    found = figures.ratios([4.0, 3.0, 30.0], [2.0, 1.0, 10.0])
    assert (found.median, found.low, found.high, found.n) == (3.0, 2.0, 3.0, 3)


def test_rounds_that_do_not_pair_up_give_no_ratio():
    with pytest.raises(ValueError, match="zip"):
        figures.ratios([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="no readings"):
        figures.spread([])


def test_only_the_waits_of_the_request_that_ended_last_are_taken_off():
    events = [
        ("base", 1, 10.0, 10.1, 429),
        ("base", 2, 10.0, 10.1, 429),
        ("base", 2, 10.5, 10.6, 500),
        ("base", 1, 11.1, 11.2, 429),
        ("base", 2, 11.6, 11.7, 200),
        ("tuned", 1, 10.0, 10.1, 200),
        ("base", 1, 12.2, 12.3, 200),
    ]
    found = figures.phase(events, retry_after_s=1)
    assert (found.asked, found.refused, found.finished) == (7, 4, 3)
    assert found.wall_s == pytest.approx(2.3)
    assert found.demanded_s == 2
    assert found.own_s == pytest.approx(0.3)


def test_a_request_that_never_got_its_answer_is_not_finished():
    found = figures.phase([("base", 1, 0.0, 0.1, 200), ("base", 2, 0.0, 0.1, 500)], retry_after_s=1)
    assert found.finished == 1


def test_memory_at_a_share_is_the_first_look_from_there_on():
    looks = [(0, 50.0), (30, 60.0), (50, 70.0), (99, 80.0)]
    assert figures.at_shares(looks, 100, (0.25, 0.5, 1.0)) == [60.0, 70.0, None]


def test_faults_and_answers_come_as_often_as_the_page_says():
    many = range(20_000)
    drawn = [workload.fault_of("base", n, 0) for n in many]
    assert drawn.count(429) / len(many) == pytest.approx(0.05, abs=0.005)
    assert drawn.count(500) / len(many) == pytest.approx(0.02, abs=0.004)
    for model, wanted in (("base", 0.80), ("tuned", 0.90)):
        right = sum(workload.answer_of(model, n) == workload.label_of(n) for n in many)
        assert right / len(many) == pytest.approx(wanted, abs=0.01)


def test_a_second_attempt_is_a_draw_of_its_own():
    refused = [n for n in range(50_000) if workload.fault_of("base", n, 0) != 200]
    again = sum(workload.fault_of("base", n, 1) != 200 for n in refused)
    assert again / len(refused) == pytest.approx(0.07, abs=0.015)


def test_prompts_have_eighty_words_and_name_their_sample():
    text = workload.prompt_of(workload.Texts(seed=1), 42)
    assert len(text.split()) == 80
    assert text.endswith("#0000042")


def test_requests_a_second_are_those_of_the_suite_not_of_the_probe():
    probe = [("base", 1, 0.0, 3.0, 200), ("tuned", 1, 0.1, 3.0, 200)]
    suite = [("base", n, 10.0 + n / 10, 10.5 + n / 10, 200) for n in range(6)]
    assert figures.rate([*suite, *probe], 6) == pytest.approx(6.0)
