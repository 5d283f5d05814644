from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.hygiene.splitting import CannotSplitError, by_cluster, by_order, clusters_of

ROWS = st.integers(min_value=2, max_value=80).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(st.sampled_from([f"g{i}" for i in range(12)]), min_size=n, max_size=n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=6),
        st.lists(st.sampled_from("ab"), min_size=n, max_size=n),
    )
)


@settings(max_examples=40)
@given(ROWS, st.sampled_from([0.1, 0.2, 0.5]), st.integers(0, 3))
def test_no_group_is_on_both_sides_nothing_is_lost_and_it_is_the_same_each_time(rows, test, seed):
    n, groups, pairs, strata = rows
    clusters = clusters_of(n, groups, pairs)
    copies = {n - 1: 0} if n > 4 else {}
    try:
        found = by_cluster(clusters, groups, strata, copies, test=test, seed=seed)
    except CannotSplitError:
        return
    assert sorted([*found.train, *found.evaluation, *found.dropped]) == list(range(n))
    assert not {groups[i] for i in found.train} & {groups[i] for i in found.evaluation}
    sides = dict.fromkeys(found.train, "train") | dict.fromkeys(found.evaluation, "eval")
    assert all(sides[a] == sides[b] for a, b in pairs if a in sides and b in sides)
    assert found.train
    assert found.evaluation
    assert found == by_cluster(clusters, groups, strata, copies, test=test, seed=seed)


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 20).map(float), min_size=2, max_size=60),
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1))),
)
def test_by_time_all_that_is_evaluated_is_newer_than_all_that_is_trained_on(times, pairs):
    clusters = clusters_of(len(times), [None] * len(times), pairs)
    try:
        found = by_order(times, clusters, {}, test=0.3)
    except CannotSplitError:
        return
    assert max(times[i] for i in found.train) < min(times[i] for i in found.evaluation)
    assert sorted([*found.train, *found.evaluation, *found.dropped]) == list(range(len(times)))
    assert not {clusters[i] for i in found.train} & {clusters[i] for i in found.evaluation}


def test_strata_keep_their_mix():
    strata = ["a"] * 400 + ["b"] * 100
    found = by_cluster(list(range(500)), ["g"] * 500, strata, {}, test=0.2, seed=1)
    assert Counter(strata[i] for i in found.evaluation) == {"a": 80, "b": 20}


def test_the_seed_draws_other_rows():
    drawn = {
        by_cluster(list(range(50)), ["g"] * 50, [""] * 50, {}, test=0.2, seed=seed).evaluation for seed in range(5)
    }
    assert len(drawn) == 5


@pytest.mark.parametrize(
    ("clusters", "groups", "said"),
    [
        ([0] * 10, "aaaaaaaaaa", "hang together in one cluster, .*: 10 of these rows have one value in that column"),
        ([0] * 10, "abcdefghij", "hang together in one cluster, .*: near-copies tie 10 values of that column together"),
        ([0] * 9 + [9], "aaaaaaabbc", "keeps clusters whole; the largest cluster has 9 rows .*: 7 of these rows have"),
        ([0] * 9 + [9], "aaaabbbbbc", "the largest cluster has 9 rows and stays whole: 5 of these rows have one value"),
        ([0] * 9 + [9], "aabbccddde", "the largest cluster has 9 rows and stays whole: near-copies tie 4 values"),
    ],
)
def test_what_cannot_be_split_is_said_with_what_holds_it_together(clusters, groups, said):
    with pytest.raises(CannotSplitError, match=said):
        by_cluster(clusters, groups, [""] * 10, {}, test=0.4, seed=1)


def test_one_row_is_held_together_by_nothing():
    with pytest.raises(CannotSplitError, match=r"held out from the others$"):
        by_cluster([0, 0], "aa", "xx", {1: 0}, test=0.4, seed=1)
    with pytest.raises(CannotSplitError, match="there are no rows"):
        by_cluster([], "", "", {}, test=0.4, seed=1)


def test_one_time_has_no_before_and_after():
    with pytest.raises(CannotSplitError, match="no before and after"):
        by_order([1.0] * 5, list(range(5)), {}, test=0.2)
