import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import ttest_rel
from statsmodels.stats.contingency_tables import mcnemar

from evalkit.stats.paired import (
    mcnemar_exact,
    mcnemar_midp,
    newcombe_interval,
    paired_t_interval,
    paired_t_p,
    tango_interval,
)


# Tango 1998, section 6: sleeping difficulties (95 %); soft contact lenses (90 %, lower limit printed). Bentur et
# al. 2009 as analysed by Fagerland et al. 2014, table 8.
@pytest.mark.parametrize(
    ("counts", "level", "low", "high"),
    [((9, 3, 32), 0.95, -0.027, 0.390), ((0, 1, 44), 0.90, -0.096, None), ((1, 7, 21), 0.95, -0.517, -0.026)],
)
def test_tango_as_published(counts, level, low, high):
    found = tango_interval(*counts, level)
    assert round(found.low, 3) == low
    assert high is None or round(found.high, 3) == high
    assert found.method == "tango"


def test_tango_excludes_zero_exactly_when_mcnemar_does():
    for improved in range(25):
        for worsened in range(25):
            z = (improved - worsened) / math.sqrt(improved + worsened) if improved + worsened else 0.0
            found = tango_interval(improved, worsened, 60, 0.90)
            assert (found.low > 0.0) == (z > 1.6448536269514722), (improved, worsened)


def test_tango_bounds_solve_the_score_equation():
    """At a bound, T(delta) = ±z with the nuisance share found here by brute force, not by the closed form."""
    improved, worsened, n = 14, 5, 80
    found = tango_interval(improved, worsened, n, 0.95)
    for delta in (found.low, found.high):
        shares = np.linspace(max(0.0, -delta) + 1e-9, (1 - delta) / 2 - 1e-9, 400_001)
        rest = n - improved - worsened
        likelihood = (
            improved * np.log(shares + delta) + worsened * np.log(shares) + rest * np.log(1 - 2 * shares - delta)
        )
        nuisance = shares[np.argmax(likelihood)]
        t = (improved - worsened - n * delta) / math.sqrt(n * (2 * nuisance + delta * (1 - delta)))
        assert abs(t) == pytest.approx(1.959963984540054, abs=1e-4)


@pytest.mark.parametrize(
    ("improved", "worsened", "n"), [(0, 0, 1), (1, 0, 1), (0, 1, 1), (0, 0, 200), (200, 0, 200), (0, 200, 200)]
)
def test_tango_says_something_sensible_at_the_edges(improved, worsened, n):
    found = tango_interval(improved, worsened, n, 0.95)
    assert -1.0 <= found.low <= (improved - worsened) / n <= found.high <= 1.0
    assert found.low < found.high


def test_no_discordant_pair_still_leaves_doubt():
    found = tango_interval(0, 0, 200, 0.90)
    z2 = 1.6448536269514722**2
    assert found.high == pytest.approx(z2 / (200 + z2))
    assert found.low == pytest.approx(-found.high)


# Newcombe 1998, Stat Med 17:2635, table II; Altman et al. 2000, table 6.2; Fagerland et al. 2014, table 8.
@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((20, 12, 2, 16), 0.0562, 0.3292),
        ((14, 5, 0, 22), 0.011, 0.226),
        ((1, 1, 7, 12), -0.507, -0.026),
    ],
)
def test_newcombe_as_published(cells, low, high):
    found = newcombe_interval(*cells, 0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-4)


@pytest.mark.parametrize("cells", [(0, 0, 0, 1), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (50, 0, 0, 0), (3, 9, 9, 3)])
def test_newcombe_at_the_edges(cells):
    found = newcombe_interval(*cells, 0.95)
    point = (cells[1] - cells[2]) / sum(cells)
    assert -1.0 <= found.low <= point <= found.high <= 1.0


def test_mcnemar_as_published_and_as_statsmodels():
    assert round(mcnemar_exact(1, 7), 3) == 0.070
    assert round(mcnemar_midp(1, 7), 3) == 0.039
    for improved, worsened in [(0, 1), (3, 3), (12, 2), (40, 61), (500, 430)]:
        table = [[5, improved], [worsened, 5]]
        assert mcnemar_exact(improved, worsened) == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)


def test_midp_is_one_without_discordance_and_below_exact_otherwise():
    assert mcnemar_midp(0, 0) == mcnemar_exact(0, 0) == 1.0
    assert mcnemar_midp(1, 0) == pytest.approx(0.5)
    # Equal counts: 1 less half the probability of that split (Fagerland et al. 2013, supplement).
    assert mcnemar_midp(2, 2) == pytest.approx(1 - 0.5 * 6 / 16)
    assert all(mcnemar_midp(k, 9) < mcnemar_exact(k, 9) for k in range(9))
    assert mcnemar_midp(3, 8) == mcnemar_midp(8, 3)


def test_paired_t_agrees_with_scipy():
    rng = np.random.default_rng(1)
    base, cand = rng.random(60), rng.random(60)
    oracle = ttest_rel(cand, base)
    found = paired_t_interval(cand - base, 0.9)
    assert (found.low, found.high) == pytest.approx(tuple(oracle.confidence_interval(0.9)), abs=1e-12)
    assert paired_t_p(cand - base) == pytest.approx(oracle.pvalue, rel=1e-9)


def test_cluster_robust_t_agrees_with_statsmodels():
    rng = np.random.default_rng(2)
    clusters = rng.integers(0, 17, size=200)
    differences = np.clip(rng.normal(0.05, 0.3, 200) + rng.normal(0, 0.2, 17)[clusters], -1, 1)
    fit = sm.OLS(differences, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
    found = paired_t_interval(differences, 0.95, clusters)
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int(0.05)[0]), abs=1e-10)
    assert paired_t_p(differences, clusters) == pytest.approx(float(fit.pvalues[0]), rel=1e-8)


def test_cluster_numbers_need_not_be_dense():
    differences = np.array([0.1, 0.3, -0.2, 0.4])
    sparse, dense = np.array([7, 7, 900, -3]), np.array([0, 0, 1, 2])
    assert paired_t_interval(differences, 0.9, sparse) == paired_t_interval(differences, 0.9, dense)


def test_one_item_tells_nothing_and_no_spread_is_not_certainty():
    assert paired_t_interval(np.array([0.4]), 0.9).low == -1.0
    assert paired_t_interval(np.array([0.4]), 0.9).high == 1.0
    assert paired_t_p(np.array([0.4])) == 1.0
    alike = paired_t_interval(np.full(50, 0.1), 0.9)
    assert alike.low < 0.1 - 0.04
    assert alike.high > 0.1 + 0.04
    assert paired_t_p(np.zeros(50)) == 1.0
    assert paired_t_p(np.full(50, 0.1)) == 2.0**-49


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_impossible_levels_are_refused(level):
    with pytest.raises(ValueError, match="strictly"):
        paired_t_interval(np.array([0.4]), level)


def test_nothing_and_nonsense_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="no pairs"):
        paired_t_interval(np.array([]), 0.9)
    with pytest.raises(ValueError, match="finite"):
        paired_t_interval(np.array([0.1, np.nan]), 0.9)
    with pytest.raises(ValueError, match="need 2 cluster numbers"):
        paired_t_interval(np.array([0.1, 0.2]), 0.9, np.array([1]))
    with pytest.raises(ValueError, match="no pairs"):
        tango_interval(0, 0, 0, 0.9)
    with pytest.raises(ValueError, match="do not fit"):
        tango_interval(3, 3, 5, 0.9)
    with pytest.raises(ValueError, match="do not fit"):
        mcnemar_midp(-1, 3)
