"""GitHub's workflow commands for what a verdict complains of: shown in the pull request, at the line of suite.yaml.

The format and its escapes: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.report import strings
from evalkit.report.demands import AskedRow, asked_rows
from evalkit.report.read import Document, text
from evalkit.report.text import cleaned, shorten

MOST = 9
"""GitHub shows at most ten annotations of a kind and step; the verdict's own is one of them."""
_MAX_CHARS = 500


def github_commands(verdict: Document) -> tuple[str, ...]:
    """One line for the verdict and one for each demand not met, as errors where they stopped the release."""
    return tuple(_lines(cleaned(verdict)))


def _lines(verdict: Document) -> Iterator[str]:
    status, look = text(verdict, "verdict"), strings.verdict_look(text(verdict, "verdict"))
    file = text(verdict, "suite_file")
    kind = {"ship": "notice", "inconclusive": "warning"}.get(status, "error")
    yield _command(kind, f"{look.word}: {text(verdict, 'headline') or look.gloss}", file, "")
    failed = [row for row in asked_rows(verdict) if row.mark is strings.STATES["regressed"]]
    for row in failed[:MOST]:
        told = f"{row.label}: asked {row.asked}; got {row.got}"
        yield _command("warning" if status == "ship" else "error", told, file, _line(row))


def _line(row: AskedRow) -> str:
    return row.where.rpartition(":")[2]


def _command(kind: str, message: str, file: str, line: str) -> str:
    places = {"file": file, "line": line, "title": "evalkit"}
    told = ",".join(f"{key}={_escaped(value, ',:')}" for key, value in places.items() if value)
    return f"::{kind} {told}::{_escaped(shorten(message, _MAX_CHARS))}"


def _escaped(value: str, more: str = "") -> str:
    """`%`, line ends and, in a property, what separates properties, as GitHub unescapes them."""
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{more}" else c for c in value)
