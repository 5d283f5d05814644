"""The simulation of the gate: it goes through the shipped verdict, its truths are what they say, its page is honest."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

import operating


@pytest.mark.parametrize("name", list(operating.worlds()))
def test_a_world_is_as_true_as_it_says(name):
    world = operating.worlds()[name]
    rng = np.random.default_rng(1)
    gains = [cand.mean() - base.mean() for base, cand, _ in (world.draw(rng) for _ in range(400))]
    assert np.mean(gains) == pytest.approx(world.truth, abs=4 * np.std(gains) / 20)


def test_sides_are_as_correlated_as_it_says():
    draw = operating.right_or_wrong(200_000, 0.70, 0.80)
    base, cand, _ = draw(np.random.default_rng(2))
    assert (base.mean(), cand.mean()) == pytest.approx((0.70, 0.80), abs=0.01)
    assert np.corrcoef(base, cand)[0, 1] == pytest.approx(operating.PHI, abs=0.01)


def test_runs_go_through_the_gate_and_are_the_same_each_time():
    found = operating.counted("n=200 +10", 60, 0)
    assert found == operating.counted("n=200 +10", 60, 0)
    assert found["runs"] == 60
    assert found["ship"] >= 50
    assert found["covered"] >= 52
    assert found["ship"] + found["dont_ship"] + found["inconclusive"] == 60
    assert operating.counted("n=200 +0", 60, 0)["ship"] <= 9


def test_every_question_is_about_a_world():
    assert {question.world for question in operating.QUESTIONS} == set(operating.worlds())


def test_the_page_says_when_a_target_is_missed():
    bad = Counter(runs=1_000, ship=70, covered=900)
    told = {row[0]: row for row in operating.rows({"n=200 +0": bad, "n=200 +10": Counter(runs=1_000, ship=950)})}
    assert told["ships, no true gain (false ships)"][2:] == ("7.0 % [5.6, 8.8]", "≤ 6 %", "**no**")
    assert told["ships, true gain +10"][3:] == ("≥ 92 %", "yes")
    assert "Missed: ships, no true gain (false ships)." in operating.page({"n=200 +0": bad}, 1.0)
    assert "Every target is met." in operating.page({"n=200 +10": Counter(runs=1_000, ship=950)}, 1.0)
