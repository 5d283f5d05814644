"""What past runs say of a suite."""

import numpy as np
import pytest

from evalkit.rot.seen import (
    Rechecked,
    System,
    age_signal,
    dead_signal,
    headroom_signal,
    label_signal,
    moved_signal,
    reuse_signal,
    telling_signal,
)


def systems(table, answers=None):
    """One system a column; samples are named by their row."""
    return [
        System(
            name=f"m{j}",
            scores={f"s{i}": float(row[j]) for i, row in enumerate(table)},
            answers={f"s{i}": str(row[j]) for i, row in enumerate(answers)} if answers is not None else {},
        )
        for j in range(len(table[0]))
    ]


@pytest.mark.parametrize(
    ("newest", "approved", "light"),
    [(10, None, "green"), (90, None, "amber"), (200, None, "red"), (200, 20, "green"), (None, None, "not_measured")],
)
def test_age(newest, approved, light):
    assert age_signal(newest, approved).light == light


@pytest.mark.parametrize(("points", "light"), [(80.0, "green"), (91.0, "amber"), (96.0, "red"), (None, "not_measured")])
def test_headroom(points, light):
    assert headroom_signal(points, 5.0).light == light


def test_a_suite_that_asks_for_more_than_is_left_is_red():
    assert headroom_signal(80.0, 25.0).light == "red"


def test_samples_that_all_solve_or_none_are_dead():
    table = [[1] * 5] * 7 + [[0] * 5] * 1 + [[1, 0, 1, 0, 1]] * 2
    found = dead_signal(systems(table))
    assert (found.value, found.light) == (80.0, "red")
    assert found.detail["solved_by_none"] == ["s7"]
    assert dead_signal(systems([row[:4] for row in table])).light == "not_measured"


def test_discrimination_is_the_mean_item_rest_correlation():
    rng = np.random.default_rng(1)
    ability = np.linspace(0.2, 0.9, 6)
    table = (rng.random((80, 6)) < ability).astype(int).tolist()
    found = telling_signal(systems(table))
    scores = np.array(table, dtype=float)
    by_hand = [np.corrcoef(row, scores.sum(axis=0) - row)[0, 1] for row in scores if row.std() > 0]
    assert found.value == pytest.approx(np.mean(by_hand))
    assert found.light == "green"
    noise = (rng.random((300, 6)) < 0.5).astype(int).tolist()
    assert telling_signal(systems(noise)).light in {"amber", "red"}


def test_models_that_agree_against_a_label_send_it_to_a_person():
    table = [[1, 1, 1]] * 20 + [[0, 0, 0]] * 2
    answers = [["right"] * 3] * 20 + [["same", "same", "same"], ["x", "y", "z"]]
    found = label_signal(systems(table, answers))
    assert found.detail["look_again"] == ["s20"]
    assert found.light == "amber"
    assert label_signal(systems(table)).light == "not_measured"


@pytest.mark.parametrize(
    ("n", "n_wrong", "light", "value"),
    [(60, 3, "red", 5.0), (3, 3, "red", 100.0), (61, 3, "amber", 300 / 61), (200, 3, "green", 1.5),
     (3, 0, "green", 0.0), (8, 1, "amber", 12.5), (2, 2, "amber", 100.0), (60, 1, "green", 5 / 3)],
)  # fmt: skip
def test_three_labels_that_people_found_wrong_are_red_from_5_percent_on_and_fewer_are_amber(n, n_wrong, light, value):
    names = [f"s{i}" for i in range(n)]
    found = label_signal([], Rechecked(samples=frozenset(names), wrong=names[:n_wrong], n_all=400))
    assert (found.light, found.value, found.red) == (light, pytest.approx(value), 5.0)
    looked_at = f"of the {n} that people looked at (the suspected ones first; {n / 4:.1f} % of all 400 samples)"
    assert f"{n_wrong} {looked_at} {'is' if n_wrong == 1 else 'are'} wrong" in found.sentence
    assert found.detail["wrong"] == names[:n_wrong]


def test_what_people_looked_at_is_no_longer_suspected():
    table = [[1, 1, 1]] * 18 + [[0, 0, 0]] * 2
    answers = [["right"] * 3] * 18 + [["same"] * 3] * 2
    found = label_signal(systems(table, answers), Rechecked(samples=frozenset({"s18"})))
    assert (found.light, found.detail["look_again"]) == ("amber", ["s19"])
    assert (found.value, found.statistic) == (0.0, "% of labels looked at again")
    settled = label_signal(systems(table, answers), Rechecked(samples=frozenset({"s18", "s19"})))
    assert (settled.light, settled.detail["look_again"]) == ("green", [])


@pytest.mark.parametrize(("uses", "light"), [(0, "green"), (9, "green"), (10, "amber"), (20, "red")])
def test_reuse(uses, light):
    assert reuse_signal(uses).light == light


def test_a_new_snapshot_asks_for_the_baseline_again():
    assert moved_signal(["a", "a"], []).light == "green"
    assert moved_signal(["a", "", "b"], []).light == "amber"
    assert "judge" in moved_signal(["a", "a"], ["j1", "j2"]).sentence
    assert moved_signal([], []).light == "not_measured"


def test_a_sample_one_run_has_not_seen_is_left_out_and_no_zero():
    table = [[1] * 5, [0, 1, 1, 1, 1]]
    five = systems(table)
    five[0] = System(name="m0", scores={"s0": 1.0})
    assert dead_signal(five).value == 100.0


def test_models_that_share_no_scored_sample_are_not_compared():
    apart = [System(name=f"m{i}", scores={f"s{i}": 1.0}) for i in range(5)]
    assert dead_signal(apart).light == telling_signal(apart).light == "not_measured"
