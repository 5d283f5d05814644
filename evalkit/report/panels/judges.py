"""The judges of a run: who graded what, how much of it, and what may be made of it; empty for a run without any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalkit import numbers
from evalkit.report.grid import Table
from evalkit.report.read import Document, number, obj, objects, pair, text, whole

STATES = {
    "calibrated": "✔ calibrated",
    "uncalibrated": "! not calibrated",
    "unprobed": "! not probed",
    "out_of_date": "! out of date",
    "known_once_opened": "known once its model is opened",
    "not_gateable": "✖ errs too much to decide",
}
"""What a judge is worth, in words."""


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """(metric, table) for each judge."""
    return {"judges": [(text(judge, "metric"), judge_table(judge)) for judge in objects(verdict, "judges")]}


def judge_table(judge: Document) -> Table:
    """One entry of verdict.json's `judges`, what it is worth first."""
    return Table(rows=tuple(_rows(judge)))


def _rows(judge: Document) -> Iterator[tuple[str, str]]:
    calibration = obj(judge, "calibration")
    state, note = text(calibration, "state"), text(calibration, "note")
    yield "what it is worth", ": ".join(filter(None, [STATES.get(state, state), note])) or "not known"
    name = " ".join(filter(None, (text(judge, "id"), text(judge, "version"))))
    yield "graded by", f"{name} ({text(judge, 'model')})"
    asked, graded = whole(judge, "asked"), whole(judge, "n")
    if asked is not None and graded is not None:
        yield "grades", f"{numbers.count(graded)} of {numbers.count(asked)} distinct answers have one"
    pairs = obj(judge, "pairs")
    if pairs:
        counts = {key: numbers.count(whole(pairs, key) or 0) for key in ("wins", "ties", "losses", "inconsistent")}
        yield (
            "the candidate’s answer against the baseline’s",
            (
                f"{counts['wins']} wins, {counts['ties']} ties, {counts['losses']} losses; {counts['inconsistent']} of "
                "the ties because the preference turned with the order"
            ),
        )
    yield from _retest(obj(judge, "retest"))
    if attempts := whole(judge, "injection_attempts"):
        yield "look at this", f"{numbers.count(attempts)} answers try to influence their grade"
    if (agreement := number(judge, "agreement")) is not None:
        yield "its models agree on", numbers.percent(agreement)
    yield from _cost(obj(judge, "cost"))


def _retest(found: Document) -> Iterator[tuple[str, str]]:
    """How many grades were the same when the judge was asked a second time."""
    n, equal, note = whole(found, "n"), whole(found, "equal"), text(found, "note")
    if n is None or equal is None:
        return
    share, bounds = number(found, "share"), pair(found, "ci95")
    told = f"the same grade on {numbers.count(equal)} of {numbers.count(n)} answers" if n else ""
    if share is not None and bounds is not None:
        low, high = (numbers.percent(end) for end in bounds)
        told += f" ({numbers.percent(share)}, 95 % interval {low} to {high})"
    yield "asked again, past the cache", "; ".join(filter(None, [told, note]))


def _cost(cost: Document) -> Iterator[tuple[str, str]]:
    usd, cached = number(cost, "usd"), whole(cost, "cached")
    told = [numbers.usd(usd)] if usd is not None else []
    told += [f"{numbers.count(cached)} of its replies came from the cache and are in no cost"] if cached else []
    if told:
        yield "cost of judging", "; ".join(told)
