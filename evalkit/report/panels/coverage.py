"""How the requests of both sides ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit import numbers
from evalkit.compare.failures import in_words
from evalkit.report import strings
from evalkit.report.grid import BOTH, Table
from evalkit.report.read import Document, number, obj, whole


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """Counts a side, and the share of pairs that can be compared."""
    return {
        "coverage": coverage_table(verdict),
        "coverage_sentence": coverage_sentence(verdict),
    }


def coverage_table(verdict: Document) -> Table:
    """How many requests of each side ended in which way."""
    sides = [obj(obj(verdict, "outcomes"), side) for side in strings.SIDES]
    rows = [
        (label, *(numbers.count(number(side, key)) for side in sides))
        for key, label in strings.OUTCOMES.items()
        if any(key in side for side in sides)
    ]
    kinds = sorted({kind for side in sides for kind in obj(side, "kinds")})
    rows += [
        (f"failed: {in_words(kind)}", *(numbers.count(number(obj(s, "kinds"), kind) or 0) for s in sides))
        for kind in kinds
    ]
    return Table(head=BOTH, rows=tuple(rows), is_numeric=True)


def coverage_sentence(verdict: Document) -> str:
    """How many of the planned pairs can be compared."""
    coverage = obj(verdict, "coverage")
    pairs, planned = whole(coverage, "pairs"), whole(coverage, "planned")
    if pairs is None or planned is None:
        return "How many planned pairs were answered was not recorded."
    share = numbers.percent(number(coverage, "share"))
    return f"{numbers.count(pairs)} of {numbers.count(planned)} planned pairs have both answers ({share})."
