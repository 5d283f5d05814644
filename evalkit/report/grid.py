"""A plain table of text, as the report shows it. Numbers come with a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from evalkit.report import strings
from evalkit.report.read import Document, obj, text

BOTH = ("", "baseline", "candidate")
NONE = "–"


class Table(Struct, frozen=True, kw_only=True):
    """Rows of text under a head; the first cell of a row names it."""

    rows: tuple[tuple[str, ...], ...]
    head: tuple[str, ...] = ()
    is_numeric: bool = False
    """Right-align everything but the first column."""


def both_sides(document: Document, labels: dict[str, str], write: Callable[[Document, str], str]) -> Table:
    """A row for each label, with what `write` says of the baseline's and the candidate's part of the document."""
    sides = [obj(document, side) for side in strings.SIDES]
    rows = tuple((label, *(write(side, key) for side in sides)) for key, label in labels.items())
    return Table(head=BOTH, rows=rows)


def notes(document: Document) -> Iterable[tuple[str, ...]]:
    """A last row for the reasons why something is missing."""
    found = tuple(text(obj(document, side), "note") for side in strings.SIDES)
    if any(found):
        yield ("note", *(note or NONE for note in found))
    if text(document, "note"):
        yield ("note", text(document, "note"), NONE)
    if text(document, "as_of"):
        yield ("prices as of", text(document, "as_of"), text(document, "as_of"))
