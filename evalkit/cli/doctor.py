"""`evalkit doctor`."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import SUITE_NAME, Overrides, suite_file
from evalkit.errors import ExecutionError

if TYPE_CHECKING:
    from evalkit.jobs.doctor import Check

WIDTH = 80
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
    import dataclasses

    from evalkit.jobs.doctor import doctor as examine

    wanted = suite_file(suite) if suite is not None or Path(SUITE_NAME).exists() else None
    checks = examine(wanted, tuple(overrides))
    missing = sum(check.state == "missing" for check in checks)
    code = ExecutionError.exit_code if missing else 0
    document = {"schema": "evalkit.doctor/1", "checks": [dataclasses.asdict(c) for c in checks], "exit_code": code}
    rows = [_row(check, has_color=context.obj.has_color) for check in checks]
    last = "nothing that is needed is missing" if not missing else f"{missing} needed and missing (✖)"
    context.obj.result(document, "\n".join([*rows, "", last]))
    return code


def _row(check: Check, *, has_color: bool) -> str:
    from evalkit.report.text import plain

    mark = _MARKS[check.state]
    shown = f"\x1b[{_COLORS[check.state]}m{mark}\x1b[0m" if has_color else mark
    lines = [f"{shown} {check.what:<{_COLUMN - 1}} {_folded(plain(check.told))}"]
    if check.mend and check.state != "ok":
        lines += [f"{' ' * (_COLUMN + 2)}{_folded(f'→ {plain(step)}')}" for step in check.mend.split("\n")]
    return "\n".join(lines)


def _folded(text: str) -> str:
    """Wrapped below its own start."""
    lines = textwrap.wrap(text, WIDTH - _COLUMN - 2, break_on_hyphens=False)
    return ("\n" + " " * (_COLUMN + 2)).join(lines or [""])
