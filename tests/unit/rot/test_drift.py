"""Distances between mixes, and that chance alone is told from drift."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.rot.drift import against_null, aligned, chi_squared, dealt, jensen_shannon, kolmogorov, psi, wasserstein
from evalkit.rot.language import UNKNOWN, language_of
from evalkit.rot.mixes import bucket, category_coverage, length_signal, mix_signal
from evalkit.rot.moment import seconds


def test_without_drift_the_folk_threshold_of_psi_is_noise_at_200_samples():
    rng = np.random.default_rng(5)
    left, right = (rng.multinomial(200, [0.1] * 10, size=20_000) for _ in range(2))
    found = psi(left, right)
    assert found.mean() == pytest.approx(0.092, abs=0.003)
    assert np.quantile(found, 0.95) == pytest.approx(0.174, abs=0.006)
    assert (found > 0.10).mean() == pytest.approx(0.37, abs=0.02)


def test_the_permutation_null_knows_that_noise():
    rng = np.random.default_rng(6)
    left, right = (rng.multinomial(200, [0.1] * 10) for _ in range(2))
    first, second = dealt(left, right, seed=1)
    assert (first.sum(axis=1) == 200).all()
    assert (first + second == left + right).all()
    assert against_null(0.0, psi(first, second)).null95 == pytest.approx(0.174, abs=0.02)


def test_p_is_right_under_no_drift():
    rng = np.random.default_rng(7)
    p_values = []
    for i in range(300):
        left, right = rng.multinomial(120, [0.25] * 4), rng.multinomial(90, [0.25] * 4)
        first, second = dealt(left, right, seed=i, draws=199)
        p_values.append(against_null(float(chi_squared(left, right)), chi_squared(first, second)).p_value)
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert min(p_values) >= 1 / 200


def test_distances_by_hand():
    left, right = np.array([10, 0, 0]), np.array([0, 0, 10])
    assert kolmogorov(left, right) == 1.0
    assert wasserstein(np.array([1.0, 2.0, 6.0]), left, right) == 5.0
    assert jensen_shannon(left, left) == 0.0
    # Fisher's cats: a 2 × 2 table with a known statistic, (ad − bc)² n / (row and column sums)
    assert chi_squared(np.array([10, 20]), np.array([20, 10])) == pytest.approx(60 * (100 - 400) ** 2 / (30**4))
    assert aligned({"b": 1, "a": 0}, {"c": 2, "a": 0})[0] == ["b", "c"]


def test_a_mix_is_red_amber_and_green_where_the_rules_say_so():
    even = {"a": 100, "b": 100}
    assert mix_signal("m", even, {"a": 1000, "b": 1000}, seed=1).light == "green"
    assert mix_signal("m", even, {"a": 1350, "b": 650}, seed=1).light == "amber"
    found = mix_signal("m", even, {"a": 1800, "b": 200}, seed=1)
    assert (found.light, found.p_value) == ("red", 0.001)
    assert "'a' makes 50 % here and 90 % in production" in found.sentence


def test_few_samples_far_apart_by_chance_stay_green():
    names = [str(i) for i in range(20)]
    rng = np.random.default_rng(3)
    lights = []
    for i in range(40):
        left, right = rng.multinomial(60, [0.05] * 20), rng.multinomial(60, [0.05] * 20)
        found = mix_signal("m", dict(zip(names, left, strict=True)), dict(zip(names, right, strict=True)), seed=i)
        assert found.value > 0.10  # the folk threshold would have cried each time
        lights.append(found.light)
    assert lights.count("green") >= 34


def test_one_category_and_none():
    assert mix_signal("m", {"a": 3}, {"a": 9}, seed=1).light == "green"
    assert mix_signal("m", {}, {"a": 9}, seed=1).light == "not_measured"
    assert length_signal({}, {3: 1}, seed=1).light == "not_measured"
    assert category_coverage({"a": 3}, {}).light == "not_measured"


def test_longer_texts_are_seen():
    rng = np.random.default_rng(2)

    def lengths(mean, n):
        values, counts = np.unique(rng.poisson(mean, n), return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))

    assert length_signal(lengths(12, 200), lengths(12, 5000), seed=1).light == "green"
    found = length_signal(lengths(12, 200), lengths(16, 5000), seed=1)
    assert found.light == "red"
    assert found.detail["wasserstein_words"] == pytest.approx(4, abs=0.7)


def test_lengths_fall_into_few_bins():
    assert len({bucket(n) for n in range(1_000_000)}) < 500


def test_a_category_the_suite_hardly_has_is_uncovered():
    found = category_coverage({"a": 50, "b": 4}, {"a": 80, "b": 12, "new": 8})
    assert (found.value, found.light) == (20.0, "red")
    assert found.detail["uncovered"] == {"b": 12, "new": 8}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I get my money back for the order?", "en"),
        ("Où est mon colis et pourquoi est-il en retard dans la livraison ?", "fr"),
        ("Где мой заказ?", "cyrillic"),
        ("退款在哪里", "zh"),
        ("", UNKNOWN),
        ("4711", UNKNOWN),
    ],
)
def test_languages(text, language):
    assert language_of(text) == language


@given(
    st.text(st.characters(max_codepoint=127), max_size=60), st.sampled_from(["", "The cat and I", "IST das_nicht der"])
)
def test_plain_text_is_read_as_any_other(drawn, known):
    text = f"{drawn} {known}"
    assert language_of(text) == language_of(f"{text} …")  # a sign that is no letter, and no ASCII


@pytest.mark.parametrize("moment", [1.7e9, 1.7e12, 1.7e15, 1.7e18, "1700000000", "2023-11-14T22:13:20Z"])
def test_moments_in_every_unit(moment):
    assert seconds(moment) == 1.7e9


@pytest.mark.parametrize("moment", [None, True, "", "soon", float("nan"), -3, [1], "1e999"])
def test_what_is_no_moment(moment):
    assert seconds(moment) is None
