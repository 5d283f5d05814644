"""What stands beside the primary metric: every metric, guards, slices, and how often the samples were used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins

from evalkit.compare.reuse import chance_of_a_false_ship
from evalkit.report.document.facts import RunFacts
from evalkit.report.document.figures import comparison_document, points, rounded
from evalkit.types import Guard, Slice, Suite, Verdict


def secondary_block(facts: RunFacts) -> Mapping[str, Any]:
    """Metrics, guards and slices as docs/files.md describes them."""
    verdict, suite = facts.verdict, facts.suite
    return {
        "metrics": [comparison_document(c) | {"signature": facts.signatures.get(c.metric)} for c in verdict.metrics],
        "guards": [_guard(g) for g in verdict.guards],
        "slice_max_drop": suite.gate.slices.max_drop,
        "slices": [_slice(s) for s in verdict.slices],
        "slice_summary": _slice_summary(verdict, suite),
        "reuse": reuse_document(verdict, suite),
    }


def _guard(guard: Guard) -> dict[str, Any]:
    kind = "zero_tolerance" if guard.must_pass else "metric" if guard.comparison is not None else "ratio"
    return {
        "name": guard.name,
        "kind": kind,
        "state": guard.state,
        "asked": guard.asked,
        "got": guard.got,
        "blocking": guard.is_blocking,
        "margin": guard.margin,
        "n_needed": guard.n_needed,
        "suite": guard.suite,
        "line": guard.line,
        "comparison": comparison_document(guard.comparison) if guard.comparison else None,
        "must_pass": to_builtins(guard.must_pass) if guard.must_pass else None,
        "ratio": rounded(guard.ratio_point),
        "ratio_low": rounded(guard.ratio.low) if guard.ratio else None,
        "ratio_high": rounded(guard.ratio.high) if guard.ratio else None,
    }


def _slice(part: Slice) -> dict[str, Any]:
    return {
        "name": part.name,
        "state": part.state,
        "comparison": comparison_document(part.comparison),
        "contribution_points": points(part.contribution_points),
        "adjusted_low": points(part.adjusted.low) if part.adjusted else None,
        "adjusted_high": points(part.adjusted.high) if part.adjusted else None,
    }


def _slice_summary(verdict: Verdict, suite: Suite) -> dict[str, Any]:
    if verdict.slice_summary is None:
        return {"note": "nothing was compared"}
    weights = suite.gate.slices.weights
    return {
        **to_builtins(verdict.slice_summary),
        "pooled_points": points(verdict.slice_summary.pooled_points),
        "weights": None if weights is None else dict(weights),
    }


def reuse_document(verdict: Verdict, suite: Suite) -> dict[str, Any]:
    """What the verdict knew of earlier uses of its samples, as docs/files.md describes it."""
    asked, found = suite.gate.reuse, verdict.reuse
    told: dict[str, Any] = {"policy": asked.policy, "max_uses": asked.max_uses}
    if found is None or verdict.primary is None:
        return told | {"note": "not counted: nothing was judged"}
    chance = chance_of_a_false_ship(found, verdict.primary, suite.gate)
    return {**told, **to_builtins(found), "false_ship": None if chance is None else round(chance, 6)}
