"""At exactly five points the gate agrees with exact arithmetic, for every n up to 400 and every count."""

import sys
from fractions import Fraction
from pathlib import Path

import pytest

from evalkit.compare.primary import decide_primary
from evalkit.types import Comparison, GateSpec, Interval, PrimarySpec, to_points

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "compare"))
from tables import Exact, pairs, table

from evalkit.compare.pairing import compare

GATE = GateSpec(primary=PrimarySpec(metric="exact", min_delta=5.0, evidence="none"))


def comparison(delta, baseline=50.0):
    return Comparison(
        metric="exact",
        n=1,
        n_clusters=1,
        baseline_points=baseline,
        candidate_points=baseline + delta,
        delta_points=delta,
        bounds=Interval(low=1.0, high=99.0, level=0.9, method="x"),
        ci95=None,
        p_value=None,
        method="x",
    )


def says_ship(delta):
    return decide_primary(comparison(delta), GATE).status == "ship"


def test_every_count_up_to_400_agrees_with_fractions():
    wrong = [
        (n, k)
        for n in range(1, 401)
        for k in range(n + 1)
        if says_ship(round(100.0 * k / n, 9)) != (Fraction(100 * k, n) >= 5)
    ]
    assert wrong == []


def test_room_for_five_agrees_with_fractions_too():
    def says_full(baseline):
        gate = GateSpec(primary=PrimarySpec(metric="exact", min_delta=5.0))
        found = comparison(0.0, baseline=baseline)
        return decide_primary(found, gate).reason.code == "NO_HEADROOM"

    wrong = [
        (n, k)
        for n in range(1, 401)
        for k in range(n + 1)
        if says_full(to_points(k / n)) != (100 - Fraction(100 * k, n) < 5)
    ]
    assert wrong == []


@pytest.mark.parametrize("n", [20, 40, 60, 140, 180, 220, 380])
def test_a_true_delta_of_five_passes_end_to_end(n):
    net = n // 20
    base, cand = pairs(n // 2, net + 3, 3, n - n // 2 - net - 6)
    found = compare(Exact(), table(base, cand), alpha=0.05, seed="fp1:0")
    assert found.delta_points == 5.0
    assert says_ship(found.delta_points)


def test_the_floats_that_used_to_flip():
    ragged = 100 * (0.95 - 0.9)
    assert ragged < 5.0
    assert to_points(0.95) - to_points(0.9) == 5.0
    assert says_ship(round(ragged, 9))
