"""What was checked about the data and the judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit import numbers
from evalkit.report.grid import Table
from evalkit.report.panels.judges import judge_words
from evalkit.report.read import Document, number, obj, objects, text, whole, words


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """One table of checks."""
    return {
        "checks": checks_table(verdict),
    }


def checks_table(verdict: Document) -> Table:
    """What was checked about the data and the judges, or why it was not."""
    labels = {"contamination": "overlap with training data", "freshness": "age of the samples", "judges": "judges"}
    rows: list[tuple[str, ...]] = []
    for key, label in labels.items():
        value = verdict.get(key)
        if isinstance(value, list):
            in_words = judge_words if key == "judges" else words
            rows += [(label, in_words(item)) for item in value] or [(label, "none in this suite")]
            continue
        found = obj(verdict, key)
        note = text(found, "note")
        told = [
            f"{name.replace('_', ' ')}: {words(item)}"
            for name, item in found.items()
            # Tables of their own show what is deeper.
            if name not in {"note", "checked"} and item not in (None, "") and not isinstance(item, list | dict)
        ]
        rows.append((label, "; ".join(filter(None, [note, *told])) or "not checked"))
    rows.append(("candidates judged by these samples", _uses(obj(verdict, "reuse"))))
    for found in objects(verdict, "checks"):
        label = f"{text(found, 'check')} ({text(found, 'from')})"
        rows.append((label, text(found, "detail") or "nothing found"))
    return Table(rows=tuple(rows))


def _uses(reuse: Document) -> str:
    """How often the samples were used to choose by, and what that does to a ship."""
    uses, allowed = whole(reuse, "uses"), whole(reuse, "max_uses")
    if uses is None:
        return text(reuse, "note") or "not counted"
    chance = number(reuse, "false_ship")
    told = [numbers.count(uses) + (f" of {numbers.count(allowed)} allowed" if allowed else "")]
    if chance is not None:
        told.append(f"chance that one ships although none is better: at most {numbers.percent(chance)}")
    return "; ".join(filter(None, [*told, text(reuse, "note")]))
