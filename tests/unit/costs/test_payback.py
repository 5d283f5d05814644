"""The worked case, digit by digit, and everything that keeps a payback from being known."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.costs.payback import Bill, bills, costs_of
from evalkit.types import (
    Amount,
    EconomicsSpec,
    GateSpec,
    ModelSpec,
    Price,
    PrimarySpec,
    Sample,
    Suite,
)
from evalkit.types.table import ScoreTable

# The case practitioners work through when they ask whether a tune is worth it: 10,000 support tickets a day in 30
# classes. Frontier model and prompt: 92 %, $0.005 a request, $18K a year. Tuned small model: 94 %, $0.0003 a request,
# $1.1K a year; about $200 of training, "payback in about 5 days", "$17K a year saved". Its own 10 hours of tuning and
# one to four weeks of labelling are named and not counted there; at $100 an hour they are the second and third line.
CASE = EconomicsSpec(requests_per_day=10_000, training_usd=200, tuning_hours=10, labelling_hours=40, usd_per_hour=100)


def suite(economics=CASE, *, is_priced=True, **gate):
    price = Price(input=1.0, output=1.0) if is_priced else None
    return Suite(
        name="s",
        path=Path("suite.yaml"),
        root=Path(),
        samples=(Sample(id="0", fields={}),),
        dataset_path=Path("samples.jsonl"),
        dataset_sha256="0" * 64,
        is_locked=False,
        models={r: ModelSpec(role=r, backend="outputs", price=price) for r in ("baseline", "candidate")},
        metrics=(),
        gate=GateSpec(primary=PrimarySpec(metric="exact"), intent="cost", **gate),
        economics=economics,
    )


def table(base=0.005, cand=0.0003, n=200):
    sides = {"baseline": base, "candidate": cand}
    return ScoreTable(
        suite="s",
        sample_ids=tuple(map(str, range(n))),
        columns={},
        tallies={},
        clusters=None,
        slices={},
        both_answered=n,
        costs={role: np.broadcast_to(np.asarray(cost, dtype=float), (n,)) for role, cost in sides.items()},
    )


def test_the_worked_case():
    found = costs_of(table(), suite())
    year = [365 * 10_000 * each for each in (found.baseline, found.candidate)]
    assert year == pytest.approx([18_250, 1_095])
    assert found.saved_per_day.point == pytest.approx(47.0)
    assert found.saved_per_day.times(365).point == pytest.approx(17_155)
    money, hours, labels = (line.days.point for line in found.lines)
    assert money == pytest.approx(4.26, abs=0.005)
    assert math.ceil(money) == 5  # paid back on the fifth day
    assert hours == pytest.approx(29.7, abs=0.05)
    assert labels == pytest.approx(129, abs=0.5)
    four_weeks = costs_of(table(), suite(EconomicsSpec(**{**_given(CASE), "labelling_hours": 160})))
    assert four_weeks.payback.days.point == pytest.approx(425, abs=0.5)
    assert found.upkeep_per_day == pytest.approx(6.57, abs=0.005)
    assert found.payback.days == found.lines[-1].days
    assert found.payback.state == "regressed"


def _given(spec):
    return {name: getattr(spec, name) for name in spec.__struct_fields__}


def test_the_same_without_labelling_is_in_time():
    found = costs_of(table(), suite(EconomicsSpec(**{**_given(CASE), "labelling_hours": 0})))
    assert found.payback.state == "held"
    assert found.break_even.point == pytest.approx((1200 / 90 + 6.5703) / 0.0047, rel=1e-4)
    assert found.break_even_upkeep.point == pytest.approx(6.5703 / 0.0047, rel=1e-4)
    at_break_even = EconomicsSpec(**{**_given(CASE), "labelling_hours": 0, "requests_per_day": found.break_even.point})
    assert costs_of(table(), suite(at_break_even)).payback.days.point == pytest.approx(90)


def test_other_assumptions():
    found = costs_of(table(), suite(EconomicsSpec(**{**_given(CASE), "labelling_hours": 0})))
    upkeep = found.upkeep_per_day
    assert [line.days.point for line in found.sensitivity] == pytest.approx(
        [1200 / (net - upkeep) for net in (23.5, 94.0, 10_000 * (0.0025 - 0.0003), 10_000 * (0.005 - 0.00045))]
    )


def test_the_range_of_the_payback_is_the_range_of_the_saving():
    rng = np.random.default_rng(0)
    found = costs_of(table(base=0.005 + rng.normal(0, 0.004, 200).clip(-0.005), cand=0.003), suite())
    days, saved = found.payback.days, found.saved_per_day
    assert saved.low < saved.point < saved.high
    ends = [5200 / (saving - found.upkeep_per_day) for saving in (saved.high, saved.point, saved.low)]
    assert (days.low, days.point, days.high) == pytest.approx(ends)
    narrow = costs_of(table(base=0.005 + rng.normal(0, 0.004, 200).clip(-0.005), cand=0.003), suite(alpha=0.2))
    assert narrow.payback.days.high - narrow.payback.days.low < days.high - days.low


def test_a_dearer_candidate_never_pays():
    found = costs_of(table(base=0.001, cand=0.002), suite())
    assert found.payback.days == Amount(point=math.inf, low=math.inf, high=math.inf)
    assert found.payback.state == "regressed"
    assert found.break_even.low == math.inf
    upkeep_eats_it = costs_of(table(), suite(EconomicsSpec(**{**_given(CASE), "requests_per_day": 1000})))
    assert upkeep_eats_it.payback.days.low == math.inf
    hosting_eats_it = costs_of(table(), suite(EconomicsSpec(**{**_given(CASE), "hosting_usd_per_day": 48})))
    assert hosting_eats_it.payback.days.low == math.inf


def test_nothing_is_paid_back_in_no_time():
    at_once = costs_of(table(), suite(EconomicsSpec(**{**_given(CASE), "max_payback_days": 0})))
    assert at_once.payback.state == "regressed"
    assert at_once.break_even.low == math.inf
    free = EconomicsSpec(requests_per_day=10, training_usd=0, max_payback_days=0)
    assert costs_of(table(), suite(free)).payback.state == "held"
    assert costs_of(table(), suite(free)).break_even.point == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (None, "no `economics` section"),
        ({"requests_per_day": None}, "economics.requests_per_day"),
        ({"training_usd": None, "tuning_hours": None, "labelling_hours": None}, "what the change costs"),
        ({"usd_per_hour": None}, "economics.usd_per_hour"),
    ],
)
def test_what_the_suite_does_not_say_is_not_taken_for_nothing(change, why):
    spec = None if change is None else EconomicsSpec(**{**_given(CASE), **change})
    found = costs_of(table(), suite(spec))
    assert found.payback.state == "not_measured"
    assert why in found.payback.why
    assert found.difference.point == pytest.approx(-0.0047)  # what a request costs is known all the same
    assert found.lines == ()


def test_unknown_costs_give_no_payback():
    for unknown in (costs_of(table(base=np.nan), suite()), costs_of(table(), suite(is_priced=False))):
        assert unknown.payback.state == "not_measured"
        assert unknown.payback.days is None
        assert unknown.payback.why == unknown.why_unpriced != ""
    assert "at least 30" in costs_of(table(n=29), suite()).payback.why
    assert costs_of(table(n=0), suite()).baseline is None


def test_only_what_is_stated_is_counted():
    only = EconomicsSpec(requests_per_day=10, training_usd=200)
    assert bills(only) == (("the money for training alone", Bill(upfront=200)),)
    free_hours = EconomicsSpec(requests_per_day=10, training_usd=200, tuning_hours=0)
    assert [bill for _, bill in bills(free_hours)] == [Bill(upfront=200), Bill(upfront=200)]


amounts = st.floats(0, 1e12)


@given(
    st.builds(
        EconomicsSpec,
        requests_per_day=amounts, training_usd=amounts, tuning_hours=amounts, labelling_hours=amounts,
        usd_per_hour=amounts, hosting_usd_per_day=st.floats(-1e12, 1e12), max_payback_days=amounts,
        maintenance_share=st.floats(0, 1),
    ),
    st.lists(st.tuples(*[st.floats(0, 1e22)] * 2), min_size=30, max_size=30),
)  # fmt: skip
def test_any_figures_give_ordered_bounds(spec, costs):
    base, cand = zip(*costs, strict=True)
    found = costs_of(table(base=base, cand=cand, n=30), suite(spec))
    days = found.payback.days
    assert 0 <= days.low <= days.point <= days.high
    for line in (*found.lines, *found.sensitivity):
        assert 0 <= line.days.low <= line.days.high
