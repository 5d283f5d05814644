"""Of what kind the wrong answers are, and what is done about each kind; empty where none has a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from evalkit import numbers
from evalkit.compare.taxonomy import KINDS, LEVERS, Kind, Reading
from evalkit.report import strings
from evalkit.report.grid import BOTH, Table
from evalkit.report.read import Document, obj, objects, text, whole


class KindRow(Struct, frozen=True, kw_only=True):
    """One kind of wrong answer."""

    word: str
    meaning: str
    baseline: str
    candidate: str
    candidate_href: str
    """Where the page shows them; empty for none."""
    broken: str
    broken_href: str
    lever: str


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """A row a kind that either side has, and the lever against most of what went wrong."""
    return {
        "kinds": kind_rows(verdict),
        "lever": text(obj(verdict, "failures"), "lever"),
        "found_by": found_tables(verdict),
    }


def found_tables(verdict: Document) -> tuple[tuple[str, Table], ...]:
    """(metric, on how many answers of each side it found what), of the metrics that say more than a score."""
    tables: dict[str, list[tuple[str, ...]]] = {}
    for row in objects(obj(verdict, "failures"), "findings"):
        counts = (numbers.count(whole(row, side) or 0) for side in strings.SIDES)
        tables.setdefault(text(row, "metric"), []).append((text(row, "finding"), *counts))
    return tuple((name, Table(head=BOTH, rows=tuple(rows), is_numeric=True)) for name, rows in tables.items())


def kind_rows(verdict: Document) -> tuple[KindRow, ...]:
    """In the order in which an answer is tried for them: the first that fits is its kind."""
    found = obj(verdict, "failures")
    return tuple(_row(found, kind) for kind in KINDS if any(_n(found, of, kind) for of in (*strings.SIDES, "broken")))


def kind_reader(verdict: Document, manifest: Document) -> Reading | None:
    """What tells the kind of a row's failure, as it was counted; None for a run that counted none."""
    if not (found := obj(verdict, "failures")):
        return None
    types = {text(metric, "name"): text(metric, "type") for metric in objects(obj(manifest, "suite"), "metrics")}
    return Reading(
        primary=text(obj(verdict, "primary"), "metric"),
        types=types,
        has_labels=found.get("label_targets") is True,
        has_given=found.get("given_targets") is True,
    )


def _row(found: Document, kind: Kind) -> KindRow:
    word, meaning = strings.KINDS[kind]
    candidate, broken = _n(found, "candidate", kind), _n(found, "broken", kind)
    return KindRow(
        word=word,
        meaning=meaning,
        baseline=numbers.count(_n(found, "baseline", kind)),
        candidate=numbers.count(candidate),
        candidate_href=f"#f=all&k={kind}" if candidate else "",
        broken=numbers.count(broken),
        broken_href=f"#f=broken&k={kind}" if broken else "",
        lever=LEVERS[kind],
    )


def _n(found: Document, of: str, kind: Kind) -> int:
    return whole(obj(found, of), kind) or 0
