"""`evalkit report`."""

from __future__ import annotations

from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, Out, RunName


@app.command()
def report(
    context: typer.Context,
    run: RunName,
    out: Out = REPORTS,
    formats: Annotated[
        str, typer.Option("--format", help="Any of html, junit, markdown, csv, separated by commas.")
    ] = "html,junit,markdown",
) -> int:
    """Render a finished run's report again, offline."""
    from evalkit.jobs.render import render_again

    written = render_again(run, out, [name.strip() for name in formats.split(",") if name.strip()])
    context.obj.result({"written": [str(p) for p in written]}, "\n".join(f"wrote {p}" for p in written))
    return 0
