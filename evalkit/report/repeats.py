"""What was found by asking each sample several times: for verdict.json, for the advice, for a row of the report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import to_builtins

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.read import Document, number, obj, text, whole
from evalkit.types import Verdict

WORTH_IT = 0.15
"""Of an interval's width: half of what twice the samples bring. More repeats are worth their cost from here on."""


def repeats_document(verdict: Verdict) -> dict[str, Any]:
    """The split of the primary metric's spread as docs/files.md describes it."""
    found = verdict.repeats
    if found is None:
        why = "each sample was asked once (generation.repeats: 1), so how much repeats vary was not measured"
        return dict.fromkeys(("metric", *strings.SIDES, "twice_the_repeats", "twice_the_samples")) | {"note": why}
    sides = {role: {k: _rounded(v) for k, v in to_builtins(side).items()} for role, side in found.sides.items()}
    return {
        "metric": found.metric,
        **sides,
        "twice_the_repeats": _rounded(found.twice_the_repeats),
        "twice_the_samples": _rounded(found.twice_the_samples),
        "note": found.note,
    }


def repeats_advice(verdict: Verdict) -> Iterator[str]:
    """A sentence where it matters: repeats that never differ, and an open verdict that more of them might settle."""
    found = verdict.repeats
    if found is None:
        return
    asked = [side for side in found.sides.values() if side.asked > 1]
    if all(side.within_points == 0.0 for side in asked):
        yield "No repeat of a sample was scored differently from another: asking each sample once would say the same."
    elif verdict.n_needed and found.twice_the_repeats is not None:
        more, samples = numbers.percent(found.twice_the_repeats), numbers.percent(found.twice_the_samples)
        is_worth_it = found.twice_the_repeats >= WORTH_IT
        so = "asking more often is worth it, for it needs no new samples" if is_worth_it else "it takes more samples"
        yield f"Twice the repeats would narrow the interval by {more}, twice the samples by {samples}: {so}."


def repeats_words(verdict: Document) -> str:
    """One cell: how often each side was asked and where its spread comes from; empty where each was asked once."""
    found = obj(verdict, "repeats")
    told = []
    for role in strings.SIDES:
        side = obj(found, role)
        between, within = number(side, "between_points"), number(side, "within_points")
        if between is None or within is None:
            continue
        told.append(
            f"{role}: each sample asked {numbers.count(whole(side, 'asked'))} times, standard deviation "
            f"{numbers.points(between)} points between samples, {numbers.points(within)} between repeats of one"
        )
    if told and number(found, "twice_the_repeats") is not None:
        narrows = [numbers.percent(number(found, key)) for key in ("twice_the_repeats", "twice_the_samples")]
        told.append(f"twice the repeats would narrow the interval by {narrows[0]}, twice the samples by {narrows[1]}")
    return "; ".join([*told, *filter(None, [text(found, "note") if told else ""])])


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value
