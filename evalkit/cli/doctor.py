"""`evalkit doctor`."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import SUITE_NAME, Overrides, suite_file
from evalkit.errors import ExecutionError

if TYPE_CHECKING:
    from evalkit.jobs.doctor import Check

MAX_WIDTH = 100
_NARROW = 56
"""Columns below which two columns of text leave no room for words."""
_MARKS = {"ok": "✔", "warning": "!", "missing": "✖"}
_COLORS = {"ok": "34", "warning": "33", "missing": "31"}
_COLUMN = 16


@app.command()
def doctor(
    context: typer.Context,
    suite: Annotated[
        Path | None,
        typer.Argument(
            metavar="SUITE", help="Look at this suite's models too; left out: ./suite.yaml.", show_default=False
        ),
    ] = None,
    overrides: Overrides = [],  # noqa: B006 - typer reads the default once and copies it
) -> int:
    """What would run here, and what is missing for it."""
    from msgspec import to_builtins

    from evalkit.cli.streams import aside
    from evalkit.jobs.doctor import doctor as examine

    wanted = suite_file(suite) if suite is not None or Path(SUITE_NAME).exists() else None
    with aside():
        checks = examine(wanted, tuple(overrides))
    missing = sum(check.state == "missing" for check in checks)
    code = ExecutionError.exit_code if missing else 0
    document = {"schema": "evalkit.doctor/1", "checks": [to_builtins(c) for c in checks], "exit_code": code}
    width = min(MAX_WIDTH, shutil.get_terminal_size((80, 24)).columns)
    told = rows(checks, width=width, has_color=context.obj.has_color)
    last = "nothing that is needed is missing" if not missing else f"{missing} needed and missing (✖)"
    context.obj.result(document, f"{told}\n\n{last}")
    return code


def rows(checks: Iterable[Check], *, width: int, has_color: bool) -> str:
    """One row a check, wrapped at blanks only: a path or a hash stays whole, however narrow the terminal."""
    return "\n".join(_row(check, width=width, has_color=has_color) for check in checks)


def _row(check: Check, *, width: int, has_color: bool) -> str:
    from evalkit.report.text import plain

    mark = _MARKS[check.state]
    shown = f"\x1b[{_COLORS[check.state]}m{mark}\x1b[0m" if has_color else mark
    is_narrow = width < _NARROW
    column = 0 if is_narrow else _COLUMN
    if is_narrow:
        lines = _folded(f"{check.what}: {plain(check.told)}", width - 2)
    else:
        lines = _folded(plain(check.told), width - column - 2)
        lines[0] = f"{check.what:<{_COLUMN - 1}} {lines[0]}"
    if check.mend and check.state != "ok":
        lines += [line for step in check.mend.split("\n") for line in _folded(f"→ {plain(step)}", width - column - 2)]
    return f"{shown} " + f"\n{' ' * (column + 2)}".join(lines)


def _folded(text: str, width: int) -> list[str]:
    """At least one line."""
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False) or [""]
