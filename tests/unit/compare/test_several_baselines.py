"""One verdict over several baselines, and what a model against itself is worth a warning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import Exact, pairs, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.compare.noise import cautions, noise_floor
from evalkit.compare.several import deciding, over_all
from evalkit.types import Comparison, Interval, Reason, Verdict
from evalkit.types.table import Tally


def evidence(counts, **more):
    data = table(*pairs(*counts), **more.pop("table", {}))
    measured = Measured(table=data, metrics={"exact": Exact()})
    return Evidence(suite=suite(), main=measured, guards={}, seed="fp1:0", **more)


def compared(delta, low):
    bounds = Interval(low=low, high=delta + 9, level=0.9, method="m")
    return Comparison(
        metric="exact", n=100, n_clusters=100, baseline_points=50.0, candidate_points=50.0 + delta, delta_points=delta,
        bounds=bounds, ci95=bounds, p_value=0.1, method="m",
    )  # fmt: skip


def verdict(status, code, *, delta=1.0, low=0.0, caution=()):
    reason = Reason(code=code, is_blocking=status != "ship", detail=f"{code} {delta}")
    return Verdict(status=status, reasons=(reason,), primary=compared(delta, low), cautions=caution)


WORST_FIRST = ("error", "invalid", "dont_ship", "inconclusive", "ship")


@pytest.mark.parametrize("worse", range(5))
@pytest.mark.parametrize("better", range(5))
def test_the_worst_verdict_decides_by_the_products_precedence(worse, better):
    found = {"a": verdict(WORST_FIRST[better], "A"), "b": verdict(WORST_FIRST[worse], "B")}
    status = WORST_FIRST[min(worse, better)]
    assert over_all(found).status == status
    assert over_all(found).exit_code == min(found.values(), key=lambda v: WORST_FIRST.index(v.status)).exit_code


def test_of_equal_verdicts_the_smallest_lower_bound_then_delta_then_the_first_decides():
    low = {"a": verdict("ship", "PASS", delta=9, low=6), "b": verdict("ship", "PASS", delta=12, low=5)}
    assert deciding(low) == "b"
    delta = {"a": verdict("ship", "PASS", delta=9, low=5), "b": verdict("ship", "PASS", delta=8, low=5)}
    assert deciding(delta) == "b"
    same = {"a": verdict("ship", "PASS"), "b": verdict("ship", "PASS")}
    assert deciding(same) == "a"


def test_reasons_name_their_baseline_and_what_is_said_of_all_is_said_once():
    everywhere = Reason(code="LIMITED", is_blocking=True, detail="only a subset")
    own = Reason(code="PASS", is_blocking=False, detail="the gain is +9.0")
    bad = Reason(code="BELOW_GATE", is_blocking=True, detail="the gain is +1.0")
    found = over_all(
        {
            "prompted": Verdict(status="inconclusive", reasons=(own, everywhere), cautions=("used twice", "own")),
            "rag": Verdict(status="dont_ship", reasons=(bad, everywhere), cautions=("used twice",)),
        }
    )
    assert [(r.code, r.detail) for r in found.reasons] == [
        ("BELOW_GATE", "against rag: the gain is +1.0"),
        ("LIMITED", "only a subset"),
        ("PASS", "against prompted: the gain is +9.0"),
    ]
    assert found.cautions == ("used twice", "Against prompted: own")


def test_one_verdict_is_left_as_it_is():
    alone = verdict("dont_ship", "BELOW_GATE")
    assert over_all({"baseline": alone}) is alone


def test_a_pair_with_broken_evidence_makes_the_whole_invalid():
    broken = {"baseline": Tally(planned=200, ok=150, failed=50), "candidate": Tally(planned=200, ok=200)}
    found = {
        "fine": decide(evidence((114, 41, 8, 37))),
        "broken": decide(evidence((114, 41, 8, 37), table={"tallies": broken})),
    }
    assert (found["fine"].status, over_all(found).status, over_all(found).exit_code) == ("ship", "invalid", 4)
    assert any(r.detail.startswith("against broken: 25.0 %") for r in over_all(found).reasons)


@given(
    counts=st.tuples(*(st.integers(0, 60) for _ in range(4))).filter(lambda c: sum(c) > 0),
    names=st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True),
)
def test_several_baselines_that_are_one_and_the_same_give_the_verdict_of_one(counts, names):
    alone = decide(evidence(counts))
    assert over_all(dict.fromkeys(names, alone)) == alone


def moved(counts, **more):
    data = table(*pairs(*counts))
    gate = suite(**more).gate
    floor = noise_floor(Exact(), data, gate, seed="fp1:0")
    return floor, list(cautions(floor, gate))


def test_a_model_that_answers_alike_is_worth_no_warning_however_few_the_samples():
    floor, told = moved((20, 0, 0, 20))
    assert floor.found.ci95.high > 5.0  # the interval alone would cry wolf
    assert (floor.spread_points, told) == (0.0, [])


def test_a_model_that_moves_one_way_is_told():
    _, told = moved((50, 30, 2, 20))
    assert len(told) == 1
    assert "The same model against itself moved by +27.5 points" in told[0]
    assert "more than chance" in told[0]


def test_a_spread_as_large_as_the_bar_is_told_and_a_smaller_one_is_not():
    floor, told = moved((40, 6, 6, 40))
    assert floor.spread_points > 5.0
    assert "asking again alone moves it by up to 7.4 points" in told[0]
    assert "decides by 5 points" in told[0]
    assert moved((400, 6, 6, 400))[1] == []


def test_a_suite_that_allows_no_loss_is_warned_by_its_margin():
    _, told = moved((200, 6, 6, 200), intent="regression", noninferiority_margin=1.0)
    assert "decides by 1 point." in told[0]
