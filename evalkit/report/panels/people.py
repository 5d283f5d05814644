"""What people preferred; empty where nobody has rated the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.rating.words import facts_table, headline, notes_table, raters_table
from evalkit.report.read import Document, items, obj, words


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """The sentence, its figures, a row a rater, and what is odd about their ratings."""
    human = obj(verdict, "human")
    return {
        "people": headline(human),
        "people_warnings": [words(sentence) for sentence in items(human, "warnings")],
        "people_facts": facts_table(human),
        "people_agree": bool(obj(human, "agreement") or obj(human, "metric")),
        "people_raters": raters_table(human),
        "people_notes": notes_table(human),
    }
