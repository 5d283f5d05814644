"""Losing answers never turns a verdict that did not pass into one that does."""

import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "compare"))
from tables import Exact, pairs, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.types import ValiditySpec

LENIENT = ValiditySpec(max_error_rate=1.0, min_pair_coverage=0.0, min_n=1)


def status(base, cand):
    measured = Measured(table=table(base, cand), metrics={"exact": Exact()})
    return decide(Evidence(suite=suite(validity=LENIENT), main=measured, guards={}, seed="fp1:0")).status


def test_deleting_candidate_scores_never_makes_a_pass(as_written):
    """10,000 cases with --as-written; without, 2,500 of them."""

    @settings(max_examples=10_000 if as_written else 2_500, deadline=None)
    @given(
        counts=st.tuples(*[st.integers(0, 40)] * 4).filter(lambda c: sum(c) >= 5),
        lost=st.integers(1, 12),
        order=st.randoms(use_true_random=False),
    )
    def holds(counts, lost, order):
        base, cand = pairs(*counts)
        if status(base, cand) == "ship":
            return
        gone = order.sample(range(len(cand)), min(lost, len(cand) - 1))
        kept = [None if i in gone else value for i, value in enumerate(cand)]
        assert status(base, kept) != "ship"

    holds()


def test_a_mean_of_nothing_is_nothing():
    measured = Measured(table=table([None] * 40, [1.0] * 40), metrics={"exact": Exact()})
    verdict = decide(Evidence(suite=suite(), main=measured, guards={}, seed="fp1:0"))
    assert verdict.status == "invalid"
    assert verdict.primary.delta_points is None
    assert verdict.primary.baseline_points is None


def test_missing_answers_that_could_turn_a_ship_make_it_inconclusive():
    base, cand = pairs(100, 20, 4, 76)
    assert status(base, cand) == "ship"
    missing = [None if i < 8 else value for i, value in enumerate(cand)]
    assert status(base, missing) == "inconclusive"


def test_missing_answers_that_could_not_leave_the_ship():
    base, cand = pairs(40, 110, 0, 50)
    missing = [None if i < 8 else value for i, value in enumerate(cand)]
    assert status(base, missing) == "ship"
