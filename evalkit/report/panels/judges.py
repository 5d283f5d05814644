"""A judge in a few words: who graded what, how much of it, and what may be made of it."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit import numbers
from evalkit.report.read import Document, number, obj, text, whole


def judge_words(judge: Document) -> str:
    """One entry of verdict.json's `judges` for the table of checks."""
    return "; ".join(_told(judge))


def _told(judge: Document) -> Iterator[str]:
    name = " ".join(filter(None, (text(judge, "id"), text(judge, "version"))))
    yield f"{text(judge, 'metric')} is graded by {name} ({text(judge, 'model')})"
    asked, graded = whole(judge, "asked"), whole(judge, "n")
    if asked is not None and graded is not None:
        yield f"{numbers.count(graded)} of {numbers.count(asked)} distinct answers have a grade"
    pairs = obj(judge, "pairs")
    if pairs:
        counts = {key: numbers.count(whole(pairs, key) or 0) for key in ("wins", "ties", "losses", "inconsistent")}
        yield f"{counts['wins']} wins, {counts['ties']} ties, {counts['losses']} losses"
        yield f"{counts['inconsistent']} of them ties because the preference turned with the order"
    if attempts := whole(judge, "injection_attempts"):
        yield f"{numbers.count(attempts)} answers try to influence their grade"
    if (agreement := number(judge, "agreement")) is not None:
        yield f"its models agree on {numbers.percent(agreement)}"
    calibration = obj(judge, "calibration")
    state, note = text(calibration, "state"), text(calibration, "note")
    if state or note:
        yield f"{state}: {note}" if state and note else state or note
    cost = obj(judge, "cost")
    usd = number(cost, "usd")
    if usd is not None:
        yield f"judging cost {numbers.usd(usd)}"
    if cached := whole(cost, "cached"):
        yield f"{numbers.count(cached)} of its replies came from the cache and are in no cost"
