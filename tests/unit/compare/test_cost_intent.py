"""`intent: cost`: not worse, and paid back in time."""

import math

import pytest
from tables import Exact, pairs, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.types import Amount, Payback

SAME, WORSE, OPEN = (150, 3, 3, 44), (100, 5, 40, 55), (100, 15, 14, 71)
SOON = Payback(asked_days=90, days=Amount(point=30, low=25, high=90))
LATE = Payback(asked_days=90, days=Amount(point=120, low=90.1, high=math.inf))
EITHER = Payback(asked_days=90, days=Amount(point=80, low=70, high=95))
LATE_AS_MEASURED = Payback(asked_days=90, days=Amount(point=100, low=90, high=120))
NEVER = Payback(asked_days=90, days=Amount(point=math.inf, low=math.inf, high=math.inf))
UNKNOWN = Payback(asked_days=90, why="the suite names no price for the candidate")


def judged(counts, payback, intent="cost"):
    measured = Measured(table=table(*pairs(*counts)), metrics={"exact": Exact()})
    gate = suite(intent=intent, noninferiority_margin=3.0)
    return decide(Evidence(suite=gate, main=measured, guards={}, seed="fp1:0", payback=payback))


@pytest.mark.parametrize(
    ("counts", "payback", "status", "code"),
    [
        (SAME, SOON, "ship", "PASS"),
        (SAME, LATE, "dont_ship", "PAYBACK_TOO_LONG"),
        (SAME, NEVER, "dont_ship", "PAYBACK_TOO_LONG"),
        (SAME, EITHER, "inconclusive", "PAYBACK_UNSETTLED"),
        (SAME, LATE_AS_MEASURED, "inconclusive", "PAYBACK_UNSETTLED"),
        (SAME, UNKNOWN, "inconclusive", "PAYBACK_UNKNOWN"),
        (SAME, None, "inconclusive", "PAYBACK_UNKNOWN"),
        (WORSE, SOON, "dont_ship", "REGRESSION"),
        (OPEN, SOON, "inconclusive", "POINT_OK_NOT_SIGNIFICANT"),
        (OPEN, LATE, "dont_ship", "PAYBACK_TOO_LONG"),
    ],
)
def test_the_verdict(counts, payback, status, code):
    verdict = judged(counts, payback)
    assert (verdict.status, verdict.reasons[0].code) == (status, code)
    assert verdict.payback == payback


@pytest.mark.parametrize("payback", [LATE, NEVER, EITHER, UNKNOWN, None])
@pytest.mark.parametrize(("counts", "intent"), [((114, 41, 8, 37), "quality"), (SAME, "regression")])
def test_other_intents_never_block_on_it(counts, intent, payback):
    verdict = judged(counts, payback, intent)
    assert verdict.status == "ship"
    assert [reason.code for reason in verdict.reasons] == ["PASS"]


def test_reasons_are_sentences():
    told = [judged(SAME, payback).reasons[0].detail for payback in (LATE, NEVER, EITHER, UNKNOWN)]
    assert told == [
        "the change pays for itself after 120 days [90.1, never]; at most 90 days was asked for",
        "the change never pays for itself; at most 90 days was asked for",
        "the change pays for itself after 80 days [70, 95], which may be too late: at most 90 days was asked for",
        "when the change has paid for itself is not known: the suite names no price for the candidate",
    ]


def test_the_pairs_that_would_settle_it_are_those_for_the_margin():
    verdict = judged(OPEN, SOON)
    assert verdict.n_needed > 500  # 29 discordant of 200, margin 3: about (2.486 / 0.03)² · 0.17
    assert verdict.n_needed < 1700
