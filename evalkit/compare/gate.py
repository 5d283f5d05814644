"""The verdict: validity first, then the primary, then what must not get worse, then what is missing.

Precedence where several apply: invalid evidence, then don't ship, then inconclusive, then ship.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct, field, structs

from evalkit.compare import reuse as earlier
from evalkit.compare.guards import Measured, judge_guard
from evalkit.compare.instrument import Instrument
from evalkit.compare.pairing import against_the_candidate, compare
from evalkit.compare.parts import look_at_parts
from evalkit.compare.payback import judge_payback
from evalkit.compare.primaries import Judged, deciding, each_finding, judge, lost_by_another, most_needed, said
from evalkit.compare.primary import least_detectable, standing
from evalkit.compare.repeats import repeat_spread
from evalkit.compare.secondary import with_adjusted_p
from evalkit.compare.slices import judge_slices
from evalkit.compare.validity import broken_evidence
from evalkit.numbers import at_worst, signed
from evalkit.types import Comparison, Guard, Payback, Reason, Slice, Status, Suite, Verdict
from evalkit.types.reuse import Reuse

RANK: Mapping[Status, int] = {"error": 0, "invalid": 1, "dont_ship": 2, "inconclusive": 3, "ship": 4}
_OPEN_CODES = frozenset({"POINT_OK_NOT_SIGNIFICANT", "BELOW_GATE_UNSETTLED", "TOO_FEW_SAMPLES"})
"""What more samples may settle."""
_SIZE_CODES = frozenset({"TOO_FEW_SAMPLES", "TOO_FEW_CLUSTERS"})


class Evidence(Struct, frozen=True, kw_only=True):
    """Everything a verdict rests on."""

    suite: Suite
    main: Measured
    guards: Mapping[str, Measured]
    """Guard suites by the path their guard names."""
    seed: str
    """The suite's fingerprint."""
    is_limited: bool = False
    """Only a subset was run (`--limit`)."""
    blocking: tuple[Reason, ...] = ()
    """What other rooms found: a served model that changed, contamination …; each makes the evidence invalid."""
    warnings: tuple[Reason, ...] = ()
    reuse: Reuse | None = None
    """Earlier uses of these samples; None where none were counted."""
    payback: Payback | None = None
    """When the change has paid for itself; None where nothing was weighed."""
    judges: Mapping[str, Instrument] = field(default_factory=dict)
    """By metric, what is known of the judge that graded it."""


def decide(evidence: Evidence) -> Verdict:
    """The verdict on one run."""
    suite, main = evidence.suite, evidence.main
    gate = suite.gate
    notes = _notes(suite)
    judged = _primaries(evidence, notes)
    first = deciding(judged.values(), gate.primary)
    primary = first.found
    found = {
        name: judged[name].found
        if name in judged
        else _noted(compare(metric, main.table, alpha=gate.alpha, seed=evidence.seed), notes)
        for name, metric in main.metrics.items()
    }
    guards = tuple(
        judge_guard(
            spec,
            evidence.guards.get(str(spec.suite)) if spec.suite else main,
            alpha=gate.alpha,
            seed=evidence.seed,
        )
        for spec in gate.guards
    )
    parts = look_at_parts(first.metric, main.table, gate, primary, seed=evidence.seed)
    findings = _invalid(evidence, primary)
    if not any(status == "invalid" for status, _ in findings):
        findings += said(judged.values(), first, gate.primary)
        findings += _decided(evidence, judged.values(), first, guards)
        findings += _lost_slices(evidence, judged.values(), first, parts.slices)
    if evidence.is_limited:
        findings = _limited(findings)
    status = min((status for status, _ in findings), key=RANK.__getitem__)
    strict = structs.replace(gate, alpha=gate.primary_alpha)
    reasons = tuple(r for s, r in sorted(findings, key=lambda f: RANK[f[0]])) + evidence.warnings
    if status == "ship":
        reasons = tuple(structs.replace(r, is_blocking=False) for r in reasons)
    return Verdict(
        status=status,
        reasons=reasons,
        primary=primary,
        primary_state="unresolved" if _has_gaps(findings) else standing(first.status, first.reason.code),
        primaries=each_finding(judged.values()),
        repeats=repeat_spread(first.metric, main.table),
        metrics=tuple(with_adjusted_p(found, judged).values()),
        guards=guards,
        slices=parts.slices,
        slice_summary=parts.summary,
        reuse=evidence.reuse,
        cautions=(
            *parts.cautions,
            *lost_by_another(judged.values(), gate.primary),
            *earlier.cautions(evidence.reuse, primary, gate),
        ),
        payback=evidence.payback,
        mde_points=least_detectable(primary, strict),
        n_needed=most_needed(judged.values(), first, strict) if _is_unsettled(findings) else None,
    )


def _primaries(evidence: Evidence, notes: Mapping[str, str]) -> dict[str, Judged]:
    """Every primary metric by itself."""
    main, gate = evidence.main, evidence.suite.gate
    return {
        name: judge(
            main.metrics[name], main.table, gate, seed=evidence.seed, note=notes.get(name), by=evidence.judges.get(name)
        )
        for name in gate.primary.metrics
    }


def _notes(suite: Suite) -> dict[str, str]:
    """Cautions by metric: a schema pass rate says little about answers that could not have been anything else."""
    constrained = [role for role, spec in suite.models.items() if spec.generation.response_schema is not None]
    if not constrained:
        return {}
    note = f"constrained: decoding of {' and '.join(constrained)} could only produce JSON of the response schema"
    return {spec.name: note for spec in suite.metrics if spec.type == "json_schema"}


def _noted(found: Comparison, notes: Mapping[str, str]) -> Comparison:
    return structs.replace(found, note=found.note or notes.get(found.metric))


def _invalid(evidence: Evidence, primary: Comparison) -> list[tuple[Status, Reason]]:
    asked = evidence.suite.gate.validity
    reasons = [*evidence.blocking, *broken_evidence(evidence.main.table, primary, asked, is_main=True)]
    for measured in evidence.guards.values():
        reasons += broken_evidence(measured.table, primary, asked, is_main=False)
    return [("invalid", reason) for reason in reasons]


def _decided(
    evidence: Evidence, judged: Collection[Judged], first: Judged, guards: Sequence[Guard]
) -> list[tuple[Status, Reason]]:
    """What there is to say beside the primary metrics themselves and their slices."""
    suite = evidence.suite
    findings = [_guard_finding(guard) for guard in guards if guard.state != "held"]
    if (limit := earlier.limit_reached(evidence.reuse, suite.gate)) is not None:
        findings.append(("inconclusive", limit))
    findings += judge_payback(evidence.payback, suite.gate)
    if first.status == "ship" and (missing := _missing(evidence, judged)) is not None:
        findings.append(("inconclusive", missing))
    return findings


def _guard_finding(guard: Guard) -> tuple[Status, Reason]:
    if guard.must_pass is not None:
        code = "GUARD_REGRESSED" if guard.state == "regressed" else "GUARD_UNRESOLVED"
        told: Status = "dont_ship" if guard.state == "regressed" else "inconclusive" if guard.is_blocking else "ship"
        detail = f"{guard.name}: {guard.got}; none may fail"
        return told, Reason(code=code, is_blocking=guard.is_blocking, detail=detail)
    if guard.state == "regressed":
        detail = f"{guard.name}: {guard.got}; the suite asks that it {guard.asked}"
        return "dont_ship", Reason(code="GUARD_REGRESSED", is_blocking=True, detail=detail)
    needed = f"; about {guard.n_needed:,} pairs would tell" if guard.n_needed else ""
    detail = f"{guard.name}: {guard.got}; whether it {guard.asked} cannot be told{needed}"
    status: Status = "inconclusive" if guard.is_blocking else "ship"
    return status, Reason(code="GUARD_UNRESOLVED", is_blocking=guard.is_blocking, detail=detail)


def _lost_slices(
    evidence: Evidence, judged: Collection[Judged], first: Judged, slices: Sequence[Slice]
) -> list[tuple[Status, Reason]]:
    """Slices that lost for sure: of the metric that decides and, where all must pass, of the other ones."""
    suite = evidence.suite
    findings = [_slice_finding(part, suite) for part in slices if part.state == "regressed"]
    if suite.gate.primary.require == "all":
        asked, table = suite.gate.slices, evidence.main.table
        for other in (one for one in judged if one is not first):
            parts = judge_slices(other.metric, table, asked, alpha=suite.gate.alpha, seed=evidence.seed)
            findings += [_slice_finding(p, suite, f"{other.name}: ") for p in parts if p.state == "regressed"]
    return findings


def _slice_finding(part: Slice, suite: Suite, of: str = "") -> tuple[Status, Reason]:
    found = part.comparison
    detail = (
        f"{of}{part.name} loses {-(found.delta_points or 0.0):.1f} points (n = {found.n}{_adjusted(part)}); "
        f"no slice may lose more than {suite.gate.slices.max_drop:g}"
    )
    return "dont_ship", Reason(code="SLICE_REGRESSED", is_blocking=True, detail=detail)


def _adjusted(part: Slice) -> str:
    bounds = part.adjusted
    return f"; {at_worst((bounds.low, bounds.high))} after Holm's correction" if bounds is not None else ""


def _missing(evidence: Evidence, judged: Collection[Judged]) -> Reason | None:
    """A reason when what is missing, had it gone against the candidate, would undo the ship."""
    if all(one.found.worst_case_points is None for one in judged):
        return None
    gate, table = evidence.suite.gate, evidence.main.table
    worst = {
        one.name: judge(
            one.metric,
            against_the_candidate(one.metric, table),
            gate,
            seed=evidence.seed,
            by=None if by is None else by.without_missing(one.name, table),
        )
        for one in judged
        for by in (evidence.judges.get(one.name),)
    }
    turned = deciding(worst.values(), gate.primary)
    if turned.status == "ship":
        return None
    primary = next(one.found for one in judged if one.name == turned.name)
    low, high = primary.worst_case_points or (primary.delta_points, primary.delta_points)
    detail = (
        f"{sum(primary.unscored.values())} answers have no score; depending on them the delta lies between "
        f"{signed(low)} and {signed(high)} points, and the low end would not ship"
    )
    return Reason(code="MISSING_COULD_DECIDE", is_blocking=True, detail=detail)


def _limited(findings: list[tuple[Status, Reason]]) -> list[tuple[Status, Reason]]:
    """A subset of the suite can show that evidence is broken, and nothing else."""
    kept: list[tuple[Status, Reason]] = []
    for status, reason in findings:
        if status == "invalid" and reason.code not in _SIZE_CODES:
            kept.append((status, reason))
        else:
            kept.append(("inconclusive", structs.replace(reason, is_blocking=False)))
    detail = "only a random subset of the suite was run (--limit), which decides nothing; run the whole suite"
    return [*kept, ("inconclusive", Reason(code="LIMITED", is_blocking=True, detail=detail))]


def _has_gaps(findings: Sequence[tuple[Status, Reason]]) -> bool:
    return any(reason.code == "MISSING_COULD_DECIDE" for _, reason in findings)


def _is_unsettled(findings: Sequence[tuple[Status, Reason]]) -> bool:
    """Whether more samples could turn the verdict: a primary metric is open, and nothing else has lost for good."""
    is_lost = any(status == "dont_ship" and reason.code not in _OPEN_CODES for status, reason in findings)
    return not is_lost and any(reason.code in _OPEN_CODES for _, reason in findings)
