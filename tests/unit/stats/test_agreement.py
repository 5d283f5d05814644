import itertools
import json
import math
import time
import warnings
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from evalkit.stats.agreement import (
    agreement,
    cohen_kappa,
    crossed,
    gwet_ac1,
    jackknife_interval,
    krippendorff_alpha,
    percent_agreement,
    tallied,
)

RATINGS = Path(__file__).parents[2] / "corpora" / "ratings_by_20_people.jsonl"
# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C: 12 units, 4 observers.
UNITS = ["11_1", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "_555", "__11", "_3__"]
TEXTBOOK = [[None if cell == "_" else cell for cell in unit] for unit in UNITS]

ratings = st.integers(2, 5).flatmap(
    lambda raters: st.lists(
        st.lists(st.sampled_from(["1", "2", "3", "4", None]), min_size=raters, max_size=raters),
        min_size=2,
        max_size=25,
    )
)


def test_percent_and_ac1_of_the_textbook_example_are_those_of_the_reference_package_irrcac():
    counts = tallied(TEXTBOOK, "12345")
    assert percent_agreement(counts) == pytest.approx(0.8181818, abs=1e-6)
    assert gwet_ac1(counts) == pytest.approx(0.77544, abs=1e-5)


def test_all_figures_at_once_on_the_textbook_example():
    found = agreement(TEXTBOOK, "12345", "nominal")
    assert (found.n_items, found.n_raters) == (11, 4)
    assert found.alpha == pytest.approx(0.743, abs=5e-4)
    assert found.ac1_interval.low < found.ac1 < found.ac1_interval.high
    pairs = itertools.combinations(range(4), 2)
    mean = np.mean(
        [cohen_kappa(crossed([r[a] for r in TEXTBOOK], [r[b] for r in TEXTBOOK], "12345")) for a, b in pairs]
    )
    assert found.kappa == pytest.approx(mean)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
@given(pairs=st.lists(st.tuples(st.sampled_from("1234"), st.sampled_from("1234")), min_size=2, max_size=40))
def test_kappa_equals_scikit_learns(weights, pairs):
    first, second = [p[0] for p in pairs], [p[1] for p in pairs]
    ours = cohen_kappa(crossed(first, second, "1234"), weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = cohen_kappa_score(first, second, labels=list("1234"), weights=weights)
    assert ours is None if math.isnan(theirs) else ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval"])
@given(rows=ratings)
def test_alpha_equals_the_krippendorff_package(scale, rows):
    rated = {cell for row in rows if sum(c is not None for c in row) > 1 for cell in row if cell is not None}
    ours = krippendorff_alpha(tallied(rows, "1234"), scale, [1.0, 2.0, 3.0, 4.0])
    if len(rated) < 2:
        assert ours is None
        return
    matrix = [[np.nan if cell is None else float(cell) for cell in column] for column in zip(*rows, strict=True)]
    assert ours == pytest.approx(krippendorff.alpha(reliability_data=matrix, level_of_measurement=scale), abs=1e-9)


@given(rows=ratings)
def test_ac1_is_what_its_definition_says_rating_by_rating(rows):
    pairable = [[c for c in row if c is not None] for row in rows if sum(c is not None for c in row) > 1]
    assume(pairable)
    equal = [np.mean([a == b for a, b in itertools.combinations(row, 2)]) for row in pairable]
    rated = [[c for c in row if c is not None] for row in rows if any(c is not None for c in row)]
    share = {k: np.mean([row.count(k) / len(row) for row in rated]) for k in "1234"}
    chance = sum(s * (1 - s) for s in share.values()) / 3
    assert gwet_ac1(tallied(rows, "1234")) == pytest.approx((np.mean(equal) - chance) / (1 - chance))


@given(rows=ratings, seed=st.randoms(use_true_random=False))
def test_the_order_of_raters_and_items_changes_nothing(rows, seed):
    before = tallied(rows, "1234")
    columns = list(zip(*rows, strict=True))
    seed.shuffle(columns)
    shuffled = [list(row) for row in zip(*columns, strict=True)]
    seed.shuffle(shuffled)
    after = tallied(shuffled, "1234")
    for statistic in (percent_agreement, gwet_ac1, lambda c: krippendorff_alpha(c, "ordinal")):
        assert statistic(before) == pytest.approx(statistic(after)) if statistic(before) is not None else True


def test_what_cannot_be_told_is_none_and_never_zero():
    alone = tallied([["a", None], [None, "b"]], "ab")
    assert percent_agreement(alone) is None
    assert gwet_ac1(alone) is None
    assert krippendorff_alpha(alone, "nominal") is None
    assert cohen_kappa(crossed(["a", None], [None, "b"], "ab")) is None
    same = agreement([["a", "a"]] * 5, "ab", "nominal")
    assert (same.percent, same.ac1, same.kappa, same.alpha) == (1.0, 1.0, None, None)
    assert agreement([], "ab", "nominal").n_items == 0


def test_perfect_agreement_of_few_items_is_no_proof_of_it():
    found = jackknife_interval(tallied([["a", "a"], ["b", "b"]] * 5, "ab"), gwet_ac1, 0.95)
    assert found.high == 1.0
    assert found.low < 0.8
    assert jackknife_interval(tallied([["a", "a"]] * 2, "ab"), gwet_ac1, 0.95) is None


def test_the_interval_holds_the_true_agreement_about_as_often_as_it_says():
    draw = np.random.default_rng(5)
    hits = 0
    truth = (0.85 - 0.5) / 0.5
    for _ in range(400):
        first = draw.integers(0, 2, 300)
        second = np.where(draw.random(300) < 0.85, first, 1 - first)
        found = jackknife_interval(tallied(list(zip(first, second, strict=True)), (0, 1)), gwet_ac1, 0.95)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="'c' is none of the categories a, b"):
        tallied([["a", "c"]], "ab")
    with pytest.raises(ValueError, match="none of the categories"):
        crossed(["a"], ["c"], "ab")
    with pytest.raises(ValueError, match="at least two categories"):
        gwet_ac1(tallied([["a", "a"]], "a"))
    with pytest.raises(ValueError, match="number of each"):
        krippendorff_alpha(tallied([["a", "b"]], "ab"), "interval")


def test_twenty_people_on_three_hundred_real_sentences():
    """Marks from -4 to 4 for product reviews: the first 300 of Hutto & Gilbert 2014 (ICWSM), vaderSentiment 3.3.2, MIT.

    People agree far better on the order than on the exact mark, which is what an ordinal alpha is for.
    """
    rows = [json.loads(line) for line in RATINGS.read_text().splitlines()]
    marks = list(range(-4, 5))
    counts = tallied(rows, marks)
    assert counts.shape == (300, 9)
    assert (counts.sum(axis=1) == 20).all()
    found = {scale: krippendorff_alpha(counts, scale, marks) for scale in ("nominal", "ordinal", "interval")}
    whole = {"value_counts": counts.astype(int), "value_domain": marks}
    theirs = {scale: krippendorff.alpha(**whole, level_of_measurement=scale) for scale in found}
    assert found == pytest.approx(theirs)
    assert found["nominal"] < 0.45
    assert found["ordinal"] > 0.75
    signs = tallied([["-" if mark < 0 else "+" if mark > 0 else "0" for mark in row] for row in rows], "-0+")
    bounds = jackknife_interval(signs, gwet_ac1, 0.95)
    assert percent_agreement(signs) > gwet_ac1(signs) > krippendorff_alpha(signs, "nominal")
    assert bounds.high - bounds.low < 0.1


def test_a_crowd_of_which_each_rates_a_few_items_is_measured_in_time():
    """Half a second here; looking at every two of 800 raters, with an item in common or not, takes half a minute."""
    rows = [[str((i + rater) % 2) if 2 * i <= rater < 2 * i + 6 else None for rater in range(800)] for i in range(400)]
    before = time.perf_counter()
    found = agreement(rows, "01", "nominal")
    assert time.perf_counter() - before < 8.0
    assert (found.n_items, found.n_raters) == (400, 800)
