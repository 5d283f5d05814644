"""The chance that one of several candidates ships by luck rests on what no gain would look like."""

import pytest

from evalkit.compare.reuse import chance_of_a_false_ship
from evalkit.types import Comparison, GateSpec, Interval, PrimarySpec
from evalkit.types.reuse import Reuse


def test_pairs_that_all_differ_say_how_far_luck_reaches():
    gate = GateSpec(primary=PrimarySpec(metric="m", min_delta=5.0))
    found = Comparison(
        metric="m", n=200, n_clusters=200, baseline_points=0.0, candidate_points=100.0, delta_points=100.0,
        bounds=Interval(low=98.0, high=100.0, level=0.9, method="tango"), ci95=None, p_value=0.0, method="tango",
        is_binary=True, discordance=1.0, sd_points=0.0,
    )  # fmt: skip
    chance = chance_of_a_false_ship(Reuse(candidate="c", samples="s", uses=6, place=6), found, gate)
    assert chance == pytest.approx(1 - 0.95**6, abs=0.01)
