"""How many pairs would change a verdict, and that no row of it says another thing than the verdict."""

import numpy as np
import pytest
from msgspec import structs
from tables import Exact, pairs, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.compare.primary import pairs_to_ship, planned_points
from evalkit.compare.several import over_all
from evalkit.report.asked import asked_rows
from evalkit.report.headline import advice, headline
from evalkit.types import Guard, GuardSpec, PrimarySpec, Reason, SlicesSpec, ValiditySpec

ANY = ValiditySpec(min_n=1, min_clusters=1, min_pair_coverage=0.0, max_error_rate=1.0)


def judged(data, **gate):
    asked = suite(**gate)
    measured = Measured(table=data, metrics={"exact": Exact()})
    return decide(Evidence(suite=asked, main=measured, guards={}, seed="fp1:0")), asked


def gain_row(verdict, asked):
    return asked_rows(verdict, asked, None, {})[0]


OPEN = (100, 28, 18, 54)


def test_pairs_that_all_move_with_their_cluster_are_worth_one_each():
    """Ten copies of every pair: ten times the pairs show no smaller gain, and ten times as many are needed."""
    base, cand = pairs(*OPEN)
    alone, _ = judged(table(base, cand))
    tenfold, _ = judged(
        table(np.repeat(base, 10).tolist(), np.repeat(cand, 10).tolist(), clusters=np.repeat(np.arange(200), 10))
    )
    assert tenfold.primary.design_effect == pytest.approx(10.0, rel=0.02)
    assert tenfold.mde_points == pytest.approx(alone.mde_points, abs=0.1)
    assert 8.5 < tenfold.n_needed / alone.n_needed < 11.0
    assert alone.primary.design_effect == 1.0


def test_a_guard_over_clusters_asks_for_pairs_in_clusters():
    base, cand = pairs(100, 10, 10, 80)
    guard = GuardSpec(kind="metric", metric="exact", margin=3.0)
    alone, _ = judged(table(base, cand), guards=(guard,))
    tenfold, _ = judged(
        table(np.repeat(base, 10).tolist(), np.repeat(cand, 10).tolist(), clusters=np.repeat(np.arange(200), 10)),
        guards=(guard,),
    )
    assert tenfold.guards[0].n_needed > 8 * alone.guards[0].n_needed > 0


def test_of_one_cluster_nothing_is_known_and_nothing_is_made_up():
    found, asked = judged(table(*pairs(*OPEN), clusters=[0] * 200), validity=ANY)
    assert (found.status, found.mde_points, found.n_needed) == ("inconclusive", None, None)
    assert not any("pairs" in line for line in advice(found, asked))


@pytest.mark.parametrize("evidence", ["positive", "margin", "none"])
def test_a_gain_as_planned_ships_four_times_in_five_at_the_pairs_advised(evidence):
    """The sentence of the advice, tried: draws of as many pairs, judged by the gate itself."""
    gate = {"primary": PrimarySpec(metric="exact", evidence=evidence), "validity": ANY}
    asked = suite(**gate).gate
    effect, psi, rng = planned_points(asked) / 100, 0.2, np.random.default_rng(5)
    n = pairs_to_ship(asked, psi, effect)
    draws = rng.multinomial(n, [(psi + effect) / 2, (psi - effect) / 2, 1 - psi], size=150)
    found = [judged(table(*pairs(0, fixed, broken, same)), **gate)[0].status for fixed, broken, same in draws]
    assert 0.70 < found.count("ship") / len(found) < 0.90


def test_proof_of_the_margin_takes_more_pairs_than_proof_of_a_gain():
    counts = (100, 40, 18, 42)
    margin, asked = judged(table(*pairs(*counts)), primary=PrimarySpec(metric="exact", evidence="margin"))
    assert margin.reasons[0].code == "POINT_OK_NOT_SIGNIFICANT"
    assert margin.n_needed > 1900
    assert any("truly gains 8 points ships four times in five" in line for line in advice(margin, asked))


@pytest.mark.parametrize("bar", [0.0, 99.0])
def test_a_bar_at_either_end_has_a_verdict(bar):
    fixed, same = (28, 18) if bar == 0.0 else (200, 0)
    found, asked = judged(
        table(*pairs(0, fixed, same, 200 - fixed - same)),
        primary=PrimarySpec(metric="exact", min_delta=bar, evidence="margin" if bar else "positive"),
    )
    assert found.status == "inconclusive"
    assert (found.n_needed is None) == bool(bar)
    assert advice(found, asked) is not None


def test_no_pairs_are_asked_for_where_something_else_has_lost_for_good():
    counts = pairs(*OPEN)
    open_one, _ = judged(table(*counts))
    assert open_one.n_needed
    lost = {"lang=fr": np.arange(200) >= 128}
    verdict, asked = judged(table(*counts, slices=lost), slices=SlicesSpec(max_drop=10.0))
    assert [reason.code for reason in verdict.reasons][:1] == ["SLICE_REGRESSED"]
    assert verdict.n_needed is None
    assert not any("ships four times in five" in line for line in advice(verdict, asked))


def test_the_row_of_the_gain_is_of_the_baseline_that_decides():
    asked = suite()
    good, bad = judged(table(*pairs(90, 60, 20, 30)))[0], judged(table(*pairs(90, 20, 60, 30)))[0]
    both = over_all({"good": good, "bad": bad})
    assert (good.status, both.status) == ("ship", "dont_ship")
    assert {"PASS", "REGRESSION"} <= {reason.code for reason in both.reasons}
    assert gain_row(both, asked)["state"] == "regressed"
    assert gain_row(good, asked)["state"] == "held"


def test_the_row_of_the_gain_is_open_where_what_is_missing_could_decide():
    base, cand = pairs(120, 57, 18, 165)
    verdict, asked = judged(table(base, [*cand[:80], *[None] * 40, *cand[120:]]), validity=ANY)
    assert verdict.reasons[0].code == "MISSING_COULD_DECIDE"
    assert gain_row(verdict, asked)["state"] == "unresolved"


def test_one_pair_is_one_sample():
    verdict, asked = judged(table([0.0], [1.0]), validity=ANY)
    assert "1 paired sample)" in headline(verdict, asked)


def test_the_row_of_the_slices_counts_those_not_shown_too():
    slices = {f"user={i}": np.arange(200) == i for i in range(200)}
    verdict, asked = judged(table(*pairs(*OPEN), slices=slices))
    assert len(verdict.slices) < 200
    assert "all 200 slices" in asked_rows(verdict, asked, None, {})[1]["got"]


def test_the_slice_to_look_at_is_named():
    lost = {"lang=fr": np.arange(200) >= 128}
    verdict, asked = judged(table(*pairs(*OPEN), slices=lost), slices=SlicesSpec(max_drop=10.0))
    assert any(line.startswith("Filter the samples by lang=fr:") for line in advice(verdict, asked))


@pytest.mark.parametrize("intent", ["quality", "regression"])
def test_the_price_of_more_samples_is_told_where_it_is_known(intent):
    verdict, asked = judged(table(*pairs(*OPEN)), intent=intent, noninferiority_margin=0.5)
    more = verdict.n_needed - 200
    told = f"{more:,} more samples cost about ${more * 0.25:,.2f} to ask of both sides"
    assert any(told in line for line in advice(verdict, asked, 0.25))
    assert not any("cost about" in line for line in advice(verdict, asked))


def test_what_a_guard_asks_for_is_a_sentence():
    guard = GuardSpec(kind="metric", metric="exact", margin=1.0)
    verdict, _ = judged(table(*pairs(60, 5, 60, 75)), guards=(guard,))
    told = next(reason.detail for reason in verdict.reasons if reason.code == "GUARD_REGRESSED")
    assert told.endswith("; the suite asks that it loses at most 1 point")


def test_a_ship_says_so_where_the_interval_beside_it_still_holds_zero():
    close, asked = judged(table(*pairs(100, 32, 19, 49)))
    assert (close.status, close.primary.ci95.low < 0.0 < close.primary.bounds.low) == ("ship", True)
    assert "one-sided at 95 % as the gate asks: the two-sided 95 % interval still holds 0." in headline(close, asked)
    clear, asked = judged(table(*pairs(100, 40, 18, 42)))
    assert headline(clear, asked).endswith("the evidence shows a gain above 0, not one above 5.")


def test_a_few_samples_out_of_many_do_not_say_how_many_would_do():
    found, asked = judged(table(*pairs(100, 40, 18, 42)), primary=PrimarySpec(metric="exact", evidence="margin"))
    guard = Guard(
        name="schema", state="unresolved", asked="loses at most 1 point", got="", is_blocking=False, n_needed=16_170
    )
    whole = structs.replace(found, guards=(guard,))
    limited = Reason(code="LIMITED", is_blocking=True, detail="only a random subset of the suite was run")
    part = structs.replace(whole, reasons=(*whole.reasons, limited))
    assert sum("pairs" in line for line in advice(whole, asked)) == 2
    assert not any("pairs" in line or "ships four" in line for line in advice(part, asked))
    assert "Run it again without --limit for a verdict." in advice(part, asked)
