"""The kinds of failures of a run in its verdict document, and the next step that they suggest."""

from __future__ import annotations

from typing import Any

from evalkit.compare.findings import Findings
from evalkit.compare.targets import are_given, are_labels
from evalkit.compare.taxonomy import TASKS, Reading, counted
from evalkit.report.read import Document, text
from evalkit.report.samples import SampleFile
from evalkit.types import Suite


def with_failures(document: Document, suite: Suite, rows: SampleFile) -> dict[str, Any]:
    """The document with `failures`: by kind, for both sides and for what the candidate broke; and what metrics found.

    For a don't-ship the lever against most of them joins the advice, which every rendering shows.
    """
    types = {metric.name: metric.type for metric in suite.metrics}
    findings = Findings(types)
    has_labels = are_labels([sample.target for sample in suite.samples])
    primary = suite.gate.primary.metric
    has_given = types.get(primary) in TASKS or are_given(rows)
    reading = Reading(primary=primary, types=types, has_labels=has_labels, has_given=has_given)
    found = counted(findings.watching(rows), reading)
    found |= {"findings": findings.told(), "label_targets": has_labels, "given_targets": has_given}
    is_told = text(document, "verdict") == "dont_ship" and found["lever"] is not None
    advice = [*document["advice"], found["lever"]] if is_told else document["advice"]
    return {**document, "advice": advice, "failures": found}
