"""What the words mean and what the numbers take for granted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report import strings
from evalkit.report.read import Document


def panel(_verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """The assumptions; the glossary is there for every panel."""
    return {"assumptions": strings.ASSUMPTIONS}
