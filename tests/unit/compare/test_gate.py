"""The gate: every verdict, every reason code, their precedence and the edge of five points."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from tables import Exact, pairs, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.types import GuardSpec, PrimarySpec, Reason, SlicesSpec, ValiditySpec
from evalkit.types.table import Tally


def judged(counts, *, is_limited=False, blocking=(), tables=None, **gate):
    data = tables or table(*pairs(*counts))
    measured = Measured(table=data, metrics={"exact": Exact()})
    return decide(
        Evidence(
            suite=suite(**gate), main=measured, guards={}, seed="fp1:0", is_limited=is_limited, blocking=tuple(blocking)
        )
    )


def codes(verdict):
    return [reason.code for reason in verdict.reasons]


# (both right, fixed, broken, both wrong)
@pytest.mark.parametrize(
    ("counts", "gate", "status", "code"),
    [
        ((114, 41, 8, 37), {}, "ship", "PASS"),
        ((80, 32, 22, 66), {}, "inconclusive", "POINT_OK_NOT_SIGNIFICANT"),
        ((100, 2, 2, 96), {}, "dont_ship", "BELOW_GATE"),
        ((100, 20, 14, 66), {}, "dont_ship", "BELOW_GATE_UNSETTLED"),
        ((100, 20, 14, 66), {"primary": PrimarySpec(metric="exact", unresolved="inconclusive")}, "inconclusive",
         "BELOW_GATE_UNSETTLED"),
        ((100, 5, 40, 55), {}, "dont_ship", "REGRESSION"),
        ((193, 4, 1, 2), {}, "dont_ship", "NO_HEADROOM"),
        ((80, 32, 22, 66), {"primary": PrimarySpec(metric="exact", evidence="none")}, "ship", "PASS"),
        ((114, 41, 8, 37), {"primary": PrimarySpec(metric="exact", evidence="margin")}, "ship", "PASS"),
        ((114, 30, 10, 46), {"primary": PrimarySpec(metric="exact", evidence="margin")}, "inconclusive",
         "POINT_OK_NOT_SIGNIFICANT"),
        ((150, 3, 3, 44), {"intent": "regression", "noninferiority_margin": 3.0}, "ship", "PASS"),
        ((100, 5, 40, 55), {"intent": "regression"}, "dont_ship", "REGRESSION"),
        ((100, 15, 14, 71), {"intent": "regression"}, "inconclusive", "POINT_OK_NOT_SIGNIFICANT"),
        ((100, 8, 16, 76), {"intent": "regression"}, "inconclusive", "BELOW_GATE_UNSETTLED"),
    ],
)  # fmt: skip
def test_primary(counts, gate, status, code):
    verdict = judged(counts, **gate)
    assert (verdict.status, codes(verdict)[0]) == (status, code)
    assert (verdict.exit_code == 0) == (status == "ship")


def test_the_worked_example_of_the_documents():
    verdict = judged((114, 41, 8, 37))
    found = verdict.primary
    assert found.baseline_points == 61.0
    assert found.candidate_points == 77.5
    assert found.delta_points == 16.5
    assert found.bounds.low == pytest.approx(11.16, abs=0.01)
    assert found.bounds.high == pytest.approx(22.13, abs=0.01)
    assert (found.ci95.low, found.ci95.high) == pytest.approx((10.14, 23.26), abs=0.01)
    assert found.discordance == 0.245
    assert verdict.mde_points == pytest.approx(8.7, abs=0.05)


def guard(counts, **spec):
    data = table(*pairs(114, 41, 8, 37))
    watched = GuardSpec(metric="exact", suite=Path("g/suite.yaml"), **spec)
    evidence = Evidence(
        suite=suite(guards=(watched,)),
        main=Measured(table=data, metrics={"exact": Exact()}),
        guards={"g/suite.yaml": Measured(table=table(*pairs(*counts)), metrics={"exact": Exact()})},
        seed="fp1:0",
    )
    return decide(evidence)


@pytest.mark.parametrize(
    ("counts", "spec", "state", "status"),
    [
        ((290, 2, 2, 6), {"margin": 3.0}, "held", "ship"),
        ((100, 5, 40, 55), {"margin": 3.0}, "regressed", "dont_ship"),
        ((100, 10, 10, 80), {"margin": 3.0}, "unresolved", "ship"),
        ((100, 10, 10, 80), {"margin": 3.0, "on_unresolved": "inconclusive"}, "unresolved", "inconclusive"),
        ((200, 0, 0, 0), {"margin": 0.0}, "held", "ship"),
        ((180, 0, 20, 0), {"margin": 0.0}, "regressed", "dont_ship"),
        ((100, 10, 10, 80), {"margin": 3.0, "mode": "no_confirmed_regression"}, "held", "ship"),
        ((100, 5, 40, 55), {"margin": 3.0, "mode": "no_confirmed_regression"}, "regressed", "dont_ship"),
    ],
)
def test_guard(counts, spec, state, status):
    verdict = guard(counts, **spec)
    assert verdict.guards[0].state == state
    assert verdict.status == status
    if state == "unresolved":
        assert verdict.guards[0].n_needed > 200


def test_two_hundred_samples_cannot_certify_two_points():
    # Discordance .10, no true change: 1,546 pairs clear a margin of 2 with 80 % chance, 200 do not.
    assert guard((100, 10, 10, 80), margin=2.0).guards[0].state == "unresolved"


def test_a_guard_suite_without_recorded_answers_is_not_measured():
    watched = GuardSpec(metric="exact", suite=Path("g/suite.yaml"), margin=3.0)
    main = Measured(table=table(*pairs(114, 41, 8, 37)), metrics={"exact": Exact()})
    verdict = decide(Evidence(suite=suite(guards=(watched,)), main=main, guards={}, seed="fp1:0"))
    assert verdict.guards[0].state == "not_measured"
    assert verdict.status == "ship"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (
            {"tallies": {"baseline": Tally(planned=200, ok=200), "candidate": Tally(planned=200, failed=5)}},
            "ERROR_RATE",
        ),
        ({"tallies": {"baseline": Tally(planned=200, truncated=11), "candidate": Tally(planned=200)}}, "TRUNCATION"),
        ({"answered": 195}, "PAIR_COVERAGE"),
        ({"clusters": [i % 5 for i in range(200)]}, "TOO_FEW_CLUSTERS"),
    ],
)
def test_broken_evidence_is_invalid_whatever_the_delta(changes, code):
    verdict = judged(None, tables=table(*pairs(114, 41, 8, 37), **changes))
    assert verdict.status == "invalid"
    assert codes(verdict) == [code]


def test_few_samples_are_invalid_and_other_rooms_can_object():
    assert codes(judged((10, 10, 0, 9))) == ["TOO_FEW_SAMPLES"]
    objection = Reason(code="CONTAMINATED", is_blocking=True, detail="x")
    assert judged((114, 41, 8, 37), blocking=[objection]).status == "invalid"


def test_a_limited_run_decides_nothing():
    for counts in ((114, 41, 8, 37), (100, 5, 40, 55), (10, 10, 0, 9)):
        verdict = judged(counts, is_limited=True)
        assert verdict.status == "inconclusive"
        assert "LIMITED" in codes(verdict)


def sliced(small_fixed, small_broken, **slices):
    base, cand = pairs(100, 60, 0, 40)
    more_base, more_cand = pairs(10, small_fixed, small_broken, 10)
    n, m = len(base), len(more_base)
    masks = {"part=a": [True] * n + [False] * m, "part=b": [False] * n + [True] * m}
    return judged(None, tables=table(base + more_base, cand + more_cand, slices=masks), slices=SlicesSpec(**slices))


def test_a_slice_that_loses_for_sure_blocks():
    verdict = sliced(0, 30)
    assert verdict.status == "dont_ship"
    assert "SLICE_REGRESSED" in codes(verdict)
    assert [part.state for part in verdict.slices] == ["held", "regressed"]


def test_a_slice_that_may_have_lost_does_not_block():
    verdict = sliced(10, 14)
    assert verdict.status == "ship"
    assert [part.state for part in verdict.slices] == ["held", "unresolved"]


def test_a_slice_with_few_pairs_is_shown_and_not_judged():
    verdict = sliced(0, 30, min_n=60)
    assert verdict.status == "ship"
    small = verdict.slices[1]
    assert (small.state, small.adjusted) == ("unresolved", None)
    assert small.comparison.delta_points == -60.0


def test_n_needed_comes_from_the_observed_spread_and_the_planned_gain():
    # Discordance .27, its upper 80 % bound about .30: n* = 325 binds, whatever the observed gain.
    assert 300 <= judged((80, 32, 22, 66)).n_needed <= 350
    assert judged((40, 16, 11, 33)).n_needed > 300
    assert judged((114, 41, 8, 37)).n_needed is None


def test_all_equal_all_right_all_wrong_have_a_verdict():
    assert judged((100, 0, 0, 100)).status == "dont_ship"
    assert codes(judged((200, 0, 0, 0))) == ["NO_HEADROOM"]
    assert codes(judged((0, 0, 0, 200))) == ["BELOW_GATE"]
    assert judged((0, 200, 0, 0)).status == "ship"
    assert judged((0, 0, 200, 0)).status == "dont_ship"


def test_graded_scores_take_the_t_interval():
    rng = np.random.default_rng(5)
    base = rng.uniform(0.2, 0.6, 200)
    verdict = judged(None, tables=table(list(base), list(base + rng.uniform(0.05, 0.15, 200))))
    assert verdict.status == "ship"
    assert verdict.primary.method == "paired-t"
    assert verdict.primary.delta_points == pytest.approx(10, abs=1)


def test_clusters_widen_the_interval():
    base, cand = pairs(100, 40, 20, 40)
    order = np.random.default_rng(1).permutation(200)
    together = sorted(range(200), key=lambda i: cand[i] - base[i])
    loose = judged(None, tables=table([base[i] for i in order], [cand[i] for i in order])).primary
    rows = [base[i] for i in together], [cand[i] for i in together]
    tight = judged(None, tables=table(*rows, clusters=[i // 10 for i in range(200)])).primary
    assert tight.n_clusters == 20
    assert tight.bounds.high - tight.bounds.low > 1.5 * (loose.bounds.high - loose.bounds.low)


def test_validity_limits_are_the_suites():
    verdict = judged((10, 10, 0, 9), validity=ValiditySpec(min_n=20))
    assert "TOO_FEW_SAMPLES" not in codes(verdict)


def test_a_ship_with_a_blocking_reason_cannot_be_made():
    verdict = judged((114, 41, 8, 37))
    with pytest.raises(ValueError, match="blocking"):
        structs.replace(verdict, reasons=(Reason(code="X", is_blocking=True, detail=""),))


def test_each_side_has_an_interval_of_its_own_where_scores_are_right_or_wrong():
    found = judged((114, 41, 8, 37)).primary
    assert (found.sides95["baseline"].low, found.sides95["baseline"].high) == pytest.approx((54.1, 67.5), abs=0.1)
    assert found.sides95["candidate"].method == "wilson"
    rng = np.random.default_rng(5)
    graded = judged(None, tables=table(*(list(rng.uniform(0.2, 0.6, 200)) for _ in range(2)))).primary
    assert graded.sides95 == {}
