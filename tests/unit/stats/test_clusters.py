import numpy as np
import pytest
from scipy.stats import permutation_test

from evalkit.stats.clusters import clustered_binary_interval, design_effect, sign_flip_p
from evalkit.stats.paired import paired_t_interval, tango_interval

# Darwin's fifteen pairs of maize, in eighths of an inch (Fisher 1935, section 17).
DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]) / 100


def binary(rng, groups, size, spread):
    effect = np.repeat(rng.normal(0, spread, groups), size)
    draw = rng.random(groups * size)
    return np.where(draw < 0.15 + effect, 1.0, np.where(draw > 0.85 + effect, -1.0, 0.0)), np.repeat(
        np.arange(groups), size
    )


def test_fishers_exact_count_for_darwins_maize():
    exact = sign_flip_p(DARWIN, None, np.random.default_rng(0), permutations=40_000)
    assert exact == 1726 / 2**15


def test_random_flips_come_near_the_exact_value():
    assert sign_flip_p(DARWIN, None, np.random.default_rng(3), permutations=30_000) == pytest.approx(0.0527, abs=0.004)


def test_equal_sizes_and_distinct_sizes_agree_with_scipy():
    rng = np.random.default_rng(5)
    for values in (rng.choice([-1.0, 0.0, 1.0], size=60, p=[0.1, 0.7, 0.2]), rng.normal(0.1, 0.3, 25)):
        oracle = permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
        )
        assert sign_flip_p(values, None, np.random.default_rng(2)) == pytest.approx(oracle.pvalue, abs=0.015)


def test_whole_clusters_flip_together():
    values, clusters = np.tile([0.2], 40), np.repeat(np.arange(5), 8)
    assert sign_flip_p(values, clusters, np.random.default_rng(0)) == 2 / 2**5


def test_a_permutation_p_is_never_zero_and_one_without_difference():
    assert sign_flip_p(np.full(200, 0.5), None, np.random.default_rng(0), permutations=999) == 1 / 1000
    assert sign_flip_p(np.zeros(20), None, np.random.default_rng(0)) == 1.0
    assert sign_flip_p(np.array([0.3]), None, np.random.default_rng(0)) == 1.0


def test_design_effect_is_one_for_lone_items_and_the_size_for_copies():
    rng = np.random.default_rng(4)
    values = rng.normal(0, 0.2, 40)
    assert design_effect(values, np.arange(40)) == pytest.approx(1.0)
    copies = np.repeat(values, 5)
    expected = 5 * (200 - 1) / 200 * 40 / 39
    assert design_effect(copies, np.repeat(np.arange(40), 5)) == pytest.approx(expected)
    assert design_effect(np.zeros(6), np.array([0, 0, 1, 1, 2, 2])) == 1.0
    assert design_effect(values, np.zeros(40, dtype=np.intp)) == 1.0


def test_the_clustered_interval_is_as_cautious_as_both_its_parts():
    rng = np.random.default_rng(8)
    values, clusters = binary(rng, 20, 10, 0.12)
    found = clustered_binary_interval(values, clusters, 0.9)
    robust = paired_t_interval(values, 0.9, clusters)
    deff = max(1.0, design_effect(values, clusters))
    score = tango_interval((values > 0).sum() / deff, (values < 0).sum() / deff, 200 / deff, 0.9)
    assert deff > 1.3
    assert found.low == min(robust.low, score.low)
    assert found.high == max(robust.high, score.high)


def test_few_discordant_pairs_in_one_cluster_are_bounded_by_the_effective_size():
    values, clusters = np.zeros(200), np.repeat(np.arange(20), 10)
    values[:3] = 1.0
    found, deff = clustered_binary_interval(values, clusters, 0.9), design_effect(values, clusters)
    assert 2.0 < deff < 4.0
    assert found.high == tango_interval(3 / deff, 0, 200 / deff, 0.9).high
    assert found.high > max(paired_t_interval(values, 0.9, clusters).high, tango_interval(3, 0, 200, 0.9).high)


def test_clusters_that_balance_never_count_for_more_than_their_rows():
    values, clusters = np.tile([1.0, -1.0], 30), np.repeat(np.arange(30), 2)
    assert design_effect(values, clusters) == 0.0
    assert clustered_binary_interval(values, clusters, 0.9).high == tango_interval(30, 30, 60, 0.9).high


def test_nothing_discordant_counts_clusters_not_rows():
    found = clustered_binary_interval(np.zeros(200), np.repeat(np.arange(20), 10), 0.9)
    assert found.high == tango_interval(0, 0, 20, 0.9).high
    assert found.low < -0.1
    swept = clustered_binary_interval(np.ones(200), np.repeat(np.arange(20), 10), 0.9)
    assert swept.low < 0.9
    assert swept.high == 1.0


def test_clusters_of_nothing_and_graded_scores_are_refused():
    with pytest.raises(ValueError, match="no pairs"):
        clustered_binary_interval(np.array([]), np.array([], dtype=np.intp), 0.9)
    with pytest.raises(ValueError, match="-1, 0 or 1"):
        clustered_binary_interval(np.array([0.5, 0.0]), np.array([0, 1]), 0.9)
    with pytest.raises(ValueError, match="no pairs"):
        sign_flip_p(np.array([]), None, np.random.default_rng(0))
