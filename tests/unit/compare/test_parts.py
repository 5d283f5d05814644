"""Slices, the production mix, what drives a difference and what the whole hides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tables import Exact, column, pairs, suite, table

from evalkit.compare import drivers, mix
from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.compare.pairing import compare, difference
from evalkit.compare.slices import MAX_SMALL, judge_slices
from evalkit.metrics.classification import build_classification
from evalkit.types import MetricSpec, PrimarySpec, Sample, SlicesSpec
from evalkit.types.table import Column, Counts

EVEN = {"lang=de": 0.5, "lang=en": 0.5}


def two_slices(german, english, **more):
    """A table of two slices, each (both right, fixed, broken, both wrong)."""
    base, cand = (first + second for first, second in zip(pairs(*german), pairs(*english), strict=True))
    n, m = sum(german), sum(english)
    slices = {"lang=de": [True] * n + [False] * m, "lang=en": [False] * n + [True] * m}
    return table(base, cand, slices=slices, **more)


def judged(data, metrics=None, **gate):
    metrics = metrics or {"exact": Exact()}
    return decide(Evidence(suite=suite(**gate), main=Measured(table=data, metrics=metrics), guards={}, seed="fp1:0"))


def mixed(data, shares=EVEN, **more):
    return mix.reweighted(Exact(), data, shares, seed="fp1:0", **more).at(0.05)


def test_the_gate_decides_on_the_production_mix():
    # 40 German samples gain 40 points, 160 English ones nothing: +8 pooled; half of the traffic is German.
    data = two_slices((10, 18, 2, 10), (80, 8, 8, 64))
    assert judged(data).primary.delta_points == 8.0
    weighed = judged(data, slices=SlicesSpec(weights=EVEN))
    assert weighed.primary.delta_points == 20.0
    assert weighed.primary.method == "post-stratified"
    assert "production mix of lang" in weighed.primary.note
    rare = judged(data, slices=SlicesSpec(weights={"lang=de": 0.05, "lang=en": 0.95}))
    assert rare.primary.delta_points == pytest.approx(2.0)
    assert rare.status == "dont_ship"
    assert any("not mixed like the traffic" in sentence for sentence in weighed.cautions)


def test_the_mix_of_the_samples_changes_nothing_but_the_estimator():
    data = two_slices((40, 20, 5, 35), (30, 15, 10, 45))
    plain = compare(Exact(), data, alpha=0.05, seed="fp1:0")
    same = mixed(data)
    assert same.delta_points == plain.delta_points
    assert same.baseline_points == plain.baseline_points
    assert same.bounds.low == pytest.approx(plain.bounds.low, abs=0.4)
    assert same.bounds.high == pytest.approx(plain.bounds.high, abs=0.4)
    assert same.p_value == pytest.approx(plain.p_value, rel=0.3)


def test_the_error_is_the_root_of_the_weighed_squares():
    rng = np.random.default_rng(3)
    base, cand = rng.uniform(0.2, 0.6, 300), rng.uniform(0.3, 0.7, 300)
    keep = np.arange(300) < 100
    data = table(list(base), list(cand), slices={"lang=de": keep, "lang=en": ~keep})
    found = mixed(data, {"lang=de": 0.8, "lang=en": 0.2})
    each = cand - base
    error = np.sqrt(sum(w**2 * each[k].var(ddof=1) / k.sum() for w, k in ((0.8, keep), (0.2, ~keep))))
    assert found.bounds.high - found.bounds.low == pytest.approx(100 * 2 * 1.645 * error, rel=0.02)
    assert found.sd_points / 300**0.5 == pytest.approx(100 * error, rel=0.01)


def test_parts_without_spread_keep_a_width():
    found = mixed(two_slices((0, 40, 0, 0), (40, 0, 0, 0)))
    assert found.delta_points == 50.0
    assert found.bounds.high - found.bounds.low > 2.0


def test_a_mix_with_clusters_across_slices_is_wider():
    german, english = (20, 25, 5, 50), (20, 25, 5, 50)
    together = mixed(two_slices(german, english, clusters=[i % 100 // 5 for i in range(200)]))
    apart = mixed(two_slices(german, english, clusters=list(range(200))))
    assert (together.n_clusters, apart.n_clusters) == (20, 200)
    assert together.bounds.high - together.bounds.low > 1.5 * (apart.bounds.high - apart.bounds.low)
    assert mixed(two_slices(german, english, clusters=[0] * 200)).bounds.low == -100.0


def test_a_part_of_the_mix_without_scores_leaves_nothing_to_decide_by():
    base, cand = pairs(50, 30, 5, 15)
    slices = {"lang=de": [True] * 100 + [False] * 40, "lang=en": [False] * 100 + [True] * 40}
    data = table(base + [None] * 40, cand + [1.0] * 40, slices=slices)
    verdict = judged(data, slices=SlicesSpec(weights=EVEN))
    assert verdict.status == "invalid"
    assert verdict.primary.delta_points is None
    assert "lang=en" in verdict.reasons[0].detail
    assert judged(data, slices=SlicesSpec(weights={"lang=de": 1.0, "lang=en": 0.0})).status == "ship"


def test_what_is_missing_counts_by_its_share():
    base, cand = pairs(50, 30, 5, 15)
    slices = {"lang=de": [True] * 50 + [False] * 50, "lang=en": [False] * 50 + [True] * 50}
    data = table([None, *base[1:]], cand, slices=slices)
    found = mixed(data, {"lang=de": 0.9, "lang=en": 0.1})
    low, high = found.worst_case_points
    assert high - low == pytest.approx(0.9 * 100 / 50, abs=0.2)
    assert found.unscored == {"baseline": 1, "candidate": 0}


def f1_table(n=200, seed=1):
    rng = np.random.default_rng(seed)
    gold = rng.integers(3, size=n)
    samples = tuple(Sample(id=str(i), fields={}, target=f"l{g}") for i, g in enumerate(gold))
    metric = build_classification(MetricSpec(name="exact", type="f1"), samples)
    columns = {}
    for role, accuracy in (("baseline", 0.6), ("candidate", 0.8)):
        predicted = np.where(rng.random(n) < accuracy, gold, rng.integers(3, size=n))
        scores = [metric.score(f"l{p}", sample) for p, sample in zip(predicted, samples, strict=True)]
        made = column([score.value for score in scores])
        columns[role] = {"exact": structs.replace(made, counts=Counts.of(np.array([s.counts for s in scores])))}
    keep = np.arange(n) < n // 4
    plain = table([1.0] * n, [1.0] * n, slices={"lang=de": keep, "lang=en": ~keep})
    return structs.replace(plain, columns=columns), metric


def test_a_corpus_metric_is_taken_of_weighed_counts():
    data, metric = f1_table()
    found = mix.reweighted(metric, data, {"lang=de": 0.9, "lang=en": 0.1}, seed="fp1:0").at(0.05)
    counts = data.columns["candidate"]["exact"].counts.rows()
    totals = 0.9 * counts[:50].mean(axis=0) + 0.1 * counts[50:].mean(axis=0)
    assert found.candidate_points == pytest.approx(100 * float(metric.statistic(totals)))
    whole = compare(metric, data, alpha=0.05, seed="fp1:0")
    same = mix.reweighted(metric, data, {"lang=de": 0.25, "lang=en": 0.75}, seed="fp1:0").at(0.05)
    assert same.delta_points == pytest.approx(whole.delta_points)
    assert same.bounds.low == pytest.approx(whole.bounds.low, abs=1.0)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 12)] * 8), st.floats(0.01, 0.99))
def test_a_mix_lies_between_its_parts_and_its_interval_holds_it(counts, share):
    german, english = counts[:4], counts[4:]
    if not (sum(german) and sum(english)):
        return
    data = two_slices(german, english)
    found = mixed(data, {"lang=de": share, "lang=en": 1.0 - share})
    parts = [compare(Exact(), data, alpha=0.05, seed="fp1:0", rows=rows).delta_points for rows in data.slices.values()]
    assert min(parts) - 1e-6 <= found.delta_points <= max(parts) + 1e-6
    assert -100.0 <= found.bounds.low <= found.delta_points <= found.bounds.high <= 100.0
    assert found.bounds.low < found.bounds.high
    assert 0.0 <= found.p_value <= 1.0


def test_contributions_sum_to_the_whole_and_name_the_driver():
    verdict = judged(two_slices((30, 20, 0, 0), (80, 10, 5, 55)))
    assert sum(part.contribution_points for part in verdict.slices) == pytest.approx(verdict.primary.delta_points)
    summary = verdict.slice_summary
    assert (summary.driver, summary.worst) == ("lang=de", "lang=en")
    assert summary.driver_detail == "lang=de, 25.0 % of the pairs, brings +10.0 of the +12.5 points."


def test_a_corpus_metrics_contribution_is_what_would_be_gone():
    data, metric = f1_table()
    verdict = judged(data, {"exact": metric})
    base, cand = (data.columns[role]["exact"].counts.rows() for role in ("baseline", "candidate"))
    without = metric.statistic(np.concatenate([base[:50], cand[50:]]).sum(axis=0))
    expected = 100 * float(metric.statistic(cand.sum(axis=0)) - without)
    assert verdict.slices[0].contribution_points == pytest.approx(expected)


def test_slices_that_move_against_the_whole_are_pointed_out():
    hidden = judged(two_slices((100, 60, 0, 40), (60, 0, 3, 20)))
    assert hidden.primary.delta_points > 5.0
    assert "1 of the 2 judged slices of lang move the other way (lang=en −3.6)" in hidden.cautions[0]
    assert judged(two_slices((100, 60, 0, 40), (60, 3, 0, 20))).cautions == ()


def test_a_lost_slice_is_told_with_its_corrected_bounds():
    verdict = judged(two_slices((100, 60, 0, 40), (60, 0, 30, 20)))
    detail = next(reason.detail for reason in verdict.reasons if reason.code == "SLICE_REGRESSED")
    assert "lang=en loses 27.3 points (n = 110; at worst −" in detail
    assert "after Holm's correction" in detail


def test_slices_are_corrected_for_their_number():
    data = two_slices((100, 60, 0, 40), (100, 60, 0, 40))
    plain = compare(Exact(), data, alpha=0.05, seed="fp1:0", rows=data.slices["lang=de"])
    parts = judge_slices(Exact(), data, SlicesSpec(), alpha=0.05, seed="fp1:0")
    assert parts[0].comparison == plain
    widths = sorted(part.adjusted.high - part.adjusted.low for part in parts)
    assert widths[0] == pytest.approx(plain.bounds.high - plain.bounds.low)
    assert widths[1] > 1.1 * widths[0]


def test_a_hundred_thousand_slices_have_a_clear_result(monkeypatch):
    base, cand = pairs(40_000, 30_000, 10_000, 20_000)
    data = structs.replace(table(base, cand), slices={f"id={i}": np.array([i], dtype=np.intp) for i in range(100_000)})
    measured = []

    def counted(found, *, seed):
        measured.append(len(found.both))
        return difference(found, seed=seed)

    monkeypatch.setattr("evalkit.compare.slices.difference", counted)
    verdict = judged(data)
    assert verdict.status == "ship"
    assert len(verdict.slices) == MAX_SMALL
    assert sum(measured) == MAX_SMALL  # not one pass over all samples for each slice
    (told,) = verdict.cautions
    assert told.startswith("The samples fall into 100,000 slices; 0 of them were judged and 100 are shown, the largest")


def test_secondary_metrics_are_adjusted_and_cannot_ship():
    base, cand = pairs(80, 22, 20, 78)
    up = pairs(60, 60, 0, 80)
    data = table(base, cand)
    columns = {
        role: {"exact": column(main), "other": column(side), "third": column(side)}
        for role, main, side in (("baseline", base, up[0]), ("candidate", cand, up[1]))
    }
    other = [Exact() for _ in range(2)]
    other[0].name, other[1].name = "other", "third"
    metrics = {"exact": Exact(), "other": other[0], "third": other[1]}
    verdict = judged(structs.replace(data, columns=columns), metrics)
    assert verdict.status == "dont_ship"
    primary, second, third = verdict.metrics
    assert primary.adjusted_p is None
    assert second.adjusted_p == third.adjusted_p == second.p_value


class Ratio:
    """A corpus metric that is 0/0 where nothing was counted."""

    name = "exact"

    def score(self, answer, sample):
        raise NotImplementedError

    def bounds(self, sample):
        return (0.0, 1.0), (1.0, 1.0)

    def statistic(self, totals):
        with np.errstate(all="ignore"):
            return totals[..., 0] / totals[..., 1]


@pytest.mark.parametrize("rare", [0, 2])
def test_a_metric_that_is_no_number_gives_no_number(rare):
    rows = np.zeros((60, 2))
    rows[:rare] = 1.0
    side = Column(values=rows[:, 0], is_scored=np.ones(60, dtype=bool), why={}, counts=Counts.of(rows))
    data = structs.replace(
        two_slices((30, 0, 0, 0), (30, 0, 0, 0)), columns={role: {"exact": side} for role in ("baseline", "candidate")}
    )
    verdict = judged(data, {"exact": Ratio()})
    assert verdict.status == "invalid"
    assert verdict.primary.delta_points is None
    assert "no finite number" in verdict.primary.note
    assert all(part.contribution_points is None for part in verdict.slices)


@pytest.mark.parametrize(
    ("base", "cand", "gate", "status"),
    [
        ([0.5] * 100, [0.5] * 100, {}, "dont_ship"),  # constant and equal
        ([0.3] * 100, [0.6] * 100, {}, "ship"),  # constant and apart
        ([1.0] * 100, [1.0] * 100, {}, "dont_ship"),
        ([0.0] * 100, [0.0] * 100, {}, "dont_ship"),
        ([None] * 100, [1.0] * 100, {}, "invalid"),  # one side empty
        ([None] * 100, [None] * 100, {}, "invalid"),
        ([0.0], [1.0], {}, "invalid"),  # n = 1
        ([0.0] * 100, [1.0] * 100, {"clusters": [0] * 100}, "invalid"),  # one cluster
    ],
)
@pytest.mark.parametrize("weights", [None, {"lang=de": 0.7, "lang=en": 0.3}, {"lang=de": 1.0}])
def test_odd_scores_have_a_verdict(base, cand, gate, status, weights):
    n = len(base)
    names = {"lang=de": [i % 2 == 0 for i in range(n)], "lang=en": [i % 2 == 1 for i in range(n)]}
    data = table(base, cand, slices=names, **gate)
    verdict = judged(data, slices=SlicesSpec(weights=weights), primary=PrimarySpec(metric="exact"))
    assert verdict.status == status
    for found in (verdict.primary, *verdict.metrics, *(part.comparison for part in verdict.slices)):
        for bounds in filter(None, (found.bounds, found.ci95)):
            assert -100.0 <= bounds.low <= bounds.high <= 100.0
            assert bounds.low < bounds.high


def test_more_slices_than_can_be_judged_are_told(monkeypatch):
    monkeypatch.setattr("evalkit.compare.slices.MAX_JUDGED", 5)
    base, cand = pairs(100, 60, 0, 40)
    slices = {f"part={part}": [i % 8 == part for i in range(200)] for part in range(8)}
    verdict = judged(table(base, cand, slices=slices), slices=SlicesSpec(min_n=20))
    assert (verdict.slice_summary.total, verdict.slice_summary.judged, len(verdict.slices)) == (8, 5, 5)
    assert "5 of them were judged" in verdict.cautions[-1]


def test_what_is_missing_is_weighed_by_the_mix_before_a_ship():
    base, cand = two_lists((80, 40, 18, 62), (400, 100, 20, 280))
    cand[:5] = [None] * 5  # German, both right before; at worst 2.5 German points, which are nine tenths of the mix
    slices = {"lang=de": [i < 200 for i in range(1000)], "lang=en": [i >= 200 for i in range(1000)]}
    data = table(base, cand, slices=slices)
    primary = PrimarySpec(metric="exact", min_delta=9.5)
    assert judged(data, primary=primary).status == "ship"
    heavy = SlicesSpec(weights={"lang=de": 0.9, "lang=en": 0.1})
    assert judged(data, primary=primary, slices=heavy).reasons[0].code == "MISSING_COULD_DECIDE"


def two_lists(german, english):
    return [first + second for first, second in zip(pairs(*german), pairs(*english), strict=True)]


def test_a_contribution_that_is_no_number_is_none():
    assert drivers._points(float("nan")) is None
    assert drivers._points(float("inf")) is None
