"""The evidence looked at before it is judged: overlap with training data, and whatever plug-ins look for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.jobs.training import look_through, rows_of
from evalkit.plugins import inspected, origin_of
from evalkit.types import CheckAction, Finding, Reason, Sample, Suite

SHOWN = 20
"""Samples a verdict names per check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A suite after its checks: what is left to judge by, and what is to be said."""

    suite: Suite
    """Without the samples that a check with `action: clean` found."""
    contamination: Mapping[str, Any]
    """For verdict.json; empty when the suite names no training data."""
    checks: tuple[Mapping[str, Any], ...] = ()
    """One entry per plug-in check, for verdict.json."""
    blocking: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()


def checked(suite: Suite, question: Callable[[Sample], str]) -> Checked:
    """Runs every check the suite asks for. `question` is the text a sample asks, as the candidate is sent it.

    Raises UsageError, with the entry's line, for a plug-in check that fails itself.
    """
    state = Checked(suite=suite, contamination={})
    if suite.training_data:
        overlap = look_through(suite, question, rows_of(suite.training_data, suite)).contamination
        state = dataclasses.replace(state, contamination=overlap.document())
        dirty = {sample: found.where for sample, found in overlap.named("dirty").items()}
        detail = f"{len(dirty)} held-out samples stand in the training data"
        finding = Finding(detail=detail, samples=dirty) if dirty else Finding()
        state = _acted(state, finding, suite.contamination, "CONTAMINATED")
    for spec in suite.checks:
        finding = inspected(spec, suite)
        told = {
            "check": spec.type,
            "from": origin_of("checks", spec.type),
            "action": spec.action,
            "found": len(finding.samples),
            "detail": finding.detail,
            "samples": dict(list(finding.samples.items())[:SHOWN]),
        }
        state = dataclasses.replace(state, checks=(*state.checks, told))
        state = _acted(state, finding, spec.action, "CHECK_FAILED")
    return state


def _acted(state: Checked, finding: Finding, action: CheckAction, code: str) -> Checked:
    """The state after a finding: blocked, without the samples found, or warned."""
    if finding.is_clean:
        return state
    examples = ", ".join(f"{sample} ({why})" if why else sample for sample, why in list(finding.samples.items())[:3])
    detail = ": ".join(filter(None, [finding.detail, examples]))
    if action == "fail":
        return dataclasses.replace(
            state, blocking=(*state.blocking, Reason(code=code, is_blocking=True, detail=detail))
        )
    if action == "warn" or not finding.samples:
        return dataclasses.replace(state, warnings=(*state.warnings, detail))
    left = tuple(sample for sample in state.suite.samples if sample.id not in finding.samples)
    warning = f"{detail}; they were left out and the verdict rests on the {len(left)} others"
    suite = dataclasses.replace(state.suite, samples=left)
    return dataclasses.replace(state, suite=suite, warnings=(*state.warnings, warning))
