"""What a request costs on both sides, from the same samples."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from evalkit.costs.saving import Priced, why_unpriced
from evalkit.types import ModelSpec, Price, ValiditySpec
from evalkit.types.table import ScoreTable

PRICED = {
    r: ModelSpec(role=r, backend="outputs", price=Price(input=1.0, output=2.0)) for r in ("baseline", "candidate")
}


def table(base, cand, clusters=None):
    n = len(base)
    return ScoreTable(
        suite="s",
        sample_ids=tuple(map(str, range(n))),
        columns={},
        tallies={},
        clusters=None if clusters is None else np.array(clusters),
        slices={},
        both_answered=n,
        costs={"baseline": np.array(base, dtype=float), "candidate": np.array(cand, dtype=float)},
    )


def test_the_paired_t_interval_of_a_textbook():
    # Student's own data (1908, Biometrika 6:1, table p. 20): extra sleep under two drugs, ten patients. The mean of the
    # differences is 1.58, their standard deviation 1.23, t(0.975, 9) = 2.262.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = Priced.of(table(np.array(first) + 5, np.array(second) + 5)).difference(0.95)
    assert (found.point, found.low, found.high) == pytest.approx((1.58, 0.70, 2.46), abs=0.005)


def test_long_questions_cancel_out():
    length = np.random.default_rng(0).lognormal(0, 1.0, 200) * 1e-3
    paired = Priced.of(table(length, 0.5 * length + 1e-6)).difference(0.9)
    assert paired.low < paired.point < paired.high < 0
    constant = Priced.of(table(length, length - 2e-4)).difference(0.9)
    assert (constant.low, constant.high) == pytest.approx((-2e-4, -2e-4))


def test_rows_of_one_customer_are_one_fact():
    rng = np.random.default_rng(1)
    base, cand = np.full(200, 5e-3), np.repeat(rng.normal(3e-3, 1e-3, 20), 10).clip(0)
    alone = Priced.of(table(base, cand)).difference(0.9)
    together = Priced.of(table(base, cand, clusters=np.repeat(np.arange(20), 10))).difference(0.9)
    assert together.point == pytest.approx(alone.point)
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_what_is_not_known_is_left_out_and_never_counted_as_nothing():
    nan = float("nan")
    priced = Priced.of(table([1.0, nan, 3.0, 4.0, -9.0], [0.5, 1.0, nan, 2.0, 1.0]))
    assert len(priced) == 2
    assert priced.difference(0.9).point == -1.25
    assert Priced.of(table([1.0], [0.5])).difference(0.9) is None
    assert Priced.of(table([nan], [0.5])).difference(0.9) is None
    assert Priced.of(table([1.0, 2.0], [0.5, 0.1], clusters=[0, 0])).difference(0.9) is None


@given(st.lists(st.tuples(*[st.floats(0, 1e22)] * 2), min_size=2, max_size=20), st.floats(0.5, 0.99))
def test_bounds_hold_the_mean(pairs, level):
    found = Priced.of(table(*zip(*pairs, strict=True))).difference(level)
    assert found.low <= found.point <= found.high


def test_why_a_cost_is_unknown():
    asked = ValiditySpec(min_n=3)
    nan = float("nan")

    def why(base, cand, models=PRICED):
        found = table(base, cand)
        return why_unpriced(Priced.of(found), found, models, asked)

    free = PRICED | {"candidate": structs.replace(PRICED["candidate"], price=None, path=Path("a.jsonl"))}
    assert why([1, 2, 3], [nan] * 3, free) == "the suite names no price for the candidate"
    assert why([1, 2, 3], [nan] * 3) == "the answers of the candidate carry no token counts"
    assert "only 3 of the 4" in why([1, 2, 3, 4], [1, 2, 3, nan])
    assert "at least 3" in why([1, 2], [1, 2])
    assert not why([1, 2, 3], [0, 0, 0])
