"""The primary metric on parts of the samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report import charts
from evalkit.report.read import Document


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """The forest plot of the slices, and what it means in words."""
    return {
        "slices": charts.slice_chart(verdict),
        "slice_sentences": charts.slice_sentences(verdict),
    }
