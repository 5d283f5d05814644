"""`evalkit gate`."""

from __future__ import annotations

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, InconclusiveAs, Out, RunName, exit_code


@app.command()
def gate(context: typer.Context, run: RunName, out: Out = REPORTS, inconclusive_as: InconclusiveAs = None) -> int:
    """A finished run's verdict again: one line and exit code."""
    from evalkit.jobs.recorded import find_run
    from evalkit.report.terminal import line

    document = find_run(run, out).document
    context.obj.result(document, line(document))
    return exit_code(context.obj, document, inconclusive_as)
