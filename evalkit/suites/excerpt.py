"""The part of a line that a message shows: short, without secrets, the caret under the very character it means."""

from __future__ import annotations

import dataclasses
import unicodedata

from evalkit.errors import Diagnostic
from evalkit.suites.masking import mask

MAX_SHOWN = 198
"""Characters of a source line worth showing; a longer line is cut around its caret."""
LEAD = 60
"""Characters kept before the caret of a line that is cut there."""
MAX_MASKED = 200_000
"""Columns up to which a line is searched for secrets, which takes 0.05 s; further right nothing is shown."""
_AFTER = 1_000
"""Characters searched behind what is shown: a login in an address is known by the @ after it."""
_CUT = "…"


def with_line(found: Diagnostic, text: str | None) -> Diagnostic:
    """The mistake with its line shown around its column, … standing for what is left out at either end.

    >>> told = with_line(Diagnostic(message="bad", line=1, column=402, width=3), "x" * 400 + " oh, no")
    >>> told.source[:4], told.source[told.indent :]
    ('…xxx', 'oh, no')
    """
    if text is None or found.column is None or not 1 <= found.column <= MAX_MASKED:
        return found
    column = min(found.column - 1, len(text))
    start = column - LEAD if column + min(found.width, LEAD) > MAX_SHOWN else 0
    # A secret is starred before the line is cut: what tells it may stand outside the cut.
    shown = mask(text[: start + MAX_SHOWN + _AFTER]).replace("\t", " ")
    head = (_CUT if start else "") + shown[start:column]
    tail = shown[column : start + MAX_SHOWN]
    width = cells(tail[: found.width])
    is_whole = len(text) <= start + MAX_SHOWN
    source = f"{head}{tail}".rstrip() if is_whole else f"{head}{tail}{_CUT}"
    return dataclasses.replace(found, source=source, indent=cells(head), width=max(1, width))


def cells(text: str) -> int:
    """The columns a text takes in a terminal.

    >>> cells("ab"), cells("漢字"), cells("e\u0301")
    (2, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.category(c) in {"Mn", "Me"} else 1
        for c in text
    )
