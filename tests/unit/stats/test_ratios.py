import numpy as np
import pytest

from evalkit.stats import ratios
from evalkit.stats.ratios import ratio_bootstrap


def test_a_constant_ratio_is_found_exactly():
    base = np.random.default_rng(0).lognormal(0, 0.5, 150)
    for quantile in (0.5, 0.95, None):
        point, found = ratio_bootstrap(base, 1.25 * base, quantile, np.random.default_rng(1), level=0.9)
        assert point == pytest.approx(1.25)
        assert (found.low, found.high) == pytest.approx((1.25, 1.25))


def test_the_sides_keep_their_pairs():
    rng = np.random.default_rng(2)
    base = rng.lognormal(0, 1.0, 300)
    cand = base * rng.lognormal(0.1, 0.05, 300)
    _, paired = ratio_bootstrap(base, cand, None, np.random.default_rng(1), level=0.9)
    _, broken = ratio_bootstrap(base, rng.permutation(cand), None, np.random.default_rng(1), level=0.9)
    assert paired.high - paired.low < 0.3 * (broken.high - broken.low)
    assert paired.low < np.exp(0.1) < paired.high


@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_many_pairs_are_drawn_in_part_and_give_the_same_interval(quantile, monkeypatch):
    rng = np.random.default_rng(4)
    base = rng.lognormal(0, 0.5, 4_000)
    cand = base * rng.lognormal(0.1, 0.3, 4_000)
    point, whole = ratio_bootstrap(base, cand, quantile, np.random.default_rng(1), level=0.9)
    monkeypatch.setattr(ratios, "MOST_DRAWN", 800)
    same, part = ratio_bootstrap(base, cand, quantile, np.random.default_rng(1), level=0.9)
    assert point == same
    assert part.high - part.low == pytest.approx(whole.high - whole.low, rel=0.25)
    assert part.low < point < part.high


def test_several_quantiles_are_those_of_one_at_a_time():
    rng = np.random.default_rng(5)
    base, cand = rng.lognormal(0, 0.5, (2, 120))
    together = ratios.quantile_ratios(base, cand, (0.5, 0.95), np.random.default_rng(1), level=0.9)
    alone = [ratio_bootstrap(base, cand, q, np.random.default_rng(1), level=0.9) for q in (0.5, 0.95)]
    assert together == alone
    assert alone[0][0] == np.median(cand) / np.median(base)


def test_nothing_and_mismatches_are_refused():
    for base, cand in ((np.array([]), np.array([])), (np.ones(2), np.ones(3))):
        with pytest.raises(ValueError, match="at least one"):
            ratio_bootstrap(base, cand, 0.5, np.random.default_rng(0), level=0.9)
