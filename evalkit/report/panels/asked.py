"""What the suite asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.demands import asked_rows, bounds_note
from evalkit.report.read import Document


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """The demands in the suite's order."""
    return {
        "asked": asked_rows(verdict),
        "bounds_note": bounds_note(verdict),
    }
