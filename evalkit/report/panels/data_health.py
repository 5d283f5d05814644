"""Data health: which samples were trained on, what that did to the difference, and whether the suite has aged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit import numbers
from evalkit.report.hygiene import evidence_table, groups_table, layers_words, parts_table, semantic_words
from evalkit.report.lights import lights_table, lights_words
from evalkit.report.read import Document, number, obj, text, whole


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """Sentences and tables; nothing where neither training data nor age nor production was looked at."""
    return {
        "health_sentences": tuple(_sentences(verdict)),
        "health_parts": parts_table(verdict),
        "health_evidence": evidence_table(verdict),
        "health_groups": groups_table(verdict),
        "health_lights": lights_table(verdict),
    }


def _sentences(verdict: Document) -> list[str]:
    found, age = obj(verdict, "contamination"), obj(verdict, "freshness")
    told = []
    if found.get("checked"):
        n, dirty, suspect = (whole(found, key) or 0 for key in ("samples", "dirty", "suspect"))
        layers = layers_words(verdict)
        in_part = "in part or in meaning" if obj(found, "semantic") else "in part"
        told.append(
            f"{numbers.count(whole(found, 'training_rows'))} training rows were held against {n:,} samples: {dirty:,} "
            f"were trained on (dirty), {suspect:,} {in_part} (suspect), {n - dirty - suspect:,} are clean."
            + (f" By the strongest evidence of each: {layers}." if layers else "")
        )
        told += [f"{words[:1].upper()}{words[1:]}."] if (words := semantic_words(found)) else []
        told.append(f"How: {text(found, 'method')}.")
    if found.get("is_flagged"):
        told.append("The gain reaches the bar on all samples and not on the clean ones.")
    days, limit = number(age, "age_days"), number(age, "max_age_days")
    if days is not None:
        allowed = f"; the suite allows {limit:,g}" if limit is not None else ""
        told.append(f"The newest sample is {days:,.0f} days old{allowed}.")
    if obj(verdict, "rot"):
        told.append(f"Is the suite still like production? {lights_words(verdict)}.")
    return told
