"""The traffic lights of `evalkit rot`: what they are called, in which order, and what they come to in a report."""

from __future__ import annotations

from evalkit import numbers
from evalkit.report.grid import Table
from evalkit.report.read import Document, obj, objects, text, whole

SCHEMA = "evalkit.rot/1"
ORDER = ("red", "amber", "green", "not_measured")
_MARKS = {"red": "✖ red", "amber": "! amber", "green": "✔ green"}
_NOT_MEASURED = "– not measured"


def lights_table(verdict: Document) -> Table:
    """The signals of the last `evalkit rot` of these samples, the most alarming first; no rows where there was none."""
    found = [one for one in objects(obj(verdict, "rot"), "signals") if text(one, "light") in ORDER]
    found.sort(key=lambda one: ORDER.index(text(one, "light")))
    rows = tuple(
        (f"{_MARKS.get(text(one, 'light'), _NOT_MEASURED)} · {text(one, 'name')}", _said(text(one, "sentence")))
        for one in found
    )
    return Table(head=("light and signal", "what it says"), rows=rows)


def _said(sentence: str) -> str:
    """The sentence, without the words that stand in the other column already."""
    return sentence.removeprefix("not measured: ")


def lights_words(verdict: Document) -> str:
    """As in "2 red, 1 amber, 9 green, 3 not measured, on 2026-11-23 against 12,000 rows of production"."""
    found = obj(verdict, "rot")
    lights = [text(one, "light") for one in objects(found, "signals")]
    if not lights:
        return text(found, "note") or "not measured; evalkit rot measures it"
    told = [f"{n} {light.replace('_', ' ')}" for light in ORDER if (n := lights.count(light))]
    against = whole(found, "compared")
    rows = "" if against is None else f" against {numbers.count(against)} rows of production"
    return f"{', '.join(told)}, on {text(found, 'created')[:10]}{rows}"
