"""Ratings unblinded: whom each of them prefers, and what a rater's way of rating looks like."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from evalkit.errors import UsageError
from evalkit.numbers import percent
from evalkit.report.rating.batch import Key
from evalkit.report.rating.draw import Showing
from evalkit.report.rating.exports import Export, Rating
from evalkit.stats.intervals import wilson
from evalkit.stats.paired import mcnemar_exact

CANDIDATE, BASELINE, SAME = "candidate", "baseline", "same"
SIGN: Mapping[str, int] = {BASELINE: -1, SAME: 0, CANDIDATE: 1}
FAST_S = 2.0
"""A median below this is too fast to have read two answers."""
TELLING = 10
"""Choices it takes before a habit is worth a word."""
NOT_CHANCE = 0.001


class Vote(Struct, frozen=True, kw_only=True):
    """One rating, unblinded."""

    rater: str
    showing: Showing
    rating: Rating

    @property
    def prefers(self) -> str:
        """`candidate`, `baseline` or `same`; two bad answers are no preference either."""
        if self.rating.choice == "left":
            return self.showing.left
        if self.rating.choice == "right":
            return BASELINE if self.showing.left == CANDIDATE else CANDIDATE
        return SAME


def unblinded(key: Key, exports: Iterable[Export]) -> tuple[Vote, ...]:
    """Every rating with the showing it belongs to. Raises UsageError for a comparison the page never had."""
    by_item = key.by_item
    votes = []
    for export in exports:
        items = [rating.item for rating in export.ratings]
        unknown = sorted({item for item in items if item not in by_item})
        if unknown:
            raise UsageError(f"{export.rater} rated {unknown[0]!r}, which is no comparison of this run's page")
        if len(set(items)) < len(items):
            raise UsageError(f"{export.rater}'s file rates one comparison more than once; it was put together by hand")
        votes += [Vote(rater=export.rater, showing=by_item[r.item], rating=r) for r in export.ratings]
    return tuple(votes)


def habits(votes: Sequence[Vote]) -> dict[str, Any]:
    """How the votes of one rater (or of all) were given: times, sides, repeats; None where it is not known."""
    seconds = [vote.rating.seconds for vote in votes if vote.rating.seconds is not None]
    choices = [vote.rating.choice for vote in votes]
    return {
        "ratings": len(votes),
        "choices": {name: choices.count(name) for name in ("left", "same", "right", "both_bad")},
        "prefers": {side: sum(v.prefers == side for v in votes) for side in (CANDIDATE, SAME, BASELINE)},
        "median_seconds": round(statistics.median(seconds), 3) if seconds else None,
        "self_agreement": _self_agreement(votes),
        "position": _position(choices.count("left"), choices.count("right")),
    }


def oddities(found: Mapping[str, Any]) -> list[str]:
    """What is wrong with a rater's habits, each as the end of a sentence that starts with the name."""
    told = []
    seconds, position, again = found["median_seconds"], found["position"], found["self_agreement"]
    if seconds is not None and seconds < FAST_S:
        told.append(f"took {seconds:.1f} s a pair (median): too little to read two answers")
    button, times = max(found["choices"].items(), key=lambda choice: int(choice[1]))
    if found["ratings"] >= TELLING and times == found["ratings"]:
        told.append(f"gave the same answer every time ({button.replace('_', ' ')}, {times} times)")
    elif position["of"] >= TELLING and position["p_value"] < NOT_CHANCE:
        side = "left" if position["share"] > 0.5 else "right"  # noqa: PLR2004 - half
        share = max(position["share"], 1 - position["share"])
        told.append(f"chose the {side} answer {percent(share)} of the time, whichever side stood there")
    if again["n"] >= TELLING // 2 and 2 * again["agreed"] < again["n"]:
        told.append(f"said the same on only {again['agreed']} of {again['n']} pairs that came twice with sides swapped")
    return told


def _self_agreement(votes: Sequence[Vote]) -> dict[str, int]:
    first = {(v.rater, v.showing.sample): v.prefers for v in votes if not v.showing.is_repeat}
    again = [v for v in votes if v.showing.is_repeat and (v.rater, v.showing.sample) in first]
    return {"n": len(again), "agreed": sum(first[v.rater, v.showing.sample] == v.prefers for v in again)}


def _position(left: int, right: int) -> dict[str, Any]:
    """How often left was chosen where a side was: half the time, whatever the answers, for the sides are shuffled."""
    of = left + right
    if not of:
        return {"left": 0, "of": 0, "share": None, "ci95": None, "p_value": None}
    ends = wilson(left, of, 0.95)
    return {
        "left": left,
        "of": of,
        "share": round(left / of, 9),
        "ci95": [round(ends.low, 9), round(ends.high, 9)],
        "p_value": round(mcnemar_exact(left, right), 9),
    }
