"""verdict.json: the one document every rendering is made from. Numbers are rounded here, once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from evalkit.compare.noise import NoiseFloor
from evalkit.compare.reuse import chance_of_a_false_ship
from evalkit.costs.payback import Costs
from evalkit.report.asked import asked_rows
from evalkit.report.costs import cost_document, latency_document
from evalkit.report.headline import advice, headline
from evalkit.report.repeats import repeats_document
from evalkit.types import BASELINE, Comparison, Guard, Interval, ModelIdentity, Slice, Suite, Verdict
from evalkit.types.table import ScoreTable, Tally

SCHEMA = "evalkit.verdict/1"


NOISE_NOT_ASKED = "not measured: `evalkit run SUITE --noise-floor` asks the baseline a second time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What was found against one baseline. Suite and table hold it and the candidate only."""

    suite: Suite
    table: ScoreTable
    costs: Costs
    flips: Mapping[str, int]
    verdict: Verdict
    identity: ModelIdentity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Everything about a run that its verdict document shows; of several baselines, against the one that decides."""

    suite: Suite
    suite_file: str
    run: str
    created: str
    verdict: Verdict
    table: ScoreTable | None
    """None when nothing was asked (refused before the first request)."""
    costs: Costs | None = None
    flips: Mapping[str, int] = field(default_factory=dict)
    identities: Mapping[str, ModelIdentity] = field(default_factory=dict)
    probe: Mapping[str, Any] = field(default_factory=dict)
    differences: Sequence[Mapping[str, Any]] = ()
    per_class: Sequence[Mapping[str, Any]] = ()
    contamination: Mapping[str, Any] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    next_command: str | None = None
    """What asks for the answers that are missing."""
    against: str = BASELINE
    """The baseline that decides."""
    compared: Mapping[str, Compared] = field(default_factory=dict)
    """By baseline, in the suite's order; empty when nothing was asked."""
    noise_floor: NoiseFloor | None = None


def verdict_document(facts: RunFacts) -> dict[str, Any]:
    """The document, ready for `json.dumps(allow_nan=False)`."""
    verdict, suite, table = facts.verdict, facts.suite, facts.table
    return {
        "schema": SCHEMA,
        "verdict": verdict.status,
        "exit_code": verdict.exit_code,
        "suite": suite.name,
        "description": suite.description,
        "suite_file": facts.suite_file,
        "run": facts.run,
        "created": facts.created,
        "headline": _headline(facts),
        "advice": advice(verdict, suite),
        "next_command": facts.next_command if _lacks_answers(verdict) else None,
        "intent": suite.gate.intent,
        "reasons": _reasons(verdict),
        "primary": _primary(verdict, suite),
        "primaries": _primaries(verdict, suite),
        "repeats": repeats_document(verdict),
        "metrics": [comparison_document(c) for c in verdict.metrics],
        "guards": [_guard(g) for g in verdict.guards],
        "slice_max_drop": suite.gate.slices.max_drop,
        "slices": [_slice(s) for s in verdict.slices],
        "slice_summary": _slice_summary(verdict, suite),
        "reuse": reuse_document(verdict, suite),
        "asked": asked_rows(verdict, suite, table, facts.contamination),
        "flips": _flips(facts.flips),
        "outcomes": {role: _tally(t) for role, t in table.tallies.items()} if table else {},
        "coverage": _coverage(table),
        "per_class": list(facts.per_class),
        "identity": _identity(facts),
        "differences": list(facts.differences),
        "cost": cost_document(table, suite, facts.costs) if table and facts.costs else {},
        "latency": latency_document(table, str(facts.provenance.get("suite_fingerprint"))) if table else {},
        "contamination": dict(facts.contamination) or {"checked": False, "note": "the suite names no training data"},
        "checks": [dict(found) for found in facts.checks],
        "freshness": {"note": "not checked"},
        "judges": [],
        "provenance": dict(facts.provenance),
        "warnings": list(facts.warnings),
        "against": facts.against,
        "baselines": {name: _compared(found, facts) for name, found in facts.compared.items()},
        **_noise(facts.noise_floor),
    }


_RESUMABLE = frozenset({"ERROR_RATE", "PAIR_COVERAGE", "MISSING_COULD_DECIDE"})


def _lacks_answers(verdict: Verdict) -> bool:
    return any(reason.code in _RESUMABLE for reason in verdict.reasons)


def _headline(facts: RunFacts) -> str:
    """What was found; of several baselines first, which of them decides."""
    if len(facts.compared) <= 1:
        return headline(facts.verdict, facts.suite)
    own = facts.compared[facts.against].verdict
    lead = f"Against {facts.against}, which decides among {len(facts.compared)} baselines:"
    return f"{lead} {headline(own, facts.suite)}"


def _compared(found: Compared, facts: RunFacts) -> dict[str, Any]:
    """One baseline: the verdict against it alone, and its own figures."""
    verdict, table, suite = found.verdict, found.table, found.suite
    seed = str(facts.provenance.get("suite_fingerprint"))
    return {
        "verdict": verdict.status,
        "exit_code": verdict.exit_code,
        "reasons": _reasons(verdict),
        "primary": _primary(verdict, suite),
        "flips": _flips(found.flips),
        "outcomes": _tally(table.tallies[BASELINE]),
        "identity": asdict(found.identity) if found.identity is not None else {},
        "cost": cost_document(table, suite, found.costs)[BASELINE],
        "latency": latency_document(table, seed)[BASELINE],
    }


def _noise(floor: NoiseFloor | None) -> dict[str, Any]:
    """The baseline against itself: null with a reason beside it where that was not measured."""
    found = None if floor is None else floor.found
    if floor is None or found is None or found.delta_points is None:
        note = NOISE_NOT_ASKED if found is None else found.note or "not measured"
        return {"noise_floor": None, "noise_floor_note": note}
    told = {
        "metric": found.metric,
        "delta_points": _points(found.delta_points),
        "ci95_points": [_points(found.ci95.low), _points(found.ci95.high)] if found.ci95 else None,
        "n": found.n,
        "equal_answers": _rounded(floor.equal_answers),
    }
    return {"noise_floor": told, "noise_floor_note": None}


def _reasons(verdict: Verdict) -> list[dict[str, Any]]:
    return [{"code": r.code, "blocking": r.is_blocking, "detail": r.detail} for r in verdict.reasons]


def _flips(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts.get(name, 0) for name in _FLIPS}


_FLIPS = ("fixed", "broken", "both_right", "both_wrong", "unscored")


def comparison_document(found: Comparison) -> dict[str, Any]:
    """A comparison as docs/files.md describes it."""
    return {
        "metric": found.metric,
        "n": found.n,
        "n_clusters": found.n_clusters,
        "baseline_points": _points(found.baseline_points),
        "candidate_points": _points(found.candidate_points),
        "delta_points": _points(found.delta_points),
        "ci95_points": [_points(found.ci95.low), _points(found.ci95.high)] if found.ci95 else None,
        **{f"{role}_ci95_points": _ends(found.sides95.get(role)) for role in ("baseline", "candidate")},
        "lower_points": _points(found.bounds.low) if found.bounds else None,
        "upper_points": _points(found.bounds.high) if found.bounds else None,
        "p_value": _probability(found.p_value),
        "adjusted_p_value": _probability(found.adjusted_p),
        "method": found.method,
        "improved": found.improved,
        "worsened": found.worsened,
        "unscored": dict(found.unscored),
        "worst_case_points": list(found.worst_case_points) if found.worst_case_points else None,
        "note": found.note,
    }


def _ends(found: Interval | None) -> list[float | None] | None:
    return None if found is None else [_points(found.low), _points(found.high)]


def _primary(verdict: Verdict, suite: Suite) -> dict[str, Any]:
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
        "must_pass": asdict(guard.must_pass) if guard.must_pass else None,
        "ratio": _rounded(guard.ratio_point),
        "ratio_low": _rounded(guard.ratio.low) if guard.ratio else None,
        "ratio_high": _rounded(guard.ratio.high) if guard.ratio else None,
    }


def _slice(part: Slice) -> dict[str, Any]:
    return {
        "name": part.name,
        "state": part.state,
        "comparison": comparison_document(part.comparison),
        "contribution_points": _points(part.contribution_points),
        "adjusted_low": _points(part.adjusted.low) if part.adjusted else None,
        "adjusted_high": _points(part.adjusted.high) if part.adjusted else None,
    }


def _slice_summary(verdict: Verdict, suite: Suite) -> dict[str, Any]:
    if verdict.slice_summary is None:
        return {"note": "nothing was compared"}
    found = asdict(verdict.slice_summary)
    weights = suite.gate.slices.weights
    return found | {
        "pooled_points": _points(verdict.slice_summary.pooled_points),
        "weights": None if weights is None else dict(weights),
    }


def reuse_document(verdict: Verdict, suite: Suite) -> dict[str, Any]:
    """What the verdict knew of earlier uses of its samples, as docs/files.md describes it."""
    asked, found = suite.gate.reuse, verdict.reuse
    told: dict[str, Any] = {"policy": asked.policy, "max_uses": asked.max_uses}
    if found is None or verdict.primary is None:
        return told | {"note": "not counted: nothing was judged"}
    chance = chance_of_a_false_ship(found, verdict.primary, suite.gate)
    return told | asdict(found) | {"false_ship": None if chance is None else round(chance, 6)}


def _probability(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _tally(tally: Tally) -> dict[str, Any]:
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


def _coverage(table: ScoreTable | None) -> dict[str, Any]:
    if table is None or not table.sample_ids:
        return {"pairs": 0, "planned": 0, "share": None, "note": "nothing was asked"}
    planned = len(table.sample_ids)
    return {"pairs": table.both_answered, "planned": planned, "share": round(table.both_answered / planned, 6)}


def _identity(facts: RunFacts) -> dict[str, Any]:
    document: dict[str, Any] = {role: asdict(identity) for role, identity in facts.identities.items()}
    table = facts.table
    share = round(table.equal_answers / table.both_answered, 6) if table and table.both_answered else None
    return document | {"equal_answers": share, "probe": dict(facts.probe)}


def _points(value: float | None) -> float | None:
    return None if value is None else round(value, 9)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)
