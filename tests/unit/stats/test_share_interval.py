"""One side's share of right answers: Wilson's interval, the exact one at the ends, fewer facts in clusters."""

import numpy as np
import pytest
from scipy import stats

from evalkit.stats.clusters import share_interval
from evalkit.stats.intervals import clopper_pearson


@pytest.mark.parametrize(("k", "n"), [(1, 30), (15, 148), (81, 263), (199, 200)])
def test_it_is_wilsons(k, n):
    found = share_interval(np.arange(n) < k, None, 0.95)
    oracle = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


@pytest.mark.parametrize("n", [1, 20, 200])
@pytest.mark.parametrize("right", [0.0, 1.0])
def test_at_the_ends_it_is_the_exact_one(n, right):
    found = share_interval(np.full(n, right, dtype=bool), None, 0.95)
    oracle = stats.binomtest(int(right * n), n).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    assert found.method == "clopper-pearson"


def test_every_exact_interval_agrees_with_scipy():
    for n in (1, 2, 7, 50):
        for k in range(n + 1):
            oracle = stats.binomtest(k, n).proportion_ci(0.9, method="exact")
            found = clopper_pearson(k, n, 0.9)
            assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_clusters_widen_it_and_count_at_the_ends():
    clusters = np.repeat(np.arange(20), 10)
    together = np.arange(200) < 100
    plain, clustered = share_interval(together, None, 0.95), share_interval(together, clusters, 0.95)
    assert clustered.high - clustered.low > 2.5 * (plain.high - plain.low)
    mixed = np.arange(200) % 2 == 0
    assert share_interval(mixed, clusters, 0.95).high == pytest.approx(share_interval(mixed, None, 0.95).high)
    assert share_interval(np.ones(200, dtype=bool), clusters, 0.95).low == pytest.approx(0.025 ** (1 / 20))


def test_nobody_asked_has_no_share():
    with pytest.raises(ValueError, match="n must be"):
        share_interval(np.array([], dtype=bool), None, 0.95)
