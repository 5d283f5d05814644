"""`cost` and `latency` of verdict.json: money, payback and answer times, rounded once. What is not known is null."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.costs.latency import NOT_STREAMED, latency_ratios, latency_summary, ttft_ratios
from evalkit.costs.payback import PERIOD_DAYS, UPFRONT_KEYS, Bill, Costs, Line
from evalkit.costs.prices import cost_summary
from evalkit.numbers import count, days_within, percent, usd
from evalkit.types import Amount, EconomicsSpec, Suite
from evalkit.types.table import ScoreTable

DAYS_A_YEAR = 365


def cost_document(table: ScoreTable, suite: Suite, costs: Costs) -> dict[str, Any]:
    """`cost` as docs/files.md describes it."""
    sides: dict[str, Any] = {role: cost_summary(table.paid[role], suite.models[role]) for role in table.costs}
    dates = sorted({str(side["as_of"]) for side in sides.values() if side["as_of"]})
    document = sides | {"as_of": ", ".join(dates) or None, "currency": "USD", "per_request": _per_request(costs)}
    if suite.economics is None and suite.gate.intent != "cost":
        return document
    return (
        document
        | _economics(suite.economics or EconomicsSpec(), costs)
        | {"assumptions": list(_assumptions(table, suite, costs, sides))}
    )


def latency_document(table: ScoreTable, seed: str) -> dict[str, Any]:
    """`latency` as docs/files.md describes it."""
    late = {role: tally.kinds.get("timed_out", 0) for role, tally in table.tallies.items()}
    sides: dict[str, Any] = {r: latency_summary(seconds, late.get(r, 0)) for r, seconds in table.latencies.items()}
    first: dict[str, Any] = {
        r: latency_summary(seconds, late.get(r, 0), NOT_STREAMED) for r, seconds in table.first_tokens.items()
    }
    first["ratio"] = ttft_ratios(table, seed)
    return sides | {"ratio": latency_ratios(table, seed), "ttft": first}


def _per_request(costs: Costs) -> dict[str, Any]:
    difference, ci95 = costs.difference, costs.ci95
    return {
        "n": costs.pairs,
        "baseline": _figure(costs.baseline),
        "candidate": _figure(costs.candidate),
        "diff": _figure(difference.point) if difference else None,
        "ci95": [_figure(ci95.low), _figure(ci95.high)] if ci95 else None,
        "lower": _figure(difference.low) if difference else None,
        "upper": _figure(difference.high) if difference else None,
        "note": f"unknown: {costs.why_unpriced}" if costs.why_unpriced else None,
    }


def _economics(spec: EconomicsSpec, costs: Costs) -> dict[str, Any]:
    payback, saved = costs.payback, costs.saved_per_day
    return {
        "volume_per_day": spec.requests_per_day,
        "upfront": {
            "training_usd": spec.training_usd,
            "tuning_usd": _hours(spec.tuning_hours, spec),
            "labelling_usd": _hours(spec.labelling_hours, spec),
            "total_usd": _figure(costs.bill.upfront) if costs.bill else None,
        },
        "maintenance": {
            "fraction": spec.maintenance_share,
            "period_days": PERIOD_DAYS,
            "per_day": _figure(costs.upkeep_per_day),
        },
        "hosting_per_day": spec.hosting_usd_per_day,
        "saving_per_day": _amount(saved),
        "saving_per_year": _amount(saved.times(DAYS_A_YEAR) if saved else None),
        "net_per_day": _amount(costs.net_per_day),
        "payback_days": _amount(payback.days),
        "payback": {
            "state": payback.state,
            "asked_days": payback.asked_days,
            "words": days_within(payback.days.point, payback.days.low, payback.days.high) if payback.days else None,
            "note": f"not known: {payback.why}" if payback.why else None,
            "lines": _lines(costs.lines),
            "sensitivity": _lines(costs.sensitivity),
        },
        "break_even_req_per_day": _amount(costs.break_even),
        "break_even_upkeep_req_per_day": _amount(costs.break_even_upkeep),
    }


def _lines(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [
        {"what": line.what, "payback_days": _amount(line.days), "words": _words(line.days)} | _bill(line.bill)
        for line in lines
    ]


def _bill(bill: Bill | None) -> dict[str, Any]:
    return {} if bill is None else {"upfront_usd": _figure(bill.upfront), "usd_per_day": _figure(bill.per_day)}


def _words(found: Amount) -> str:
    return days_within(found.point, found.low, found.high)


def _assumptions(table: ScoreTable, suite: Suite, costs: Costs, sides: dict[str, Any]) -> Iterator[str]:
    spec = suite.economics or EconomicsSpec()
    if costs.saved_per_day:
        yield (
            f"{count(spec.requests_per_day)} requests a day, every day, as long as these samples; the range comes from "
            "the samples alone, everything else is what the suite states."
        )
    if costs.upkeep_per_day:
        yield (
            f"Upkeep takes {percent(spec.maintenance_share)} of the tuning hours every month of {PERIOD_DAYS:g} days: "
            f"{usd(costs.upkeep_per_day)} a day."
        )
    left_out = [f"`{key}`" for key in UPFRONT_KEYS if getattr(spec, key) is None]
    if costs.lines and left_out:
        yield f"Not counted, because the suite does not state it: {', '.join(left_out)}."
    spent = [side["usd"] for side in sides.values() if side["usd"] is not None]
    if spent:
        yield (
            "A request costs what the tokens of its answer cost at the suite's prices. Retries, failed requests and "
            f"this evaluation itself ({usd(sum(spent))} for its answers) are not counted."
        )
    cached = {role: tally.cached for role, tally in table.tallies.items() if tally.cached}
    if cached and spent:
        told = " and ".join(f"{count(n)} of the {role}'s" for role, n in cached.items())
        yield f"Answers from the cache ({told}) are priced by their token counts, as if they were asked now."


def _hours(hours: float | None, spec: EconomicsSpec) -> float | None:
    return None if hours is None or spec.usd_per_hour is None else _figure(hours * spec.usd_per_hour)


def _amount(found: Amount | None) -> dict[str, Any] | None:
    """{point, low, high}; null inside it means "never" or "no number would do"."""
    if found is None:
        return None
    return {"point": _figure(found.point), "low": _figure(found.low), "high": _figure(found.high)}


def _figure(value: float | None) -> float | None:
    """Nine significant digits: money runs from millionths of a dollar to millions."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.9g}") + 0.0
