import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from evalkit.stats.controlled import controlled_difference
from evalkit.stats.correction import (
    Confusion,
    Labelled,
    differs_by_side,
    ppi_difference,
    rogan_gladen,
    rogan_gladen_difference,
)

counts = st.integers(0, 40)
shares = st.lists(st.sampled_from([0.0, 1.0]), min_size=30, max_size=60)


def coins(draw, n, p):
    return (draw.random(n) < p).astype(float)


@given(a=counts, b=counts, c=counts, d=counts)
def test_fisher_equals_scipys(a, b, c, d):
    assume(a + b and c + d)
    ours, none = differs_by_side(Confusion(tp=a, fn=b), Confusion(tp=c, fn=d))
    assert ours == pytest.approx(fisher_exact([[a, b], [c, d]]).pvalue, rel=1e-6)
    assert none is None


@given(tp=counts, fn=counts, fp=counts, tn=counts, share=st.floats(0, 1))
def test_rogan_gladen_stays_a_share_or_says_nothing(tp, fn, fp, tn, share):
    found = rogan_gladen(share, Confusion(tp=tp, fn=fn, fp=fp, tn=tn))
    assert found is None or 0.0 <= found <= 1.0
    if not (tp + fn and fp + tn):
        assert found is None


def test_a_judge_that_guesses_corrects_nothing():
    guess = Confusion(tp=55, fn=45, fp=45, tn=55)
    assert rogan_gladen(0.5, guess) is None
    ones = np.tile([0.0, 1.0], 20)
    assert rogan_gladen_difference(ones, 1 - ones, guess) is None


def test_a_perfect_judge_is_left_as_it_is_but_never_without_doubt():
    draw = np.random.default_rng(0)
    base, cand = coins(draw, 200, 0.5), coins(draw, 200, 0.7)
    found = rogan_gladen_difference(base, cand, Confusion(tp=100, tn=100))
    assert found.delta == pytest.approx(cand.mean() - base.mean())
    raw = (cand - base).std(ddof=1) / 200**0.5
    assert found.error > raw
    assert found.error == pytest.approx(raw, rel=0.05)
    same = rogan_gladen_difference(base, base, Confusion(tp=100, tn=100))
    assert same.interval(0.95).low < 0.0 < same.interval(0.95).high


def test_labels_of_everything_are_the_answer_whatever_the_judge_says():
    draw = np.random.default_rng(1)
    base, cand = coins(draw, 80, 0.5), coins(draw, 80, 0.7)
    labels = Labelled(rows=np.arange(80), baseline=base, candidate=cand)
    found = ppi_difference(1 - base, 1 - cand, labels)
    assert (found.baseline, found.candidate) == pytest.approx((base.mean(), cand.mean()))
    assert found.error == pytest.approx((cand - base).std(ddof=1) / 80**0.5)


def test_a_useless_judge_is_hardly_listened_to_and_a_good_one_narrows_the_interval():
    draw = np.random.default_rng(2)
    base, cand = coins(draw, 1000, 0.5), coins(draw, 1000, 0.7)
    rows = draw.choice(1000, 100, replace=False)
    labels = Labelled(rows=rows, baseline=base[rows], candidate=cand[rows])
    alone = (cand - base)[rows].std(ddof=1) / 10.0
    useless = ppi_difference(coins(draw, 1000, 0.5), coins(draw, 1000, 0.5), labels)
    assert useless.weight < 0.3
    assert useless.error < 1.05 * alone
    good = ppi_difference(base, np.where(draw.random(1000) < 0.95, cand, 1 - cand), labels)
    assert good.weight > 0.6
    assert good.error < 0.65 * alone


def test_weights_undo_labels_that_were_picked_from_where_the_sides_differ():
    draw = np.random.default_rng(4)
    deltas = []
    for _ in range(200):
        base, cand = coins(draw, 400, 0.5), coins(draw, 400, 0.6)
        chance = np.where(base != cand, 0.5, 0.1)
        rows = np.flatnonzero(draw.random(400) < chance)
        labels = Labelled(rows=rows, baseline=base[rows], candidate=cand[rows], weights=1 / chance[rows])
        zeros = np.zeros(400)
        deltas.append(ppi_difference(zeros, zeros, labels).delta)
    assert np.mean(deltas) == pytest.approx(0.1, abs=0.015)


def test_a_judge_that_is_right_adds_the_samples_nobody_labelled_however_the_labelled_ones_were_picked():
    """All that differ are labelled and a tenth of the rest, as a rating page does: the other rest is no picture."""
    differences = np.repeat([1.0, -1.0, 0.0], [60, 20, 320])
    base, cand = (1.0 - differences) / 2.0, (1.0 + differences) / 2.0
    rows = np.concatenate([np.arange(60), np.arange(80, 400, 10)])
    weights = np.repeat([80 / 60, 10.0], [60, 32])
    found = ppi_difference(base, cand, Labelled(rows=rows, baseline=base[rows], candidate=cand[rows], weights=weights))
    assert found.delta == pytest.approx(0.1)


def test_items_that_are_certain_are_neither_asked_about_nor_forgotten():
    """Of 100 pairs 40 are equal; people prefer the candidate on half of the others, of which half are labelled."""
    ties, rows = np.full(100, 0.5), np.arange(30)
    prefers = np.tile([1.0, 0.5], 15)
    labels = Labelled(rows=rows, baseline=1 - prefers, candidate=prefers, certain=np.arange(60, 100))
    found = ppi_difference(ties, ties, labels)
    assert (found.delta, found.freedom) == (pytest.approx(0.6 * 0.5), 29)
    assert found.baseline + found.candidate == pytest.approx(1.0)
    alone = ppi_difference(ties[:60], ties[:60], Labelled(rows=rows, baseline=1 - prefers, candidate=prefers))
    assert 0.6 * alone.error < found.error < alone.error
    lost = np.where(np.arange(100) >= 60, 0.0, 0.5), np.where(np.arange(100) >= 60, 1.0, 0.5)
    assert ppi_difference(lost[1], lost[0], labels).delta == pytest.approx(0.6 * 0.5 - 0.4)


def test_items_of_one_cluster_count_once():
    draw = np.random.default_rng(5)
    base, cand = coins(draw, 60, 0.5), coins(draw, 60, 0.7)
    double = np.repeat(np.arange(60), 4)
    rows = np.flatnonzero(double < 30)
    labels = Labelled(rows=rows, baseline=base[double][rows], candidate=cand[double][rows])
    clustered = ppi_difference(base[double], cand[double], labels, double)
    plain = ppi_difference(base, cand, Labelled(rows=np.arange(30), baseline=base[:30], candidate=cand[:30]))
    assert clustered.error == pytest.approx(plain.error)
    assert clustered.freedom == plain.freedom == 29
    table = Confusion(tp=900, fn=100, fp=100, tn=900)
    both = rogan_gladen_difference(base[double], cand[double], table, double)
    assert both.error == pytest.approx(rogan_gladen_difference(base, cand, table).error)


def test_labels_that_never_differ_still_leave_doubt():
    zeros = np.zeros(100)
    found = ppi_difference(zeros, zeros, Labelled(rows=np.arange(50), baseline=zeros[:50], candidate=zeros[:50]))
    assert found.delta == 0.0
    assert found.interval(0.9).low < -0.01
    one = ppi_difference(
        zeros, zeros, Labelled(rows=np.arange(50), baseline=zeros[:50], candidate=zeros[:50]), np.repeat([0, 1], 50)
    )
    assert one.freedom == 1
    with pytest.raises(ValueError, match="at least two"):
        ppi_difference(zeros, zeros, Labelled(rows=np.arange(1), baseline=zeros[:1], candidate=zeros[:1]))


def test_the_sides_own_error_rates_matter_where_they_differ():
    """Of each side exactly half is good; the judge passes more of the candidate's bad answers."""
    base = np.repeat([1.0, 0.0, 1.0, 0.0], [90, 10, 20, 80])
    cand = np.repeat([1.0, 0.0, 1.0, 0.0], [90, 10, 60, 40])
    fair, fooled = Confusion(tp=90, fn=10, fp=20, tn=80), Confusion(tp=90, fn=10, fp=60, tn=40)
    assert rogan_gladen_difference(base, cand, {"baseline": fair, "candidate": fooled}).delta == pytest.approx(0.0)
    assert rogan_gladen_difference(base, cand, fair.plus(fooled)).delta > 0.3
    assert differs_by_side(fair, fooled)[1] < 0.001


@given(seed=st.integers(0, 1000), is_clustered=st.booleans())
def test_the_controlled_difference_is_statsmodels_cluster_robust_intercept(seed, is_clustered):
    draw = np.random.default_rng(seed)
    features = draw.normal(0.4, 1.0, (60, 2))
    d = 0.1 + features @ [0.3, -0.1] + draw.normal(0, 0.3, 60)
    clusters = np.repeat(np.arange(15), 4) if is_clustered else np.arange(60)
    found = controlled_difference(d, features, clusters if is_clustered else None)
    fitted = sm.OLS(d, sm.add_constant(features)).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert found.delta == pytest.approx(fitted.params[0])
    assert found.error == pytest.approx(fitted.bse[0])


def test_a_gain_that_is_all_length_is_gone_at_equal_length():
    draw = np.random.default_rng(7)
    longer = draw.normal(200.0, 80.0, 300)
    d = 0.001 * longer + draw.normal(0, 0.2, 300)
    found = controlled_difference(d, longer[:, None])
    assert d.mean() > 0.15
    assert found.interval(0.95).low < 0.0 < found.interval(0.95).high


def test_nothing_to_control_for_is_said():
    d = np.linspace(-1, 1, 30)
    assert controlled_difference(d, np.full((30, 2), 3.0)) is None
    assert controlled_difference(d[:3], np.eye(3)[:, :2]) is None
    assert controlled_difference(np.zeros(0), np.zeros((0, 2))) is None
