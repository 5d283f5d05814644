"""What people's labels made of a judge's difference, in words: the figure shown is then not the judge's own."""

from __future__ import annotations

from evalkit.report.read import Document, objects, text

METHODS = ("ppi++", "rogan-gladen")
"""How the methods begin that correct a judge."""


def corrected_words(verdict: Document) -> tuple[str, ...]:
    """One sentence a corrected metric; none where the grades are shown as they were given.

    >>> row = {"metric": "reply", "method": "ppi++", "note": "corrected for the errors of the judge reply: …"}
    >>> corrected_words({"metrics": [row, {"metric": "exact", "method": "tango/mcnemar-midp", "note": "of 12 pairs"}]})
    ('reply is corrected for the errors of the judge reply: …',)
    """
    rows = [row for row in objects(verdict, "metrics") if text(row, "method").startswith(METHODS)]
    return tuple(f"{text(row, 'metric')} is {text(row, 'note')}" for row in rows if text(row, "note"))
