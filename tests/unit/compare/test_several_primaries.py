"""Several primary metrics: all of them or any, which one decides, and what alpha each is judged at."""

import pytest
from msgspec import structs
from tables import Exact, column, pairs, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.report.document import RunFacts, verdict_document
from evalkit.stats.paired import tango_interval
from evalkit.types import PrimarySpec, SlicesSpec
from evalkit.types.reuse import ReuseSpec

SHIPS, SHIPS_LESS = (114, 41, 8, 37), (90, 36, 12, 62)
OPEN = (80, 32, 22, 66)
BELOW = (100, 2, 2, 96)
WORSE = (100, 5, 40, 55)


class Named:
    def __init__(self, name):
        self.name = name

    score = Exact.score


def evidence(counts, require, *, changed=None, slices=None, **gate):
    """One column of 200 samples a metric, named a, b, …; `changed` replaces candidate scores {metric: {number: …}}."""
    sides = {"baseline": {}, "candidate": {}}
    for name, each in counts.items():
        base, cand = pairs(*each)
        for index, value in (changed or {}).get(name, {}).items():
            cand[index] = value
        sides["baseline"][name], sides["candidate"][name] = column(base), column(cand)
    data = structs.replace(table(*pairs(*SHIPS), slices=slices), columns=sides)
    first, *others = counts
    primary = PrimarySpec(metric=first, others=tuple(others), require=require, **gate.pop("primary", {}))
    main = Measured(table=data, metrics={name: Named(name) for name in counts})
    return Evidence(suite=suite(primary=primary, **gate), main=main, guards={}, seed="fp1:0")


def judged(counts, require, **more):
    return decide(evidence(counts, require, **more))


@pytest.mark.parametrize(
    ("counts", "require", "status", "decides"),
    [
        ({"a": SHIPS, "b": SHIPS_LESS}, "all", "ship", "b"),
        ({"a": SHIPS_LESS, "b": SHIPS}, "any", "ship", "b"),
        ({"a": SHIPS, "b": OPEN}, "all", "inconclusive", "b"),
        ({"a": OPEN, "b": SHIPS}, "any", "ship", "b"),
        ({"a": SHIPS, "b": OPEN, "c": BELOW}, "all", "dont_ship", "c"),
        ({"a": BELOW, "b": OPEN}, "any", "inconclusive", "b"),
        ({"a": BELOW, "b": WORSE}, "any", "dont_ship", "a"),
        ({"a": BELOW, "b": WORSE}, "all", "dont_ship", "b"),
    ],
)
def test_all_is_decided_by_the_worst_and_any_by_the_best(counts, require, status, decides):
    verdict = judged(counts, require)
    assert (verdict.status, verdict.primary.metric) == (status, decides)
    assert [one.metric for one in verdict.primaries] == list(counts)
    assert verdict.reasons[0].detail.startswith(f"{decides}: ")


def test_all_names_every_metric_that_does_not_pass_and_any_only_the_best():
    reasons = judged({"a": SHIPS, "b": OPEN, "c": BELOW}, "all").reasons
    assert [(r.code, r.detail[0]) for r in reasons] == [("BELOW_GATE", "c"), ("POINT_OK_NOT_SIGNIFICANT", "b")]
    assert len(judged({"a": BELOW, "b": OPEN}, "any").reasons) == 1


def test_any_shares_alpha_out_and_all_does_not():
    # 20 against 10 of 200: z is 1.83, enough at 0.05 and not at 0.025.
    close = (100, 20, 10, 70)
    assert judged({"a": close}, "all").status == "ship"
    assert judged({"a": close, "b": close}, "all").status == "ship"
    verdict = judged({"a": close, "b": BELOW}, "any")
    assert verdict.status == "inconclusive"
    assert verdict.primary.bounds.low == pytest.approx(100 * tango_interval(20, 10, 200, 0.95).low)
    shared = judged({"a": close, "b": BELOW}, "any", reuse=ReuseSpec(policy="bonferroni", max_uses=5))
    assert shared.primary.bounds.level == pytest.approx(1 - 2 * 0.05 / 2 / 5)


def test_what_has_too_little_to_judge_by_fails_all_and_is_passed_over_by_any():
    nothing = {"b": dict.fromkeys(range(200))}
    both = {"a": SHIPS, "b": SHIPS}
    assert judged(both, "all", changed=nothing).status == "invalid"
    assert judged(both, "all", changed={"b": dict.fromkeys(range(180))}).reasons[0].code == "TOO_FEW_SAMPLES"
    verdict = judged(both, "any", changed=nothing)
    assert (verdict.status, verdict.primary.metric) == ("ship", "a")


def test_a_large_gain_on_a_few_pairs_does_not_pass_all_nor_any():
    # Only 26 pairs of a are scored, all of them fixed.
    few = {"a": {i: None for i in range(200) if not 114 <= i < 140}}
    both = {"a": SHIPS, "b": SHIPS_LESS}
    verdict = judged(both, "all", changed=few)
    assert (verdict.status, verdict.primary.metric, verdict.primary.n) == ("invalid", "a", 26)
    assert judged(both, "any", changed=few).primary.metric == "b"


def test_a_metric_of_which_nothing_was_measured_needs_no_number_of_pairs():
    found = evidence({"a": SHIPS, "b": OPEN}, "all", changed={"a": dict.fromkeys(range(200))})
    verdict = decide(found)
    facts = RunFacts(suite=found.suite, suite_file="s", run="r", created="c", verdict=verdict, table=None)
    assert (verdict.status, verdict.primary.metric, verdict.n_needed) == ("invalid", "a", None)
    assert verdict_document(facts)["primary"]["mde_points"] is None


def test_a_ship_survives_the_worst_case_of_each_metric():
    some = {"b": dict.fromkeys(range(0, 60, 4))}
    verdict = judged({"a": SHIPS, "b": SHIPS_LESS}, "all", changed=some)
    assert "MISSING_COULD_DECIDE" in [reason.code for reason in verdict.reasons]
    assert judged({"a": SHIPS, "b": SHIPS_LESS}, "any", changed=some).status == "ship"


def test_any_says_what_got_worse_all_the_same():
    verdict = judged({"a": SHIPS, "b": WORSE}, "any")
    assert verdict.status == "ship"
    assert any("b got worse" in told for told in verdict.cautions)
    assert not any("got worse" in told for told in judged({"a": SHIPS, "b": BELOW}, "any").cautions)


def test_a_slice_of_any_metric_that_must_pass_blocks():
    # The last 60 pairs are wrong on both sides for a, and lost by b: 100 fixed elsewhere let it pass as a whole.
    masks = {"part=x": [i < 140 for i in range(200)], "part=y": [i >= 140 for i in range(200)]}
    base, cand = [0.0] * 100 + [1.0] * 40 + [1.0] * 60, [1.0] * 140 + [0.0] * 40 + [1.0] * 20
    found = evidence({"a": SHIPS_LESS, "b": SHIPS}, "all", slices=masks)
    lost = dict(found.main.table.columns)
    lost = {role: dict(lost[role]) for role in lost}
    lost["baseline"]["b"], lost["candidate"]["b"] = column(base), column(cand)
    data = structs.replace(found.main.table, columns=lost)
    verdict = decide(structs.replace(found, main=structs.replace(found.main, table=data)))
    assert verdict.primary.metric == "a"
    assert verdict.status == "dont_ship"
    assert any(r.code == "SLICE_REGRESSED" and r.detail.startswith("b: part=y") for r in verdict.reasons)
    any_of = structs.replace(found.suite.gate.primary, require="any")
    lenient = suite(primary=any_of, slices=SlicesSpec())
    whole = structs.replace(found, suite=lenient, main=structs.replace(found.main, table=data))
    assert decide(whole).primary.metric == "b"


def test_the_pairs_needed_are_those_of_the_hungriest_that_must_pass():
    noisier = (60, 40, 30, 70)
    both = judged({"a": OPEN, "b": noisier}, "all").n_needed
    assert both == max(judged({"a": OPEN}, "all").n_needed, judged({"a": noisier}, "all").n_needed)


def test_the_document_tells_each_and_the_one_that_decides():
    found = evidence({"a": SHIPS, "b": OPEN}, "all")
    verdict = decide(found)
    facts = RunFacts(suite=found.suite, suite_file="s", run="r", created="c", verdict=verdict, table=None)
    document = verdict_document(facts)
    assert document["primary"]["metric"] == "b"
    assert [(one["metric"], one["verdict"]) for one in document["primaries"]["metrics"]] == [
        ("a", "ship"),
        ("b", "inconclusive"),
    ]
    rows = [row for row in document["asked"] if row["label"].startswith("gain on")]
    assert [(row["label"], row["state"]) for row in rows] == [("gain on a", "held"), ("gain on b", "unresolved")]
    assert all("as on the other primary metrics" in row["asked"] for row in rows)
    one = evidence({"a": SHIPS}, "all")
    alone = structs.replace(facts, suite=one.suite, verdict=decide(one))
    assert verdict_document(alone)["primaries"] is None


def test_the_headline_of_a_ship_names_what_had_to_gain():
    for require, told in (("all", "on each of a and b"), ("any", "on at least one of a and b")):
        found = evidence({"a": SHIPS, "b": SHIPS_LESS}, require)
        facts = RunFacts(suite=found.suite, suite_file="s", run="r", created="c", verdict=decide(found), table=None)
        assert told in verdict_document(facts)["headline"]


def test_primaries_have_no_adjusted_p():
    verdict = judged({"a": SHIPS, "b": OPEN}, "all")
    assert [one.adjusted_p for one in verdict.metrics] == [None, None]
