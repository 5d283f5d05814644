"""A judge's difference before the gate: corrected by people's labels, or not believed."""

import numpy as np
import pytest
from msgspec import structs
from tables import Exact, pairs, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.compare.instrument import Instrument
from evalkit.stats.correction import Confusion
from evalkit.types import SlicesSpec

GOOD = Confusion(tp=95, fn=5, fp=5, tn=95)
FOOLED = Confusion(tp=95, fn=5, fp=50, tn=50)
SHIPS = (114, 41, 8, 37)


def verdict_of(counts, instrument, data=None, **gate):
    data = data or table(*pairs(*counts))
    measured = Measured(table=data, metrics={"exact": Exact()})
    judges = {"exact": instrument} if instrument else {}
    return decide(Evidence(suite=suite(**gate), main=measured, guards={}, seed="fp1:0", judges=judges))


def code_of(verdict):
    return verdict.reasons[0].code


def judge(**more):
    return Instrument(judge="tone", **more)


@pytest.mark.parametrize("counts", [SHIPS, (100, 5, 40, 55), (100, 2, 2, 96)])
def test_a_judge_nobody_measured_decides_nothing_either_way(counts):
    found = verdict_of(counts, judge(distrust="nobody has measured it against people"))
    assert (found.status, found.exit_code, code_of(found)) == ("inconclusive", 3, "JUDGE_UNCALIBRATED")
    assert "nobody has measured it" in found.reasons[0].detail
    assert "As the judge sees it, " in found.reasons[0].detail
    trusted = verdict_of(counts, judge(distrust="nobody has measured it", is_trusted=True))
    assert code_of(trusted) == code_of(verdict_of(counts, None))


def test_a_judge_nobody_probed_is_told_apart():
    found = verdict_of(SHIPS, judge(distrust="nobody has tried it", code="JUDGE_UNPROBED", confusion={"": GOOD}))
    assert (found.status, found.exit_code, code_of(found)) == ("inconclusive", 3, "JUDGE_UNPROBED")


@pytest.mark.parametrize("counts", [SHIPS, (100, 5, 40, 55)])
def test_a_judge_that_cannot_be_read_on_more_than_one_answer_in_a_hundred_decides_nothing(counts):
    read = judge(confusion={"": GOOD}, asked=400, unread=4)
    assert code_of(verdict_of(counts, read)) == code_of(verdict_of(counts, judge(confusion={"": GOOD})))
    found = verdict_of(counts, structs.replace(read, unread=5))
    assert (found.status, code_of(found)) == ("inconclusive", "JUDGE_UNREADABLE")
    assert "no usable grade on 5 of 400 answers, and at most 1 % may be left out" in found.reasons[0].detail
    assert "As the others have it, " in found.reasons[0].detail


def test_errors_known_and_alike_on_both_sides_are_undone_and_it_is_said():
    raw = verdict_of(SHIPS, None).primary
    found = verdict_of(SHIPS, judge(confusion={"baseline": GOOD, "candidate": GOOD}))
    assert found.status == "ship"
    assert found.primary.delta_points == pytest.approx(raw.delta_points / 0.9)
    assert found.primary.candidate_points - found.primary.baseline_points == pytest.approx(found.primary.delta_points)
    assert found.primary.method == "rogan-gladen, each side"
    assert "Fisher" not in found.primary.note
    assert "+16.5 points (at worst +11.2, at best +22.1) as it graded, +18.3 points" in found.primary.note
    assert found.metrics[0].delta_points == found.primary.delta_points


def test_a_judge_that_is_fooled_by_the_candidate_ships_raw_and_not_corrected():
    counts = (90, 30, 8, 72)
    assert verdict_of(counts, None).status == "ship"
    found = verdict_of(counts, judge(confusion={"baseline": GOOD, "candidate": FOOLED}))
    assert found.status == "dont_ship"
    assert found.primary.method == "rogan-gladen, each side"
    assert "it errs differently on them, Fisher's p = 0.000" in found.primary.note


def test_sides_that_differ_with_too_few_labels_each_are_not_pooled():
    few = Confusion(tp=30, fn=0, fp=9, tn=3)
    found = verdict_of(SHIPS, judge(confusion={"baseline": GOOD, "candidate": few}))
    assert (found.status, code_of(found)) == ("inconclusive", "JUDGE_UNCALIBRATED")
    assert "one correction for both would be wrong" in found.reasons[0].detail
    assert "12 of the rarest kind" in found.reasons[0].detail


def test_error_rates_of_another_candidate_hold_only_where_the_judge_erred_alike():
    """The judge errs on a candidate in a way of its own, and on this one nobody has looked."""
    alike = judge(confusion={"baseline": GOOD, "candidate": GOOD}, whose="others")
    found = verdict_of(SHIPS, alike)
    assert (found.status, found.primary.method) == ("ship", "rogan-gladen, pooled")
    assert "400 labelled answers of other models (Rogan–Gladen, taken to be the same here)" in found.primary.note
    found = verdict_of(SHIPS, structs.replace(alike, confusion={"baseline": GOOD, "candidate": FOOLED}))
    assert (found.status, code_of(found)) == ("inconclusive", "JUDGE_UNCALIBRATED")
    assert "people labelled answers of other models than these" in found.reasons[0].detail
    these = verdict_of(SHIPS, structs.replace(alike, whose="these"))
    assert these.primary.method == "rogan-gladen, each side"
    assert "not on record" not in these.primary.note
    unknown = verdict_of(SHIPS, structs.replace(alike, whose="unknown"))
    assert "(Rogan–Gladen, each side by its own; that these models gave them is not on record)" in unknown.primary.note


def test_labels_that_do_not_say_whose_answer_correct_both_sides_alike():
    found = verdict_of(SHIPS, judge(confusion={"": GOOD}))
    assert found.primary.method == "rogan-gladen, pooled"


@pytest.mark.parametrize(
    ("confusion", "words"),
    [
        ({}, "only 0 good and 0 bad answers"),
        ({"": Confusion(tp=90, fn=10, fp=2, tn=8)}, "100 good and 10 bad"),
        ({"candidate": GOOD}, "0 good and 0 bad answers of the baseline, 100 good and 100 bad"),
        ({"candidate": GOOD, "baseline": Confusion(tp=9, fn=1)}, "nothing tells whether it errs alike on both"),
        ({"": Confusion(tp=55, fn=45, fp=45, tn=55)}, "tells good from bad answers too badly"),
    ],
)
def test_labels_that_cannot_correct_are_said(confusion, words):
    found = verdict_of(SHIPS, judge(confusion=confusion))
    assert (found.status, code_of(found)) == ("inconclusive", "JUDGE_UNCALIBRATED")
    assert words in found.reasons[0].detail


def test_graded_scores_need_labels_of_these_very_answers():
    draw = np.random.default_rng(3)
    base = np.round(draw.random(200) * 4) / 4 * 0.8
    cand = np.minimum(1.0, base + 0.2 * (draw.random(200) < 0.7))
    data = table(base, cand)
    found = verdict_of(None, judge(confusion={"": GOOD}), data)
    assert "its scores are graded" in found.reasons[0].detail
    own = {data.sample_ids[i]: (base[i], cand[i], 1.0) for i in range(0, 200, 2)}
    mended = verdict_of(None, judge(own=own), data)
    assert (mended.status, mended.primary.method) == ("ship", "ppi++")
    assert "people's labels of 100 of these 200 pairs (PPI++" in mended.primary.note


def test_people_who_see_no_gain_outvote_the_judge():
    data = table(*pairs(*SHIPS))
    rows = np.random.default_rng(1).choice(200, 100, replace=False)
    own = {data.sample_ids[i]: (1.0, float(i % 50 != 0), 1.0) for i in rows}
    found = verdict_of(None, judge(own=own), data)
    assert found.status == "dont_ship"
    assert found.primary.delta_points < 2.0
    few = dict(list(own.items())[:29])
    assert code_of(verdict_of(None, judge(own=few), data)) == "JUDGE_UNCALIBRATED"


def test_a_gain_that_is_all_length_is_inconclusive_unless_people_saw_it_too():
    data = table(*pairs(*SHIPS))
    gain = data.columns["candidate"]["exact"].values - data.columns["baseline"]["exact"].values
    draw = np.random.default_rng(2)
    longer = {name: (300.0 * gain[i] + draw.normal(20, 40), 0.0) for i, name in enumerate(data.sample_ids)}
    trusted = judge(confusion={"": GOOD}, looks=longer)
    found = verdict_of(None, trusted, data)
    assert (found.status, code_of(found)) == ("inconclusive", "JUDGE_LENGTH_CONFOUNDED")
    assert "equally long and equally styled" in found.reasons[0].detail
    base = data.columns["baseline"]["exact"].values
    own = {data.sample_ids[i]: (base[i], base[i] + gain[i], 1.0) for i in range(0, 200, 2)}
    assert verdict_of(None, structs.replace(trusted, own=own), data).status == "ship"
    unrelated = {name: (draw.normal(20, 40), 1.0) for name in data.sample_ids}
    assert verdict_of(None, structs.replace(trusted, looks=unrelated), data).status == "ship"


def test_looks_are_held_equal_on_the_corrected_scale():
    """As graded the gain is 4.75 points and corrected 5.3; looks that come out even leave either as it is."""
    data = table(*pairs(200, 27, 8, 165))
    even = {name: (40.0 - 80.0 * (i % 2),) for i, name in enumerate(data.sample_ids)}
    found = verdict_of(None, judge(confusion={"": GOOD}, looks=even), data)
    assert (found.status, found.primary.delta_points) == ("ship", pytest.approx(4.75 / 0.9))


def test_a_gain_that_is_all_length_ships_no_judge_that_is_trusted_unmeasured():
    data = table(*pairs(*SHIPS))
    gain = data.columns["candidate"]["exact"].values - data.columns["baseline"]["exact"].values
    draw = np.random.default_rng(2)
    longer = {name: (300.0 * gain[i] + draw.normal(20, 40),) for i, name in enumerate(data.sample_ids)}
    found = verdict_of(None, judge(distrust="nobody has measured it", is_trusted=True, looks=longer), data)
    assert (found.status, code_of(found)) == ("inconclusive", "JUDGE_LENGTH_CONFOUNDED")


def test_a_judge_of_pairs_is_corrected_by_no_rates():
    """A pair's loss is the other side's win: one table for both would undo a leaning the wrong way."""
    found = verdict_of(SHIPS, judge(confusion={"candidate": GOOD}, is_pair=True))
    assert code_of(found) == "JUDGE_UNCALIBRATED"
    assert "it compares answers in pairs" in found.reasons[0].detail


def test_equal_answers_of_a_pair_count_as_ties_beside_the_labels():
    """People prefer the candidate on 70 of the 100 pairs that differ, where the judge sees none better anywhere."""
    wins = np.repeat([1.0, 0.0, 0.5], [70, 30, 100])
    data = table(np.full(200, 0.5), np.full(200, 0.5))
    own = {data.sample_ids[i]: (1.0 - wins[i], wins[i], 1.0) for i in range(0, 100, 2)}
    alike = frozenset(data.sample_ids[100:])
    found = verdict_of(None, judge(own=own, is_pair=True, alike=alike), data)
    assert found.primary.delta_points == pytest.approx(20.0)


def test_what_is_missing_is_held_against_a_difference_that_people_corrected():
    """The judge tells nothing, so that its weight is near 0; what is missing counts in full all the same."""
    data = table(*pairs(90, 24, 8, 78))
    column = data.columns["candidate"]["exact"]
    rows = np.random.default_rng(5).permutation(np.arange(20, 200))[:100]
    own = {data.sample_ids[i]: (float(k >= 8), 1.0, 1.0) for k, i in enumerate(rows)}
    assert verdict_of(None, judge(own=own), data).status == "ship"
    gone = np.ones(200, dtype=bool)
    gone[np.flatnonzero(column.values == 1.0)[:9]] = False
    sides = data.columns | {"candidate": {"exact": structs.replace(column, is_scored=gone)}}
    found = verdict_of(None, judge(own=own), structs.replace(data, columns=sides))
    assert code_of(found) == "MISSING_COULD_DECIDE"


def test_a_production_mix_is_not_corrected_and_so_decides_nothing():
    data = table(*pairs(*SHIPS), slices={"lang=de": np.arange(200) < 100, "lang=en": np.arange(200) >= 100})
    weights = SlicesSpec(weights={"lang=de": 0.9, "lang=en": 0.1})
    found = verdict_of(None, judge(confusion={"": GOOD}), data, slices=weights)
    assert "production mix" in found.reasons[0].detail
    assert code_of(found) == "JUDGE_UNCALIBRATED"


def test_what_is_missing_is_held_against_the_corrected_difference_too():
    data = table(*pairs(90, 24, 8, 78))
    assert verdict_of(None, judge(confusion={"": GOOD}), data).status == "ship"
    column = data.columns["candidate"]["exact"]
    gone = np.ones(200, dtype=bool)
    gone[np.flatnonzero(column.values == 1.0)[:9]] = False
    sides = data.columns | {"candidate": {"exact": structs.replace(column, is_scored=gone)}}
    found = verdict_of(None, judge(confusion={"": GOOD}), structs.replace(data, columns=sides))
    assert code_of(found) == "MISSING_COULD_DECIDE"
