"""What must not get worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report import charts
from evalkit.report.demands import guard_rows
from evalkit.report.read import Document


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """The guards as rows and as a forest plot."""
    return {
        "guards": guard_rows(verdict),
        "guard_chart": charts.guard_chart(verdict),
    }
