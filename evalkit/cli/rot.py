"""`evalkit rot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, SuitePath, suite_file
from evalkit.errors import UsageError

_RED = 1


@app.command()
def rot(
    context: typer.Context,
    suite: SuitePath = None,
    production: Annotated[
        list[Path],
        typer.Option(
            "--production",
            metavar="LOGS",
            help="What production was asked: a file of rows, request logs or spans; more than once; - is stdin. "
            "Without it: what checks.freshness.production of the suite names.",
        ),
    ] = [],  # noqa: B006 - typer's declaration
    fail_on: Annotated[
        str, typer.Option("--fail-on", metavar="red|amber", help="The light from which on the exit code is 1.")
    ] = "red",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where rot.json and rot.md go.", show_default=False)
    ] = None,
    rechecked: Annotated[
        Path | None,
        typer.Option(
            "--rechecked",
            metavar="FILE",
            help="Labels of people who looked at samples again: JSON lines {id, label, by}, or Label Studio's export. "
            "Without it: rechecked.jsonl beside rot.json, if it is there.",
            show_default=False,
        ),
    ] = None,
    reports: Annotated[Path, typer.Option("--reports", metavar="DIR", help="The folder of past runs.")] = REPORTS,
) -> int:
    """Whether the suite has aged: drift from production, saturation, reuse, one traffic light each."""
    from evalkit.jobs.rot.look import RotOptions
    from evalkit.jobs.rot.look import rot as measure
    from evalkit.report.rot import headline, lit, rot_text

    if fail_on not in {"red", "amber"}:
        raise UsageError(f"--fail-on takes `red` or `amber`, not {fail_on!r}")
    options = RotOptions(suite_path=suite_file(suite), logs=production, reports=reports, out=out, rechecked=rechecked)
    document, folder = measure(options)
    output = context.obj
    told = headline(document) if output.is_quiet else rot_text(document, color=output.has_color)
    output.result(document, told)
    output.note(f"wrote {folder / 'rot.json'} and rot.md")
    is_failed = bool(lit(document, "red")) or (fail_on == "amber" and bool(lit(document, "amber")))
    return _RED if is_failed else 0
