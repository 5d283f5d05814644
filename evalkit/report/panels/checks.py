"""What was checked about the data and the judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalkit import numbers
from evalkit.report.grid import Table
from evalkit.report.lights import lights_words
from evalkit.report.read import Document, number, obj, objects, text, whole


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """One table of checks."""
    return {
        "checks": checks_table(verdict),
    }


def checks_table(verdict: Document) -> Table:
    """What was checked about the data and the judges, or why it was not."""
    rows: list[tuple[str, ...]] = [
        ("overlap with training data", _overlap(obj(verdict, "contamination"))),
        ("age of the samples", _age(obj(verdict, "freshness"))),
        ("still like production", lights_words(verdict)),
    ]
    if verdict.get("judges") == []:
        rows.append(("judges", "none in this suite"))
    elif not objects(verdict, "judges"):  # which have a section of their own
        rows.append(("judges", text(obj(verdict, "judges"), "note") or "not checked"))
    rows.append(("candidates judged by these samples", _uses(obj(verdict, "reuse"))))
    rows += _plugged(verdict)
    for guard in objects(verdict, "guard_checks"):
        found = [("overlap with training data", _overlap(obj(guard, "contamination"))),
                 ("age of the samples", _age(obj(guard, "freshness"))), *_plugged(guard)]  # fmt: skip
        rows += [(f"{label}, in the guard suite {text(guard, 'suite')}", told) for label, told in found]
    return Table(rows=tuple(rows))


def _plugged(checked: Document) -> Iterator[tuple[str, str]]:
    """What the checks of plug-ins found."""
    for found in objects(checked, "checks"):
        yield f"{text(found, 'check')} ({text(found, 'from')})", text(found, "detail") or "nothing found"


_ACTIONS = {
    "fail": "with such samples the suite takes no verdict",
    "clean": "the verdict rests on the clean ones alone",
    "warn": "the suite only warns of them",
}


def _overlap(found: Document) -> str:
    """How many samples stand in the training data and what follows; the section on data health has the rest."""
    if not found.get("checked"):
        return text(found, "note") or "not checked"
    dirty, suspect = whole(found, "dirty") or 0, whole(found, "suspect") or 0
    told = f"{numbers.count(dirty)} of {numbers.count(whole(found, 'samples'))} samples were trained on"
    told += f", {numbers.count(suspect)} more in part" if suspect else ""
    unread = whole(obj(found, "semantic"), "unread_samples") or 0
    told += f", {unread:,} of them only close in meaning to a row that nobody read" if unread else ""
    action = _ACTIONS.get(text(found, "action")) if dirty or suspect > unread else None
    return "; ".join(filter(None, [told, action, text(found, "note")]))


def _age(found: Document) -> str:
    days, limit = number(found, "age_days"), number(found, "max_age_days")
    told = [] if days is None else [f"the newest is {numbers.days(days)} old"]
    allowed = [] if limit is None else [f"the suite allows {numbers.days(limit)}"]
    return "; ".join(filter(None, [text(found, "note"), *told, *allowed])) or "not checked"


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
