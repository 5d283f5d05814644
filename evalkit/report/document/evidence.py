"""The evidence below the verdict: how requests ended, who answered, what differed, what it cost, what was checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins

from evalkit.report.costs import cost_document, latency_document
from evalkit.report.document.facts import RunFacts
from evalkit.types import ModelIdentity
from evalkit.types.table import ScoreTable, Tally

UNCHECKED: Mapping[str, Any] = {"checked": False, "note": "the suite names no training data"}
_FLIPS = ("fixed", "broken", "both_right", "both_wrong", "unscored")


def evidence_block(facts: RunFacts) -> Mapping[str, Any]:
    """Counts, coverage, identity, cost and latency of both sides."""
    suite, table = facts.suite, facts.table
    return {
        "flips": flip_counts(facts.flips),
        "outcomes": {role: tally_document(t) for role, t in table.tallies.items()} if table else {},
        "coverage": _coverage(table),
        "per_class": list(facts.per_class),
        "identity": _identity(facts),
        "differences": list(facts.differences),
        "cost": cost_document(table, suite, facts.costs) if table and facts.costs else {},
        "latency": latency_document(table, str(facts.provenance.get("suite_fingerprint"))) if table else {},
    }


def checks_block(facts: RunFacts) -> Mapping[str, Any]:
    """What was checked about the data, where the numbers come from, and what to be warned of."""
    return {
        "contamination": dict(facts.contamination) or UNCHECKED,
        "checks": [dict(found) for found in facts.checks],
        "freshness": dict(facts.freshness) or {"note": "not checked"},
        "guard_checks": [dict(found) for found in facts.guard_checks],
        "judges": [dict(judge) for judge in facts.judges],
        "provenance": dict(facts.provenance),
        "warnings": list(facts.warnings),
    }


def flip_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Every kind of flip with its count, 0 where none was seen."""
    return {name: counts.get(name, 0) for name in _FLIPS}


def tally_document(tally: Tally) -> dict[str, Any]:
    """How one side's requests ended."""
    return {
        "planned": tally.planned,
        "ok": tally.ok,
        "failed": tally.failed,
        "truncated": tally.truncated,
        "refused": tally.refused,
        "cut": tally.cut,
        "cached": tally.cached,
        "kinds": dict(tally.kinds),
    }


def identity_document(found: ModelIdentity) -> dict[str, Any]:
    """What is known of a side's model, as JSON: what a plug-in's backend says of itself may be of any type."""
    document: dict[str, Any] = to_builtins(found, enc_hook=_of_a_plug_in)
    return document


def _of_a_plug_in(value: Any) -> float | str:
    return float(value) if isinstance(value, float) else str(value)


def _coverage(table: ScoreTable | None) -> dict[str, Any]:
    if table is None or not table.sample_ids:
        return {"pairs": 0, "planned": 0, "share": None, "note": "nothing was asked"}
    planned = len(table.sample_ids)
    return {"pairs": table.both_answered, "planned": planned, "share": round(table.both_answered / planned, 6)}


def _identity(facts: RunFacts) -> dict[str, Any]:
    document: dict[str, Any] = {role: identity_document(found) for role, found in facts.identities.items()}
    table = facts.table
    share = round(table.equal_answers / table.both_answered, 6) if table and table.both_answered else None
    return document | {"equal_answers": share, "probe": dict(facts.probe)}
