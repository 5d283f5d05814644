"""What the payback says about a suite whose goal is cost: soon enough, too late, or not to be told."""

from __future__ import annotations

import math

from evalkit.numbers import days, days_within
from evalkit.types import Amount, GateSpec, Payback, Reason, Status


def judge_payback(payback: Payback | None, gate: GateSpec) -> list[tuple[Status, Reason]]:
    """What keeps a suite with `intent: cost` from shipping; empty for other intents and for a payback in time.

    Too long even at its early end: don't ship. Its end on either side of what is asked, or not measured: inconclusive.
    """
    if gate.intent != "cost":
        return []
    if payback is None or payback.days is None:
        why = payback.why if payback else "nothing was weighed"
        return [_because("inconclusive", "PAYBACK_UNKNOWN", f"when the change has paid for itself is not known: {why}")]
    found = payback.days
    asked = f"at most {days(payback.asked_days)} was asked for"
    if payback.state == "regressed":
        return [_because("dont_ship", "PAYBACK_TOO_LONG", f"{_told(found)}; {asked}")]
    if payback.state == "unresolved":
        return [_because("inconclusive", "PAYBACK_UNSETTLED", f"{_told(found)}, which may be too late: {asked}")]
    return []


def _told(found: Amount) -> str:
    if math.isinf(found.low):
        return "the change never pays for itself"
    return f"the change pays for itself {days_within(found.point, found.low, found.high)}"


def _because(status: Status, code: str, detail: str) -> tuple[Status, Reason]:
    return status, Reason(code=code, is_blocking=True, detail=detail)
