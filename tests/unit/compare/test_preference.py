import numpy as np
import pytest

from evalkit.compare.preference import Part, preference
from evalkit.stats.paired import mcnemar_exact, tango_interval


def part(signs, size=None, name="all", **more):
    return Part(name=name, size=len(signs) if size is None else size, signs=tuple(signs), **more)


def test_one_part_is_the_paired_interval_and_the_sign_test():
    signs = [1] * 30 + [-1] * 12 + [0] * 58
    found = preference([part(signs)])
    interval = tango_interval(30, 12, 100, 0.95)
    assert (found.wins, found.ties, found.losses) == (30, 58, 12)
    assert found.net == pytest.approx(0.18)
    assert (found.interval.low, found.interval.high) == pytest.approx((interval.low, interval.high))
    assert found.p_value == mcnemar_exact(30, 12)


def test_a_part_that_was_shown_more_often_than_it_occurs_is_weighed_back():
    often = part([1] * 40 + [-1] * 20, size=60, name="differs")
    rarely = part([0] * 54 + [1] * 3 + [-1] * 3, size=540, name="rest")
    found = preference([often, rarely])
    assert found.net == pytest.approx(0.1 * 20 / 60)
    plain = preference([part([*often.signs, *rarely.signs])])
    assert plain.net == pytest.approx(20 / 120)


def test_sizes_counted_in_a_small_run_are_less_sure_than_in_a_large_one():
    def width(size):
        strong, weak = part([1] * 27 + [0] * 3, size=size, name="differs"), part([0] * 30, size=size, name="rest")
        found = preference([strong, weak]).interval
        return found.high - found.low

    assert width(40) > width(400) > width(100_000)


def test_equal_answers_count_as_ties_that_are_known():
    asked = part([1] * 20 + [-1] * 5 + [0] * 5, size=100)
    found = preference([part([], size=300, name="equal", is_known=True), asked])
    assert found.net == pytest.approx(0.25 * 0.5)
    assert found.interval.high - found.interval.low < 0.5 * (preference([asked]).interval.high + 0.3)
    assert (found.wins, found.ties, found.losses) == (20, 5, 5)


def test_a_part_nobody_rated_leaves_the_whole_open():
    found = preference([part([1, 1, -1], name="differs"), part([], size=40, name="rest")])
    assert found.net is found.interval is found.p_value is None
    assert "rest" in found.note
    assert (found.wins, found.losses) == (2, 1)
    assert preference([part([], size=0), part([], size=9, is_known=True)]).note == "nothing is rated yet"


def test_samples_that_depend_on_each_other_widen_the_interval():
    signs = [1] * 10 + [-1] * 10 + [1] * 20
    alone = preference([part(signs, clusters=tuple(map(str, range(40))))])
    few = preference([part(signs, clusters=tuple(str(i // 10) for i in range(40)))])
    assert few.interval.low < alone.interval.low
    assert few.p_value > alone.p_value
    assert few.method == "tango, cluster-robust"


def test_the_interval_holds_the_truth_in_95_of_100_runs():
    rng = np.random.default_rng(20)
    truth = 0.8 * (0.25 * 0.35 + 0.75 * 0.10)
    held = 0
    for _ in range(400):
        kinds = rng.choice(["equal", "differs", "rest"], p=[0.2, 0.2, 0.6], size=300)
        sizes = {kind: int((kinds == kind).sum()) for kind in ("equal", "differs", "rest")}
        drawn = min(60, sizes["differs"])
        asked = {"differs": (drawn, [0.55, 0.25, 0.20]), "rest": (120 - drawn, [0.2, 0.7, 0.1])}
        parts = [
            part(rng.choice([1, 0, -1], p=p, size=n).tolist(), size=sizes[kind], name=kind)
            for kind, (n, p) in asked.items()
        ]
        found = preference([part([], size=sizes["equal"], is_known=True), *parts])
        held += found.interval.low <= truth <= found.interval.high
    assert held >= 0.93 * 400
