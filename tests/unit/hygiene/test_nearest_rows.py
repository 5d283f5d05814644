"""The percentile of unrelated pairs, and the closest rows of a stream, against the plain way to compute them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.hygiene import semantic
from evalkit.hygiene.semantic import MIN_PAIRS, Nearest, threshold_of


def unit(seed, n, d=6):
    found = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def own(n):
    return [f"g{i}" for i in range(n)]


def test_the_percentile_is_that_of_pairs_of_different_groups():
    held, groups = unit(1, 12), own(6) * 2
    alike = [held[i] @ held[j] for i in range(12) for j in range(i) if groups[i] != groups[j]]
    assert threshold_of(held, groups, 90.0) == pytest.approx(np.quantile(alike, 0.9), abs=1e-6)


def test_a_text_that_stands_there_twice_does_not_raise_it():
    held = unit(2, 10)
    twice = np.concatenate([held, held])
    assert threshold_of(twice, own(20), 99.0) < 0.999
    assert threshold_of(twice, own(20), 99.0) == pytest.approx(threshold_of(held, own(10), 99.0), abs=0.05)


@pytest.mark.parametrize(("n", "is_told"), [(7, True), (6, False), (1, False)])
def test_too_few_pairs_tell_nothing(n, is_told):
    assert n * (n - 1) // 2 >= MIN_PAIRS or not is_told
    assert (threshold_of(unit(3, n), own(n), 99.0) is not None) == is_told


def test_samples_of_one_group_tell_nothing():
    assert threshold_of(unit(4, 40), ["one"] * 40, 99.0) is None


def test_of_many_samples_an_even_spread_is_looked_at(monkeypatch):
    whole = threshold_of(unit(5, 600), own(600), 99.0)
    monkeypatch.setattr(semantic, "MOST", 200)
    assert threshold_of(unit(5, 600), own(600), 99.0) == pytest.approx(whole, abs=0.05)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), block=st.integers(1, 40), k=st.integers(1, 6), copies=st.integers(1, 3))
def test_the_closest_of_a_stream_are_the_closest_of_all(seed, block, k, copies):
    held, rows = unit(seed, 5), unit(seed + 1, 30)
    texts = [f"text {i}" for i in range(30)] * copies
    rows = np.concatenate([rows] * copies)
    places = [f"t.jsonl:{i + 1}" for i in range(len(rows))]
    nearest = Nearest(own(5), held, 0.1, k)
    for i in range(0, len(rows), block):
        nearest.take(rows[i : i + block], places[i : i + block], texts[i : i + block])
    alike = rows[:30] @ held.T
    for sample in range(5):
        kept = [one for one in nearest.found() if one.sample == f"g{sample}"]
        best = [i for i in np.argsort(-alike[:, sample], kind="stable") if alike[i, sample] > 0.1][:k]
        assert [one.text for one in kept] == [f"text {i}" for i in best]
        assert all(one.where == f"t.jsonl:{i + 1}" for one, i in zip(kept, best, strict=True))
        assert all(one.score == pytest.approx(alike[i, sample], abs=1e-4) for one, i in zip(kept, best, strict=True))
