"""What a report is about: the suite, the time, the two models."""

from __future__ import annotations

from datetime import datetime

from evalkit.report import strings
from evalkit.report.read import Document, obj, text


def subtitle(verdict: Document) -> str:
    """Which suite, when, by which run."""
    parts = [text(verdict, "suite"), text(verdict, "description"), _day(text(verdict, "created"))]
    return " · ".join(part for part in parts if part)


def sides(verdict: Document) -> tuple[str, str]:
    """The two models as served, or recorded answers by the digest of their file; the candidate's adapter is named."""
    identity = obj(verdict, "identity")
    found = []
    for side in strings.SIDES:
        name = text(obj(identity, side), "served_model") or _unnamed(obj(identity, side))
        adapter = text(obj(identity, side), "adapter_sha256")
        found.append(f"{name} + adapter {adapter[:8]}" if adapter else name)
    return found[0], found[1]


def _unnamed(side: Document) -> str:
    digest = text(side, "weights_sha256")
    return f"recorded answers {digest[:8]}" if side.get("is_fixed") is True and digest else "model not known"


def _day(created: str) -> str:
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{when.day} {when:%B %Y, %H:%M} UTC"
