"""Zero tolerance: one failure blocks, nothing unscored passes, and no failure is stated with its exact bound."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from tables import Exact, pairs, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.report.document import RunFacts, verdict_document
from evalkit.types import GuardSpec
from evalkit.types.table import Repeats

IDS = tuple(str(i) for i in range(60))


def watched(**spec):
    return GuardSpec(kind="zero_tolerance", metric="exact", on_unresolved="inconclusive", **{"must_pass": IDS} | spec)


def evidence(spec, *, candidate=(), tables=None, **more):
    """114 + 41 + 8 + 37 pairs that ship; `candidate` changes the candidate's scores by sample number."""
    base, cand = pairs(114, 41, 8, 37)
    for index, value in dict(candidate).items():
        cand[index] = value
    data = tables or table(base, cand, **more)
    return Evidence(
        suite=suite(guards=(spec,)), main=Measured(table=data, metrics={"exact": Exact()}), guards={}, seed="fp1:0"
    )


def test_no_failure_holds_and_states_the_rule_of_three():
    verdict = decide(evidence(watched()))
    guard = verdict.guards[0]
    assert verdict.status == "ship"
    assert guard.state == "held"
    assert guard.got == "0 of 60 failed: at most 4.9 % would fail, 95 % confidence"
    assert guard.must_pass.at_most == pytest.approx(1 - 0.05 ** (1 / 60))


def test_one_failure_blocks_and_is_named_whatever_the_baseline_did():
    verdict = decide(evidence(watched(), candidate={7: 0.0, 12: 0.99}))
    assert verdict.status == "dont_ship"
    reason = verdict.reasons[0]
    assert (reason.code, reason.is_blocking) == ("GUARD_REGRESSED", True)
    assert "2 of 60 failed: 7, 12" in reason.detail
    assert verdict.guards[0].must_pass.failed == ("7", "12")
    # 41 of these the baseline failed too: what must pass is no comparison.
    both_wrong = decide(evidence(watched(must_pass=("170",))))
    assert both_wrong.status == "dont_ship"


def test_many_failures_are_counted_in_the_sentence_and_listed_in_the_document():
    found = evidence(watched(), candidate=dict.fromkeys(range(9), 0.0))
    verdict = decide(found)
    assert "9 of 60 failed: 0, 1, 2, 3, 4 and 4 more" in verdict.guards[0].got
    facts = RunFacts(
        suite=found.suite, suite_file="s", run="r", created="c", verdict=verdict, table=None, provenance={}
    )
    document = verdict_document(facts)
    assert any("may not fail and did" in line for line in document["advice"])
    assert not any("paid for elsewhere" in line for line in document["advice"])
    guard = document["guards"][0]
    assert guard["kind"] == "zero_tolerance"
    assert guard["must_pass"]["failed"] == tuple("012345678")


@pytest.mark.parametrize(("on_unresolved", "status"), [("inconclusive", "inconclusive"), ("warn", "ship")])
def test_unscored_never_counts_as_passed(on_unresolved, status):
    spec = structs.replace(watched(), on_unresolved=on_unresolved)
    verdict = decide(evidence(spec, candidate={3: None}))
    assert verdict.status == status
    assert "GUARD_UNRESOLVED" in [reason.code for reason in verdict.reasons]
    assert verdict.guards[0].must_pass.unscored == ("3",)
    assert verdict.guards[0].must_pass.at_most is None


def test_what_was_not_asked_did_not_pass():
    verdict = decide(evidence(watched(must_pass=("1", "left-out"))))
    assert verdict.status == "inconclusive"
    assert "1 of 2 have no score: left-out" in verdict.guards[0].got


def test_a_failure_outweighs_what_is_unscored():
    guard = decide(evidence(watched(), candidate={3: None, 4: 0.0})).guards[0]
    assert guard.state == "regressed"
    assert (guard.must_pass.failed, guard.must_pass.unscored) == (("4",), ("3",))


def test_a_slice_and_a_whole_suite_can_have_to_pass():
    masks = {"critical=yes": [i < 30 for i in range(200)]}
    spec = watched(must_pass=(), slice="critical=yes")
    assert decide(evidence(spec, slices=masks)).guards[0].got.startswith("0 of 30 failed: at most 9.5 %")
    assert decide(evidence(spec, slices=masks, candidate={29: 0.0})).status == "dont_ship"
    elsewhere = watched(must_pass=(), suite=Path("jailbreaks/suite.yaml"))
    other = Measured(table=table([1.0] * 30, [1.0] * 29 + [0.0]), metrics={"exact": Exact()})
    found = structs.replace(evidence(elsewhere), guards={"jailbreaks/suite.yaml": other})
    verdict = decide(found)
    assert verdict.status == "dont_ship"
    assert verdict.guards[0].must_pass.failed == ("29",)


def test_an_empty_list_holds_nothing():
    guard = decide(evidence(watched(must_pass=(), slice="gone=yes"))).guards[0]
    assert (guard.state, guard.is_blocking) == ("unresolved", True)


def test_samples_of_one_cluster_count_once_for_the_bound():
    clusters = [i // 5 for i in range(200)]
    guard = decide(evidence(watched(), clusters=clusters)).guards[0]
    assert guard.must_pass.at_most == pytest.approx(1 - 0.05 ** (1 / 12))


def test_a_repeat_without_a_score_did_not_pass():
    found = evidence(watched())
    sides = found.main.table.columns
    scored = np.full(200, 3)
    scored[5] = 2
    repeats = Repeats(asked=3, scored=scored, squares=np.zeros(200))
    side = {"exact": structs.replace(sides["candidate"]["exact"], repeats=repeats)}
    data = structs.replace(found.main.table, columns={**sides, "candidate": side})
    guard = decide(evidence(watched(), tables=data)).guards[0]
    assert guard.must_pass.unscored == ("5",)
