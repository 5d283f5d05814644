"""What holds for any pairs."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evalkit.stats.clusters import clustered_binary_interval, design_effect, sign_flip_p
from evalkit.stats.intervals import clopper_pearson, wilson
from evalkit.stats.multiplicity import benjamini_hochberg, holm
from evalkit.stats.paired import (
    mcnemar_exact,
    mcnemar_midp,
    newcombe_interval,
    paired_t_interval,
    paired_t_p,
    tango_interval,
)
from evalkit.stats.power import mde, n_noninferiority, n_power
from evalkit.stats.resampling import bootstrap_t_interval, paired_bootstrap, randomisation_p

relaxed = settings(deadline=None, max_examples=60)

cells = st.tuples(*[st.integers(0, 300)] * 4).filter(any)
levels = st.sampled_from([0.6, 0.8, 0.9, 0.95, 0.99])
scores = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.floats(-1, 1, width=32)), arrays(np.intp, n, elements=st.integers(0, 6))
    )
)


def check(found, point):
    assert -1.0 <= found.low <= found.high <= 1.0
    assert found.low - 1e-9 <= point <= found.high + 1e-9
    assert found.low < found.high


@relaxed
@given(cells=cells, level=levels)
def test_intervals_of_pairs_hold_their_point_and_mirror(cells, level):
    both, improved, worsened, neither = cells
    n = sum(cells)
    point = (improved - worsened) / n
    tango, mirrored = tango_interval(improved, worsened, n, level), tango_interval(worsened, improved, n, level)
    check(tango, point)
    assert math.isclose(tango.low, -mirrored.high, abs_tol=1e-9)
    newcombe = newcombe_interval(both, improved, worsened, neither, level)
    swapped = newcombe_interval(both, worsened, improved, neither, level)
    check(newcombe, point)
    assert math.isclose(newcombe.low, -swapped.high, abs_tol=1e-9)
    assert 0.0 < mcnemar_midp(improved, worsened) <= mcnemar_exact(improved, worsened) <= 1.0


@relaxed
@given(cells=cells, level=levels)
def test_one_more_improved_pair_never_lowers_the_bounds(cells, level):
    _, improved, worsened, _ = cells
    n = sum(cells) + 1
    before, after = tango_interval(improved, worsened, n, level), tango_interval(improved + 1, worsened, n, level)
    assert after.low >= before.low - 1e-12
    assert after.high >= before.high - 1e-12


@relaxed
@given(k=st.integers(0, 400), more=st.integers(0, 400), level=levels)
def test_proportions_hold_their_point_and_exact_is_wider_at_the_ends(k, more, level):
    n = k + more
    if n == 0:
        return
    for found in (wilson(k, n, level), clopper_pearson(k, n, level)):
        assert 0.0 <= found.low <= k / n <= found.high <= 1.0


@relaxed
@given(data=scores, level=levels)
def test_intervals_of_scores_are_never_nan_and_hold_their_mean(data, level):
    values, clusters = data
    for groups in (None, clusters):
        check(paired_t_interval(values, level, groups), values.mean())
        assert 0.0 <= paired_t_p(values, groups) <= 1.0
        assert 0.0 < sign_flip_p(values, groups, np.random.default_rng(0), permutations=200) <= 1.0
        found = bootstrap_t_interval(values, level, np.random.default_rng(0), groups, resamples=200)
        assert -1.0 <= found.low <= found.high <= 1.0
    assert design_effect(values, clusters) >= 0.0
    whole = np.round(values)
    check(clustered_binary_interval(whole, clusters, level), whole.mean())


@relaxed
@given(data=scores, level=levels)
def test_the_bootstrap_is_never_nan_and_knows_equal_sides(data, level):
    values, clusters = data
    base = np.stack([np.abs(values), np.ones_like(values)], axis=1)
    cand = np.stack([np.maximum(values, 0), np.ones_like(values)], axis=1)

    def mean(totals):
        return totals[..., 0] / totals[..., 1]

    for groups in (None, clusters):
        drawn = paired_bootstrap(base, cand, mean, np.random.default_rng(0), resamples=200, clusters=groups)
        found = drawn.interval(level)
        assert -1.0 <= found.low <= found.high <= 1.0
        p = randomisation_p(base, cand, mean, np.random.default_rng(0), permutations=100, clusters=groups)
        assert 0.0 < p <= 1.0
        assert randomisation_p(base, base, mean, np.random.default_rng(0), permutations=50, clusters=groups) == 1.0


@relaxed
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_only_grow_and_keep_their_order(p):
    order = np.argsort(p, kind="stable")
    for adjust in (holm, benjamini_hochberg):
        found = adjust(p)
        assert np.all(found >= np.array(p) - 1e-15)
        assert np.all(found <= 1.0)
        assert np.all(np.diff(found[order]) >= -1e-15)
    assert np.all(holm(p) >= benjamini_hochberg(p) - 1e-15)


@relaxed
@given(psi=st.floats(0.01, 1), n=st.integers(1, 5_000))
def test_more_pairs_show_smaller_effects_and_smaller_effects_need_more_pairs(psi, n):
    assert 0.0 < mde(psi, 2 * n, 0.05) <= mde(psi, n, 0.05) <= 1.0
    assert n_power(psi, 0.08, 0.05) >= n_power(psi, 0.10, 0.05) >= 1
    assert n_noninferiority(psi, 0.01, 0.05) >= n_noninferiority(psi, 0.02, 0.05) >= 1
