"""The decision: headline, reasons, the primary metric, what the suite asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.asked import asked_rows
from evalkit.report.document.facts import RunFacts
from evalkit.report.document.figures import comparison_document
from evalkit.report.headline import advice, headline
from evalkit.report.repeats import repeats_document
from evalkit.types import Suite, Verdict

_RESUMABLE = frozenset({"ERROR_RATE", "PAIR_COVERAGE", "MISSING_COULD_DECIDE"})


def gate_block(facts: RunFacts) -> Mapping[str, Any]:
    """Everything about the verdict itself."""
    verdict, suite = facts.verdict, facts.suite
    return {
        "verdict": verdict.status,
        "exit_code": verdict.exit_code,
        "headline": _headline(facts),
        "advice": advice(verdict, suite, _pair_usd(facts)),
        "next_command": facts.next_command if _lacks_answers(verdict) else None,
        "intent": suite.gate.intent,
        "reasons": reason_rows(verdict),
        "primary": primary_document(verdict, suite),
        "primaries": _primaries(verdict, suite),
        "repeats": repeats_document(verdict),
        "asked": asked_rows(verdict, suite, facts.table, facts.contamination),
    }


def _pair_usd(facts: RunFacts) -> float | None:
    """What one more sample costs to ask of every side, all its repeats; None where a price or a count is not known."""
    total = 0.0
    for number, one in enumerate(facts.compared.values()):
        sides = {"baseline": one.costs.baseline, "candidate": one.costs.candidate}
        for role, each in sides.items():
            if each is None:
                return None
            if role == "baseline" or number == 0:  # the candidate is asked once, whatever number of baselines
                total += each * one.suite.models[role].generation.repeats
    return total if facts.compared else None


def _lacks_answers(verdict: Verdict) -> bool:
    return any(reason.code in _RESUMABLE for reason in verdict.reasons)


def _headline(facts: RunFacts) -> str:
    """What was found; of several baselines first, which of them decides."""
    if len(facts.compared) <= 1:
        return headline(facts.verdict, facts.suite)
    own = facts.compared[facts.against].verdict
    lead = f"Against {facts.against}, which decides among {len(facts.compared)} baselines:"
    return f"{lead} {headline(own, facts.suite)}"


def reason_rows(verdict: Verdict) -> list[dict[str, Any]]:
    """The verdict's reasons, the ones that block among them."""
    return [{"code": r.code, "blocking": r.is_blocking, "detail": r.detail} for r in verdict.reasons]


def primary_document(verdict: Verdict, suite: Suite) -> dict[str, Any]:
    """The primary comparison and what was asked of it."""
    gate = suite.gate
    asked = {
        "metric": gate.primary.metric if verdict.primary is None else verdict.primary.metric,
        "alpha": gate.primary_alpha,
        "min_delta": gate.primary.min_delta,
        "evidence": gate.primary.evidence,
        "noninferiority_margin": gate.noninferiority_margin,
        "line": gate.primary.line,
        "mde_points": verdict.mde_points,
        "n_needed": verdict.n_needed,
    }
    found = verdict.primary
    if found is None:
        empty = dict.fromkeys(
            (
                "baseline_points",
                "candidate_points",
                "delta_points",
                "lower_points",
                "upper_points",
                "ci95_points",
                "p_value",
            )
        )
        return asked | empty | {"n": 0, "n_clusters": 0, "discordance": None, "note": "nothing was compared"}
    discordance = None if found.discordance is None else round(found.discordance, 9)
    return comparison_document(found) | asked | {"discordance": discordance}


def _primaries(verdict: Verdict, suite: Suite) -> dict[str, Any] | None:
    """Each of several primary metrics; None where there is one."""
    if not verdict.primaries:
        return None
    each = [
        {"metric": one.metric, "verdict": one.status, "code": one.code, "detail": one.detail}
        for one in verdict.primaries
    ]
    return {"require": suite.gate.primary.require, "metrics": each}
