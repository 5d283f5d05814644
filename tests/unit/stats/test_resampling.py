import tracemalloc

import numpy as np
import pytest
from scipy.stats import bootstrap

from evalkit.stats.clusters import sign_flip_p
from evalkit.stats.paired import paired_t_interval, tango_interval
from evalkit.stats.resampling import (
    bootstrap_t_interval,
    paired_bootstrap,
    randomisation_p,
    seed_from,
)


def mean(totals):
    """Mean of column 0 where column 1 counts items."""
    return totals[..., 0] / totals[..., 1]


def rows(values):
    return np.stack([values, np.ones(len(values))], axis=1)


def macro(totals):
    hits, predicted, actual = np.split(totals, 3, axis=-1)
    below = predicted + actual
    return np.divide(2 * hits, below, out=np.zeros_like(below), where=below > 0).mean(axis=-1)


def class_counts(gold, predicted, k):
    counts, i = np.zeros((len(gold), 3 * k)), np.arange(len(gold))
    counts[i, 2 * k + gold] = 1
    counts[i, k + predicted] = 1
    counts[i, gold] = predicted == gold
    return counts


@pytest.fixture
def paired_scores():
    rng = np.random.default_rng(7)
    base = rng.random(120)
    return base, np.clip(base + rng.normal(0.05, 0.2, 120), 0, 1)


def test_the_interval_is_scipys_percentile_interval(paired_scores):
    base, cand = paired_scores
    found = paired_bootstrap(rows(base), rows(cand), mean, np.random.default_rng(0))
    oracle = bootstrap((cand - base,), np.mean, method="percentile", confidence_level=0.9, rng=np.random.default_rng(1))
    assert found.delta == pytest.approx(np.mean(cand - base))
    low, high = oracle.confidence_interval
    assert (found.interval(0.9).low, found.interval(0.9).high) == pytest.approx((low, high), abs=0.003)


def test_both_ways_of_drawing_have_the_same_distribution():
    """Few distinct rows go through the multinomial, many through plain draws; a jitter decides which."""
    rng = np.random.default_rng(3)
    base = (rng.random(400) < 0.6).astype(float)
    cand = (rng.random(400) < 0.7).astype(float)
    jitter = rng.random(400) * 1e-9
    few = paired_bootstrap(rows(base), rows(cand), mean, np.random.default_rng(0), resamples=20_000)
    many = paired_bootstrap(rows(base + jitter), rows(cand), mean, np.random.default_rng(0), resamples=20_000)
    assert few.deltas.std() == pytest.approx(many.deltas.std(), rel=0.03)
    assert few.deltas.std() == pytest.approx((cand - base).std() / 20, rel=0.03)


def test_the_sides_keep_their_samples():
    """Equal answers differ by exactly 0 in every resample, however wild the metric is."""
    rng = np.random.default_rng(1)
    same = rows(rng.random(50))
    found = paired_bootstrap(same, same, mean, np.random.default_rng(0))
    assert not found.deltas.any()
    assert found.interval(0.9).high == tango_interval(0, 0, 50, 0.9).high


def test_several_levels_come_from_one_set_of_resamples(paired_scores):
    base, cand = paired_scores
    found = paired_bootstrap(rows(base), rows(cand), mean, np.random.default_rng(0))
    narrow, wide = found.interval(0.90), found.interval(0.95)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert narrow.level == 0.90


def test_few_clusters_widen_the_percentiles():
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(10), 20)
    base = rng.random(200)
    cand = np.clip(base + rng.normal(0, 0.1, 10)[clusters], 0, 1)
    found = paired_bootstrap(rows(base), rows(cand), mean, np.random.default_rng(0), clusters=clusters)
    plain_low, plain_high = np.quantile(found.deltas, (0.05, 0.95))
    interval = found.interval(0.9)
    assert found.n_clusters == 10
    assert interval.low < plain_low
    assert interval.high > plain_high
    robust = paired_t_interval(cand - base, 0.9, clusters)
    assert (interval.low, interval.high) == pytest.approx((robust.low, robust.high), abs=0.02)


def test_degenerate_samples_never_give_nan():
    one = paired_bootstrap(rows(np.array([0.0])), rows(np.array([1.0])), mean, np.random.default_rng(0))
    assert (one.interval(0.9).low, one.interval(0.9).high) == (-1.0, 1.0)
    swept = paired_bootstrap(rows(np.zeros(30)), rows(np.ones(30)), mean, np.random.default_rng(0))
    assert swept.interval(0.9).low < 0.95
    assert swept.interval(0.9).high == 1.0


def test_the_same_seed_gives_the_same_bounds(paired_scores):
    base, cand = rows(paired_scores[0]), rows(paired_scores[1])
    first, second = (paired_bootstrap(base, cand, mean, seed_from("fp1:00")).interval(0.9) for _ in range(2))
    assert first == second
    drawn = [seed_from(name).bit_generator.random_raw() for name in ("fp1:00", "fp1:01")]
    assert drawn[0] != drawn[1]
    assert drawn[0] == 7436569087734469425, "a changed recipe would move every published bound"


def test_randomisation_agrees_with_the_sign_test_it_generalises(paired_scores):
    base, cand = paired_scores
    found = randomisation_p(rows(base), rows(cand), mean, np.random.default_rng(0), permutations=4_000)
    signs = np.random.default_rng(5).choice([-1, 1], size=(20_000, 120))
    oracle = np.mean(np.abs((signs * (cand - base)).mean(axis=1)) >= abs(np.mean(cand - base)))
    assert found == pytest.approx(oracle, abs=0.03)


def test_randomisation_works_on_a_single_count(paired_scores):
    def total(totals):
        return totals[..., 0]

    base, cand = (side[:12, None] for side in paired_scores)
    found = randomisation_p(base, cand, total, np.random.default_rng(0), permutations=4_000)
    assert found == pytest.approx(sign_flip_p((cand - base)[:, 0], None, np.random.default_rng(0)), abs=0.03)


def test_randomisation_never_says_zero_and_one_for_equal_sides():
    sides = rows(np.zeros(60)), rows(np.ones(60))
    assert randomisation_p(*sides, mean, np.random.default_rng(0), permutations=99) == 1 / 100
    assert randomisation_p(sides[0], sides[0], mean, np.random.default_rng(0)) == 1.0
    clusters = np.zeros(60, dtype=np.intp)
    assert randomisation_p(*sides, mean, np.random.default_rng(0), clusters=clusters) == 1.0


def test_bootstrap_t_is_near_t_for_well_behaved_scores_and_leans_for_skewed_ones():
    rng = np.random.default_rng(9)
    calm = rng.normal(0.02, 0.1, 200)
    found, t = bootstrap_t_interval(calm, 0.9, np.random.default_rng(0)), paired_t_interval(calm, 0.9)
    assert (found.low, found.high) == pytest.approx((t.low, t.high), abs=0.002)
    skewed = np.where(rng.random(30) < 0.25, rng.exponential(0.3, 30), 0.0).clip(0, 1)
    found, t = bootstrap_t_interval(skewed, 0.9, np.random.default_rng(0)), paired_t_interval(skewed, 0.9)
    assert found.high - skewed.mean() > t.high - skewed.mean()
    assert skewed.mean() - found.low < skewed.mean() - t.low


def test_bootstrap_t_keeps_clusters_together():
    rng = np.random.default_rng(4)
    values = rng.normal(0.02, 0.1, 12)
    copies, clusters = np.repeat(values, 6), np.repeat(np.arange(12), 6)
    whole = bootstrap_t_interval(copies, 0.9, np.random.default_rng(0), clusters)
    single = bootstrap_t_interval(values, 0.9, np.random.default_rng(0))
    assert (whole.low, whole.high) == pytest.approx((single.low, single.high), abs=1e-9)


@pytest.mark.parametrize("values", [[0.3], [0.3, 0.3], [0.0, 0.0, 1.0], [1.0] * 40, [0.0] * 39 + [1.0]])
def test_bootstrap_t_never_gives_nan(values):
    found = bootstrap_t_interval(np.array(values), 0.9, np.random.default_rng(0))
    assert -1.0 <= found.low < found.high <= 1.0


def test_nothing_and_mismatches_are_refused_with_a_sentence():
    rng = np.random.default_rng(0)
    none = np.zeros((0, 2))
    for ask in (paired_bootstrap, randomisation_p):
        with pytest.raises(ValueError, match="at least one sample"):
            ask(none, none, mean, rng)
        with pytest.raises(ValueError, match="one shape"):
            ask(np.zeros((3, 2)), np.zeros((2, 2)), mean, rng)
        with pytest.raises(ValueError, match="3 samples need 3 cluster numbers"):
            ask(np.zeros((3, 2)), np.zeros((3, 2)), mean, rng, clusters=np.array([1]))
    with pytest.raises(ValueError, match="no pairs"):
        bootstrap_t_interval(np.array([]), 0.9, rng)


def test_macro_f1_of_ten_thousand_samples_stays_small():
    rng = np.random.default_rng(0)
    n, k = 10_000, 8
    gold = rng.integers(k, size=n)
    sides = [class_counts(gold, np.where(rng.random(n) < p, gold, rng.integers(k, size=n)), k) for p in (0.7, 0.75)]
    found = paired_bootstrap(*sides, macro, np.random.default_rng(1))
    assert found.interval(0.95).low < found.delta < found.interval(0.95).high
    tracemalloc.start()
    paired_bootstrap(*sides, macro, np.random.default_rng(1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6


@pytest.mark.parametrize(("groups", "is_known"), [(2, False), (3, False), (4, False), (5, True), (10, True)])
def test_so_few_clusters_that_no_resample_lies_so_far_out_say_nothing(groups, is_known):
    """Two clusters that both gain would else be "shown" to gain, one time in four where there is no gain."""
    clusters = np.repeat(np.arange(groups), 40)
    gains = np.linspace(0.02, 0.2, groups)[clusters]
    base = np.random.default_rng(1).random(len(clusters)) * 0.5
    found = paired_bootstrap(rows(base), rows(base + gains), mean, np.random.default_rng(0), clusters=clusters)
    interval = found.interval(0.9)
    assert ((interval.low, interval.high) == (-1.0, 1.0)) == (not is_known)
