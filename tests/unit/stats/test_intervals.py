import math

import pytest
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from evalkit.stats.intervals import clopper_pearson, two_sided_z, wilson, zero_failures_bound


# Newcombe 1998, Stat Med 17:857, table I: methods 3 (score) and 5 (exact).
@pytest.mark.parametrize(
    ("k", "n", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_newcombe_table_one(k, n, score, exact):
    found, cautious = wilson(k, n, 0.95), clopper_pearson(k, n, 0.95)
    assert (round(found.low, 4), round(found.high, 4)) == score
    assert (round(cautious.low, 4), round(cautious.high, 4)) == exact


@pytest.mark.parametrize("k", [0, 1, 7, 39, 40])
@pytest.mark.parametrize("level", [0.6, 0.9, 0.99])
def test_agrees_with_statsmodels_and_scipy(k, level):
    found, cautious = wilson(k, 40, level), clopper_pearson(k, 40, level)
    assert (found.low, found.high) == pytest.approx(proportion_confint(k, 40, 1 - level, method="wilson"), abs=1e-12)
    oracle = binomtest(k, 40).proportion_ci(level, method="exact")
    assert (cautious.low, cautious.high) == pytest.approx((oracle.low, oracle.high), abs=1e-10)


@pytest.mark.parametrize("make", [wilson, clopper_pearson])
def test_one_trial_and_all_alike_stay_inside_the_unit(make):
    for k, n in [(0, 1), (1, 1), (0, 500), (500, 500)]:
        found = make(k, n, 0.95)
        assert 0.0 <= found.low <= k / n <= found.high <= 1.0
        assert found.low < found.high


@pytest.mark.parametrize("make", [wilson, clopper_pearson])
@pytest.mark.parametrize(("k", "n", "level"), [(0, 0, 0.9), (3, 2, 0.9), (-1, 2, 0.9), (1, 2, 0.0), (1, 2, 1.0)])
def test_impossible_questions_are_refused(make, k, n, level):
    with pytest.raises(ValueError, match=r"nothing|fit|strictly"):
        make(k, n, level)


def test_zero_failures_of_thirty_still_allow_nine_and_a_half_percent():
    assert round(zero_failures_bound(30, 0.05), 4) == 0.0950
    assert zero_failures_bound(1, 0.05) == pytest.approx(0.95)
    assert zero_failures_bound(300, 0.05) == pytest.approx(clopper_pearson(0, 300, 0.90).high)


@pytest.mark.parametrize(("n", "alpha"), [(0, 0.05), (5, 0.0), (5, 1.0)])
def test_zero_failures_refuses_what_has_no_answer(n, alpha):
    with pytest.raises(ValueError, match=r"no trials|strictly"):
        zero_failures_bound(n, alpha)


def test_the_usual_quantile():
    assert math.isclose(two_sided_z(0.95), 1.959963984540054)
