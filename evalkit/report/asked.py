"""What the suite asked for and what it got, row by row, each with its line in suite.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from msgspec import structs

from evalkit.compare.primary import standing
from evalkit.numbers import at_worst, days, days_within, signed, some_points
from evalkit.types import Comparison, Guard, Suite, Verdict
from evalkit.types.table import ScoreTable

_UNBELIEVED = frozenset({"JUDGE_UNCALIBRATED", "JUDGE_UNPROBED", "JUDGE_UNREADABLE"})
"""Reasons that say: no verdict may rest on the judge behind the primary metric."""


def asked_rows(
    verdict: Verdict, suite: Suite, table: ScoreTable | None, contamination: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Rows of {label, asked, got, state, line, filter}; states as in docs/files.md."""
    rows = list(_each_primary(verdict, suite)) or [_believed(_primary(verdict, suite), verdict)]
    rows += [
        _row(guard.name, guard.asked, guard.got, guard.state, guard.line, _lost(guard))
        | ({"needed": guard.n_needed} if guard.n_needed else {})
        for guard in verdict.guards
    ]
    rows += _payback(verdict, suite)
    rows += _slices(verdict, suite)
    if table is not None:
        rows += _evidence(suite, table)
    rows += _contamination(contamination)
    return rows


def _each_primary(verdict: Verdict, suite: Suite) -> Iterator[dict[str, Any]]:
    """A row for each of several primary metrics; nothing where there is one."""
    found = {one.metric: one for one in verdict.metrics}
    which = {"all": ", as on the other primary metrics", "any": ", here or on another primary metric"}
    for one in verdict.primaries:
        alone = structs.replace(
            verdict,
            status="invalid" if one.status == "invalid" else "inconclusive",
            primary_state=standing(one.status, one.code),
            primary=found.get(one.metric),
        )
        row = _primary(alone, suite)
        yield row | {"asked": row["asked"] + which[suite.gate.primary.require]}


def _primary(verdict: Verdict, suite: Suite) -> dict[str, Any]:
    gate, found = suite.gate, verdict.primary
    metric = gate.primary.metric if found is None else found.metric
    if gate.intent == "quality":
        proof = {"positive": ", shown to be above 0", "margin": ", shown beyond doubt", "none": ""}[
            gate.primary.evidence
        ]
        label, asked = f"gain on {metric}", f"at least {signed(gate.primary.min_delta)} points{proof}"
        line = gate.primary.line
    else:
        label, asked = f"no loss on {metric}", f"loses at most {some_points(gate.noninferiority_margin)}"
        line = gate.line
    state = verdict.primary_state
    if found is None or found.delta_points is None:
        state = "not_measured"
    elif verdict.status == "invalid":
        return _row(label, asked, f"{_got(found)}, but this evidence supports no verdict", "warning", line, "f=broken")
    return _row(label, asked, _got(found), state, line, "f=broken")


def _lost(guard: Guard) -> str | None:
    """The samples that lost by the guard's metric, where they are samples of this suite."""
    if guard.comparison is None or guard.suite is not None:
        return None
    return f"m={quote(guard.comparison.metric, safe='')}&f=broken"


def _believed(row: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    """The row, marked where its figures come from a judge that no verdict may rest on."""
    codes = {reason.code for reason in verdict.reasons}
    if row["state"] == "not_measured" or not codes & _UNBELIEVED:
        return row
    return row | {"state": "warning", "got": f"{row['got']}, but graded by a judge no verdict may rest on"}


def _got(found: Comparison | None) -> str:
    if found is None or found.delta_points is None or found.bounds is None:
        return "not measured"
    return f"{signed(found.delta_points)} points ({at_worst((found.bounds.low, found.bounds.high))})"


def _payback(verdict: Verdict, suite: Suite) -> Iterator[dict[str, Any]]:
    """What a suite whose goal is cost asks for besides; other suites ask for nothing of the kind."""
    found = verdict.payback
    if suite.gate.intent != "cost" or found is None:
        return
    line = suite.economics.line if suite.economics else suite.gate.line
    got = f"not known: {found.why}"
    if found.days is not None:
        got = days_within(found.days.point, found.days.low, found.days.high)
    yield _row("pays for itself", f"within {days(found.asked_days)}", got, found.state, line)


def _slices(verdict: Verdict, suite: Suite) -> Iterator[dict[str, Any]]:
    judged = [s for s in verdict.slices if s.adjusted is not None and s.comparison.delta_points is not None]
    if not verdict.slices:
        return
    label, asked = "every slice", f"loses at most {some_points(suite.gate.slices.max_drop)}"
    if not judged:
        total = verdict.slice_summary.total if verdict.slice_summary else len(verdict.slices)
        got = f"all {total:,} slices have fewer than {suite.gate.slices.min_n} pairs"
        yield _row(label, asked, got, "not_measured", suite.gate.slices.line)
        return
    states = {s.state for s in judged}
    state = "regressed" if "regressed" in states else "unresolved" if "unresolved" in states else "held"
    worst = min(judged, key=lambda s: (s.state != "regressed", s.comparison.delta_points or 0.0))
    found = worst.comparison
    bounds = worst.adjusted
    shown = f" ({at_worst((bounds.low, bounds.high))})" if bounds else ""
    got = f"worst: {worst.name} {signed(found.delta_points)} points{shown}, n = {found.n:,}"
    yield _row(label, asked, got, state, suite.gate.slices.line, f"f=broken&slice={quote(worst.name, safe='')}")


def _evidence(suite: Suite, table: ScoreTable) -> Iterator[dict[str, Any]]:
    asked = suite.gate.validity
    planned = max(1, len(table.sample_ids))
    covered = 100.0 * table.both_answered / planned
    state = "held" if table.both_answered / planned >= asked.min_pair_coverage else "regressed"
    wanted = f"at least {100 * asked.min_pair_coverage:g} % of samples"
    yield _row("answered by both sides", wanted, f"{covered:.1f} %", state, asked.line)
    errors = {role: t.failed / max(1, t.planned) for role, t in table.tallies.items()}
    cuts = {role: t.truncated / max(1, t.planned) for role, t in table.tallies.items()}
    for label, shares, limit in (
        ("requests that failed", errors, asked.max_error_rate),
        ("answers cut before they said anything", cuts, asked.max_truncated),
    ):
        got = ", ".join(f"{role} {100 * share:.1f} %" for role, share in shares.items())
        state = "held" if all(share <= limit for share in shares.values()) else "regressed"
        yield _row(label, f"at most {100 * limit:g} % a side", got, state, asked.line)


def _contamination(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if not found.get("checked"):
        return
    dirty = int(found["dirty"])
    suspect = int(found.get("suspect", 0))
    got = f"{dirty} of {found['samples']:,} found in {found['training_rows']:,} training rows"
    unread = int((found.get("semantic") or {}).get("unread_samples", 0))
    got += f", {suspect - unread} more in part" if suspect > unread else ""
    got += f", {unread} more close in meaning to rows that nobody read" if unread else ""
    is_left_out = dirty and found.get("action") == "clean"
    got += ", and left out" if is_left_out else ""
    state = "warning" if is_left_out else "regressed" if dirty else "held"
    yield _row("samples that were trained on", "none", got, state, None)


def _row(  # noqa: PLR0917 - one table row, in column order
    label: str, asked: str, got: str, state: str, line: int | None, shown: str | None = None
) -> dict[str, Any]:
    return {"label": label, "asked": asked, "got": got, "state": state, "line": line, "filter": shown}
