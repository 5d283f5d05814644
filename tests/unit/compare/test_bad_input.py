"""Evidence nobody should bring: each ends in a clear verdict with finite numbers or none, never in a traceback."""

import json
import time

import numpy as np
import pytest
from msgspec import structs
from tables import Exact, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.plugins import make_metric
from evalkit.report.document import RunFacts, verdict_document
from evalkit.run.scoring import Scoring
from evalkit.types import GuardSpec, MetricSpec, Response, Sample, SlicesSpec, ValiditySpec

LENIENT = ValiditySpec(min_n=1, min_clusters=1)


def judged(data, metric=None, **gate):
    """(verdict, its document); the document must be JSON without NaN or infinity."""
    metric = metric or Exact()
    asked = suite(**gate)
    evidence = Evidence(suite=asked, main=Measured(table=data, metrics={"exact": metric}), guards={}, seed="fp1:0")
    verdict = decide(evidence)
    document = verdict_document(
        RunFacts(suite=asked, suite_file="s", run="r", created="c", verdict=verdict, table=data)
    )
    json.dumps(document, allow_nan=False)
    return verdict, document


def first(verdict):
    return verdict.status, verdict.reasons[0].code


def contains_its_delta(found):
    return found.bounds.low <= found.delta_points <= found.bounds.high and found.bounds.high > found.bounds.low


@pytest.mark.parametrize("intent", ["quality", "regression"])
@pytest.mark.parametrize(
    "scores",
    [[1.0] * 100 + [0.0] * 100, [1.0] * 200, [0.0] * 200, [0.37] * 200, list(np.linspace(0, 1, 200))],
    ids=["mixed", "all right", "all wrong", "constant", "graded"],
)
def test_identical_sides_gain_nothing_and_still_have_a_width(scores, intent):
    verdict, _ = judged(table(scores, scores), intent=intent)
    assert verdict.status == ("dont_ship" if intent == "quality" else "ship")
    assert verdict.primary.delta_points == 0.0
    assert contains_its_delta(verdict.primary)
    assert verdict.primary.p_value == 1.0


def test_identical_sides_of_few_samples_are_not_sure_of_it():
    verdict, _ = judged(table([1.0] * 30, [1.0] * 30), intent="regression")
    assert first(verdict) == ("inconclusive", "POINT_OK_NOT_SIGNIFICANT")


@pytest.mark.parametrize("role", ["baseline", "candidate"])
def test_one_side_without_any_score_supports_no_verdict(role):
    scores = {"baseline": [1.0] * 100, "candidate": [1.0] * 100} | {role: [None] * 100}
    verdict, document = judged(table(scores["baseline"], scores["candidate"]), slices=SlicesSpec(min_n=1))
    assert first(verdict) == ("invalid", "TOO_FEW_SAMPLES")
    assert document["primary"]["delta_points"] is None
    assert "no sample has a score on both sides" in document["primary"]["note"]


def test_no_sample_at_all():
    verdict, document = judged(table([], []), validity=LENIENT)
    assert first(verdict) == ("invalid", "TOO_FEW_SAMPLES")
    assert document["primary"]["n"] == 0


@pytest.mark.parametrize(("base", "cand"), [(0.0, 1.0), (1.0, 1.0), (0.2, 0.9)])
def test_one_sample_shows_nothing(base, cand):
    strict = judged(table([base], [cand]))[0]
    assert first(strict) == ("invalid", "TOO_FEW_SAMPLES")
    assert strict.reasons[0].detail.startswith("1 scored pair is too few")
    verdict, _ = judged(table([base], [cand]), validity=LENIENT, slices=SlicesSpec(min_n=1))
    assert verdict.status != "ship"
    assert verdict.primary.bounds.low <= 0.0


@pytest.mark.parametrize("values", [(0.0, 1.0), (0.2, 0.9), (1.0, 1.0)])
def test_one_cluster_shows_nothing(values):
    data = table([values[0]] * 200, [values[1]] * 200, clusters=[0] * 200)
    strict = judged(data)[0]
    assert first(strict) == ("invalid", "TOO_FEW_CLUSTERS")
    assert strict.reasons[0].detail.startswith("the pairs fall into 1 cluster, too few")
    verdict, _ = judged(data, validity=LENIENT)
    assert verdict.status != "ship"
    assert (verdict.primary.bounds.low, verdict.primary.bounds.high) == (-100.0, 100.0)


def test_a_constant_gain_is_no_certainty():
    verdict, _ = judged(table([0.4] * 40, [0.6] * 40))
    assert verdict.primary.delta_points == pytest.approx(20)
    assert verdict.primary.bounds.low < 15
    assert contains_its_delta(verdict.primary)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("role", ["baseline", "candidate"])
def test_a_score_that_is_no_number_is_named_and_decides_nothing(bad, role):
    data = table([0.0, 1.0] * 50, [1.0] * 100, slices={"part=a": [i < 50 for i in range(100)]})
    values = data.columns[role]["exact"].values.copy()
    values[7] = bad
    columns = {**data.columns, role: {"exact": structs.replace(data.columns[role]["exact"], values=values)}}
    verdict, document = judged(structs.replace(data, columns=columns), guards=(GuardSpec(metric="exact"),))
    assert first(verdict) == ("invalid", "TOO_FEW_SAMPLES")
    assert "no finite number" in verdict.reasons[0].detail
    assert document["primary"]["delta_points"] is None
    assert verdict.guards[0].state == "not_measured"


def classified(gold, baseline, candidate, **options):
    """(macro-F1, its table) of labels answered."""
    samples = tuple(Sample(id=str(i), fields={}, target=label) for i, label in enumerate(gold))
    metric = make_metric(MetricSpec(name="exact", type="f1", options=options), samples)
    said = {"baseline": baseline, "candidate": candidate}
    outcomes = {
        (role, str(i)): [Response(text=label, finish="stop")] for role in said for i, label in enumerate(said[role])
    }
    scoring = Scoring(structs.replace(suite(), samples=samples), [metric], lambda _: outcomes)
    return metric, scoring.finish().table("baseline")


def test_one_class_only_has_an_honest_f1():
    metric, data = classified(["a"] * 60, ["a"] * 30 + ["b"] * 30, ["a"] * 60)
    verdict, _ = judged(data, metric)
    assert verdict.primary.candidate_points == 100.0
    assert contains_its_delta(verdict.primary)
    metric, data = classified(["a"] * 60, ["a"] * 60, ["a"] * 60)
    assert first(judged(data, metric)[0]) == ("dont_ship", "NO_HEADROOM")


def test_answers_of_one_class_only_gain_nothing():
    gold = ["a", "b"] * 50
    metric, data = classified(gold, ["a"] * 100, ["a"] * 100)
    verdict, _ = judged(data, metric)
    assert verdict.primary.delta_points == 0.0
    assert contains_its_delta(verdict.primary)
    metric, data = classified(gold, ["zzz"] * 100, ["zzz"] * 100)
    assert judged(data, metric)[0].primary.candidate_points == 0.0


def test_one_sample_and_one_cluster_of_a_corpus_metric_show_nothing():
    metric, data = classified(["a"], ["b"], ["a"])
    assert first(judged(data, metric)[0]) == ("invalid", "TOO_FEW_SAMPLES")
    assert judged(data, metric, validity=LENIENT)[0].status != "ship"
    metric, data = classified(["a", "b"] * 40, ["b"] * 80, ["a", "b"] * 40)
    whole = structs.replace(data, clusters=np.zeros(80, dtype=np.intp))
    verdict, _ = judged(whole, metric, validity=LENIENT)
    assert (verdict.primary.bounds.low, verdict.primary.bounds.high) == (-100.0, 100.0)


def test_hundred_thousand_slices_are_judged_in_time():
    n = 100_000
    rng = np.random.default_rng(3)
    base, cand = (rng.random(n) < 0.7).astype(float), (rng.random(n) < 0.8).astype(float)
    data = table(list(base), list(cand))
    slices = {f"id={i}": np.array([i], dtype=np.intp) for i in range(n)}
    start = time.process_time()
    verdict, _ = judged(structs.replace(data, slices=slices), slices=SlicesSpec(min_n=1))
    assert time.process_time() - start < 30
    assert verdict.status == "ship"
    assert len(verdict.slices) <= 1_100
    assert any("100,000 slices" in told for told in verdict.cautions)


def test_a_side_that_says_one_thing_only():
    half = [1.0] * 100 + [0.0] * 100
    assert judged(table(half, [1.0] * 200))[0].status == "ship"
    assert judged(table([1.0] * 200, half))[0].status == "dont_ship"
    assert first(judged(table([1.0] * 200, [0.0] * 200))[0]) == ("dont_ship", "REGRESSION")
