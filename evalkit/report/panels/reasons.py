"""The reasons of the verdict and what to be warned of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.read import Document, items, objects, text, words


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """Reasons as (code, blocks, sentence), and sentences."""
    return {
        "reasons": [(text(r, "code"), bool(r.get("blocking")), text(r, "detail")) for r in objects(verdict, "reasons")],
        "warnings": [words(sentence) for sentence in items(verdict, "warnings")],
    }
