import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from evalkit.stats.power import (
    chance_to_clear,
    mde,
    mde_graded,
    n_margin,
    n_noninferiority,
    n_point_binding,
    n_power,
    upper_discordance,
)


@pytest.mark.parametrize(
    ("psi", "effects"),
    [
        (0.10, {0.06: (683, 5960), 0.07: (169, 1470), 0.08: (95, 643), 0.10: (60, 223)}),
        (0.20, {0.06: (1392, 12143), 0.07: (346, 3016), 0.08: (192, 1330), 0.10: (122, 470), 0.12: (84, 235)}),
        (0.30, {0.06: (2100, 18326), 0.07: (523, 4562), 0.08: (288, 2017), 0.10: (184, 718), 0.12: (127, 361)}),
    ],
)
def test_the_table_of_sample_sizes(psi, effects):
    for effect, expected in effects.items():
        assert (n_power(psi, effect, 0.05), n_margin(psi, effect, 0.05)) == expected


def test_a_gain_brings_its_own_discordance():
    assert n_power(0.0, 0.12, 0.05) == n_power(0.12, 0.12, 0.05) == 50


@pytest.mark.parametrize(("psi", "expected"), [(0.10, 109), (0.20, 217), (0.30, 325)])
def test_where_the_point_rule_binds(psi, expected):
    assert n_point_binding(math.sqrt(psi), 0.05, 0.05) == expected


@pytest.mark.parametrize(
    ("psi", "expected"),
    [(0.05, (3092, 773, 344, 124)), (0.10, (6183, 1546, 687, 248)), (0.15, (9274, 2319, 1031, 371))],
)
def test_the_table_of_guard_sizes(psi, expected):
    assert tuple(n_noninferiority(psi, m, 0.05) for m in (0.01, 0.02, 0.03, 0.05)) == expected


def test_the_chance_to_clear_is_the_inverse_of_the_guard_sizes():
    for psi in (0.05, 0.1, 0.3):
        n = n_noninferiority(psi, 0.02, 0.05)
        assert chance_to_clear(psi, 0.02, n, 0.05) >= 0.8 > chance_to_clear(psi, 0.02, n - 1, 0.05)
    assert chance_to_clear(0.0, 0.02, 10, 0.05) == 1.0
    assert chance_to_clear(0.1, 0.0, 10, 0.05) == pytest.approx(0.05)


def test_detectable_effects():
    assert round(mde(0.20, 200, 0.05), 3) == 0.078
    assert round(mde(0.20, 200, 0.025), 3) == 0.088
    assert round(mde(0.245, 200, 0.05), 3) == 0.087
    assert mde(0.20, 1, 0.05) == 1.0
    assert 0.02 < mde(0.0, 200, 0.05) < 0.04
    assert mde_graded(0.4, 1, 0.05) == pytest.approx(0.4 * 2.4865, abs=1e-3)
    assert mde_graded(2.0, 1, 0.05) == 1.0
    assert mde_graded(0.0, 50, 0.05) == 0.0


def test_the_detectable_effect_is_the_inverse_of_connors_size():
    for psi in (0.1, 0.2, 0.4):
        effect = mde(psi, 500, 0.05)
        assert n_power(psi, effect, 0.05, min_delta=0.0) == 500


def test_planned_sizes_hold_in_simulation():
    """80 % of simulated suites of the planned size pass the shipped rule."""
    rng = np.random.default_rng(11)
    psi, effect, n = 0.20, 0.08, n_power(0.20, 0.08, 0.05)
    drawn = rng.multinomial(n, [(psi + effect) / 2, (psi - effect) / 2, 1 - psi], size=40_000)
    improved, worsened = drawn[:, 0], drawn[:, 1]
    significant = (improved - worsened) / np.sqrt(np.maximum(improved + worsened, 1)) > 1.6448536
    assert np.mean(significant & ((improved - worsened) / n >= 0.05)) == pytest.approx(0.80, abs=0.02)


def test_upper_discordance_is_the_upper_wilson_bound():
    assert upper_discordance(10, 50) == pytest.approx(proportion_confint(10, 50, 0.4, method="wilson")[1])
    assert 0.0 < upper_discordance(0, 50) < 0.03


@pytest.mark.parametrize(
    "ask",
    [
        lambda: n_power(0.2, 0.05, 0.05),
        lambda: n_power(0.2, 0.08, 0.0),
        lambda: n_margin(0.2, 0.05, 0.05),
        lambda: n_point_binding(0.4, 0.0, 0.05),
        lambda: n_noninferiority(0.1, 0.0, 0.05),
        lambda: mde(0.2, 0, 0.05),
        lambda: mde_graded(0.2, 0, 0.05),
        lambda: chance_to_clear(0.2, 0.02, 0, 0.05),
        lambda: upper_discordance(1, 10, 0.5),
        lambda: upper_discordance(1, 0),
    ],
)
def test_questions_without_an_answer_are_refused_in_words(ask):
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        ask()
