"""junit.xml: the gate as test cases, so that a CI system shows it without knowing evalkit.

One case for the verdict, one for each demand, guard and metric, and none twice: a guard is a demand, too, and stands
among the guards only. None for a sample: a broken sample is no failed test. The verdict's case fails exactly when the
gate does, so the file can never be greener than the exit code. What did not block but could not be settled is
`skipped`, with the reason.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.baselines import against_rows
from evalkit.report.demands import AskedRow, asked_rows, guard_rows
from evalkit.report.read import Document, number, obj, objects, pair, text, whole
from evalkit.report.text import cleaned

Outcome = Literal["passed", "failure", "skipped", "error"]


class Case(Struct, frozen=True, kw_only=True):
    """One test case."""

    room: Literal["gate", "guard", "metric"]
    name: str
    outcome: Outcome
    message: str
    output: str = ""
    file: str = ""
    line: str = ""


def render_junit(verdict: Document) -> bytes:
    """The cases as UTF-8 XML; no character in it is one that XML 1.0 forbids."""
    shown = cleaned(verdict)
    cases = [
        _verdict_case(shown),
        *_asked_cases(shown),
        *_against_cases(shown),
        *_guard_cases(shown),
        *_metric_cases(shown),
    ]
    counts = {"tests": len(cases)}
    counts |= {f"{kind}s": sum(c.outcome == kind for c in cases) for kind in ("failure", "error")}
    counts["skipped"] = sum(c.outcome == "skipped" for c in cases)
    figures = {key: str(value) for key, value in counts.items()}
    root = ET.Element("testsuites", {"name": "evalkit"} | figures)
    suite = ET.SubElement(root, "testsuite", {"name": text(shown, "suite") or "evalkit"} | figures)
    if text(shown, "created"):
        suite.set("timestamp", text(shown, "created").removesuffix("Z"))
    wall = number(obj(shown, "provenance"), "wall_s")
    if wall is not None:
        suite.set("time", f"{wall:.3f}")
    for case in cases:
        _write(suite, case)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()


def _write(suite: ET.Element, case: Case) -> None:
    element = ET.SubElement(suite, "testcase", classname=f"evalkit.{case.room}", name=case.name, time="0")
    if case.file:
        element.set("file", case.file)
    if case.line:
        element.set("line", case.line)
    if case.outcome != "passed":
        ET.SubElement(element, case.outcome, message=case.message).text = case.message
    if case.output:
        ET.SubElement(element, "system-out").text = case.output


def _verdict_case(verdict: Document) -> Case:
    status = text(verdict, "verdict")
    outcome: dict[str, Outcome] = {"ship": "passed", "dont_ship": "failure", "inconclusive": "skipped"}
    found = outcome.get(status, "error")
    if status == "inconclusive" and whole(verdict, "exit_code") == 1:  # the caller asked that it count as a failure
        found = "failure"
    look = strings.verdict_look(status)
    message = f"{look.word}: {text(verdict, 'headline') or look.gloss}"
    reasons = "\n".join(f"{text(r, 'code')}: {text(r, 'detail')}" for r in objects(verdict, "reasons"))
    return Case(room="gate", name="verdict", outcome=found, message=message, output=reasons)


def _asked_cases(verdict: Document) -> Iterator[Case]:
    is_open = text(verdict, "verdict") == "ship"
    guards = {(row.label, row.asked, row.where) for row in guard_rows(verdict)}
    for row in asked_rows(verdict):
        if (row.label, row.asked, row.where) in guards:
            continue
        yield _row_case(row, verdict, room="gate", is_blocking=not is_open)


def _against_cases(verdict: Document) -> Iterator[Case]:
    """One case for each of several baselines."""
    outcomes: dict[str, Outcome] = {"SHIP": "passed", strings.VERDICTS["dont_ship"].word: "failure"}
    outcomes |= {strings.VERDICTS["inconclusive"].word: "skipped"}
    for row in against_rows(verdict):
        told = f"{row.look.word}: {row.difference} points {row.interval}, {row.n} pairs"
        outcome = outcomes.get(row.look.word, "error")
        output = told if outcome == "passed" else ""
        yield Case(room="gate", name=f"against {row.name}", outcome=outcome, message=told, output=output)


def _guard_cases(verdict: Document) -> Iterator[Case]:
    blocking = [bool(guard.get("blocking")) for guard in objects(verdict, "guards")]
    for row, is_blocking in zip(guard_rows(verdict), blocking, strict=True):
        yield _row_case(row, verdict, room="guard", is_blocking=is_blocking)


def _row_case(row: AskedRow, verdict: Document, *, room: Literal["gate", "guard"], is_blocking: bool) -> Case:
    message = f"{row.label}: asked {row.asked}; got {row.got} ({row.mark.word})"
    if row.needed:
        message = f"{message}; {row.needed}"
    outcome: Outcome = "passed"
    if row.mark is strings.STATES["regressed"]:
        outcome = "failure" if is_blocking else "skipped"
    elif row.mark not in (strings.STATES["held"], strings.STATES["warning"]):
        outcome = "skipped"
    return Case(
        room=room,
        name=f"{row.label} {row.asked}".strip(),
        outcome=outcome,
        message=message,
        output=message if outcome == "passed" else "",
        file=text(verdict, "suite_file") if row.where else "",
        line=row.where.rpartition(":")[2],
    )


def _metric_cases(verdict: Document) -> Iterator[Case]:
    """Metrics are for information: a figure, or a note on why there is none."""
    for found in objects(verdict, "metrics"):
        delta, name = number(found, "delta_points"), text(found, "metric")
        if delta is None:
            note = text(found, "note") or numbers.NOT_MEASURED
            yield Case(room="metric", name=name, outcome="skipped", message=note)
            continue
        levels = " → ".join(numbers.points(number(found, f"{side}_points")) for side in strings.SIDES)
        told = f"{levels} points, {numbers.signed(delta)} {numbers.interval(pair(found, 'ci95_points'))}"
        output = f"{told}, {numbers.count(number(found, 'n'))} pairs"
        yield Case(room="metric", name=name, outcome="passed", message="", output=output)
