"""What a number of pairs can find: the published figures, and that the pieces agree with each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.compare.outlook import effective_n, gain, mixed_n, no_loss
from evalkit.compare.primary import decide_primary
from evalkit.stats.paired import tango_interval
from evalkit.stats.power import n_margin, n_power
from evalkit.types import Comparison, GateSpec, PrimarySpec


def gate(**primary):
    return GateSpec(primary=PrimarySpec(metric="exact", **primary))


@pytest.mark.parametrize(
    ("psi", "ships", "mde", "needed"), [(0.1, 5.0, 5.5, 95), (0.2, 5.2, 7.8, 192), (0.3, 6.4, 9.6, 288)]
)
def test_two_hundred_pairs(psi, ships, mde, needed):
    found = gain(gate(), 200, psi)
    assert (found.ships_from_points, found.mde_points, found.n_for_planned) == (ships, mde, needed)


def test_five_points_take_five_hundred_pairs():
    assert gain(gate(), 200, 0.2).n_for_min_delta == 493
    assert gain(gate(min_delta=0.0), 200, 0.2).n_for_min_delta is None


def test_a_gain_above_a_hundred_points_is_planned_by_nobody():
    assert gain(gate(min_delta=97.0), 200, 0.2).n_for_planned is not None
    assert gain(gate(min_delta=98.0), 200, 0.2).n_for_planned is None


def test_samples_mixed_like_the_traffic_are_worth_themselves_and_others_less():
    assert mixed_n({"a": 0.6, "b": 0.4}, {"a": 120, "b": 80}) == 200
    assert mixed_n({"a": 0.6, "b": 0.4}, {"a": 80, "b": 120}) == 171
    assert mixed_n({"a": 1.0, "b": 0.0}, {"a": 80, "b": 120}) == 80
    assert mixed_n({"a": 0.6, "b": 0.4}, {"a": 200}) is None


@pytest.mark.parametrize("evidence", ["none", "positive", "margin"])
def test_the_gain_that_mostly_ships_is_the_one_these_pairs_are_enough_for(evidence):
    psi, n = 0.2, 200
    effect = gain(gate(evidence=evidence), n, psi).ships_mostly_from_points / 100
    needed = {
        "none": lambda e: n_power(psi, e, 0.5, min_delta=0.05),
        "positive": lambda e: n_power(psi, e, 0.05, min_delta=0.05),
        "margin": lambda e: n_margin(psi, e, 0.05, min_delta=0.05),
    }[evidence]
    assert needed(effect + 0.001) <= n < needed(effect - 0.001)


def test_the_smallest_shipping_gain_is_where_the_gate_itself_turns():
    # 300 pairs, 60 of which differ: the gate is asked about every split of the 60.
    n, differ = 300, 60
    ships = []
    for better in range(differ // 2, differ + 1):
        worse = differ - better
        bounds = tango_interval(better, worse, n, 0.90)
        delta = 100.0 * (better - worse) / n
        found = Comparison(
            metric="exact", n=n, n_clusters=n, baseline_points=50.0, candidate_points=50.0 + delta, delta_points=delta,
            bounds=type(bounds)(low=100 * bounds.low, high=100 * bounds.high, level=0.9, method=""), ci95=None,
            p_value=None, method="", is_binary=True,
        )  # fmt: skip
        if decide_primary(found, gate(min_delta=1.0)).status == "ship":
            ships.append(delta)
    told = gain(gate(min_delta=1.0), n, differ / n).ships_from_points
    assert min(ships) - 100 * 2 / n < told <= min(ships) + 0.05


def test_where_no_gain_can_ship():
    # Ten pairs that differ on a tenth: one pair cannot be shown to be more than chance.
    assert gain(gate(), 10, 0.1).ships_from_points is None
    assert gain(gate(min_delta=100.0), 50, 0.3).ships_mostly_from_points is None


@given(psi=st.floats(0.01, 1.0), n=st.integers(2, 20_000))
def test_more_pairs_never_find_less(psi, n):
    few, many = gain(gate(), n, psi), gain(gate(), 2 * n, psi)
    assert many.mde_points <= few.mde_points
    assert (few.ships_mostly_from_points or 100.0) >= (many.ships_mostly_from_points or 100.0)
    loose, tight = no_loss(3.0, n, psi, 0.05), no_loss(3.0, 2 * n, psi, 0.05)
    assert tight.chance >= loose.chance
    assert tight.resolves_points <= loose.resolves_points


def test_guards():
    found = no_loss(3.0, 200, 0.10, 0.05)
    assert (found.n_needed, round(found.chance, 2)) == (687, 0.38)
    assert no_loss(found.resolves_points, 200, 0.10, 0.05).chance == pytest.approx(0.8, abs=0.01)
    zero = no_loss(0.0, 200, 0.10, 0.05)
    assert (zero.chance, zero.n_needed) == (None, None)


def test_clusters_weigh_between_their_number_and_the_rows():
    assert effective_n(200, 200, 0.5) == 200
    assert effective_n(200, 40, 1.0) == 40
    assert 40 < effective_n(200, 40, 0.1) < 200
