"""The comparison with each of several baselines; empty for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.baselines import against_table
from evalkit.report.read import Document, text


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """A row a baseline, and which of them decides."""
    return {
        "against": against_table(verdict),
        "decides": text(verdict, "against"),
    }
