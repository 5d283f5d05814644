"""The panels of a report, in the order of the page.

A panel is a module here whose `panel(verdict, manifest)` returns the names its template uses, a template
`templates/panels/<name>.html.j2`, and a line in one of the two lists below. Whatever is absent in the documents is
shown as not measured; a panel that has nothing to say renders as nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from evalkit.report.panels import (
    against,
    asked,
    checks,
    classes,
    cost,
    coverage,
    data_health,
    differences,
    guards,
    judges,
    kinds,
    lineage,
    metrics,
    outcomes,
    people,
    reasons,
    scores,
    slices,
    words,
)
from evalkit.report.read import Document


class Panel(NamedTuple):
    """One section of the page."""

    name: str
    """Of its template, and the anchor of its heading."""
    link: str
    """Its words in the list of sections, where it has something to say; empty for none."""
    data: Callable[[Document, Document], Mapping[str, Any]]
    """What the template uses, from verdict.json and manifest.json."""


FINDINGS = (
    Panel("asked", "Asked and got", asked.panel),
    Panel("against", "Baselines", against.panel),
    Panel("metrics", "Metrics", metrics.panel),
    Panel("slices", "Slices", slices.panel),
    Panel("guards", "Guards", guards.panel),
    Panel("people", "People", people.panel),
    Panel("reasons", "", reasons.panel),
    Panel("outcomes", "What moved", outcomes.panel),
    Panel("kinds", "Kinds of wrong", kinds.panel),
)
"""Above the sample browser."""

BACKGROUND = (
    Panel("scores", "", scores.panel),
    Panel("classes", "Labels", classes.panel),
    Panel("coverage", "Coverage", coverage.panel),
    Panel("differences", "Sides", differences.panel),
    Panel("cost", "Cost and time", cost.panel),
    Panel("judges", "Judges", judges.panel),
    Panel("data_health", "Data health", data_health.panel),
    Panel("checks", "Checks", checks.panel),
    Panel("lineage", "Lineage", lineage.panel),
    Panel("words", "What the words mean", words.panel),
)
"""Below it."""
