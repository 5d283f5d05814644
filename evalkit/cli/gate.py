"""`evalkit gate`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, InconclusiveAs, Out, RunName, exit_code


@app.command()
def gate(
    context: typer.Context,
    run: RunName,
    out: Out = REPORTS,
    inconclusive_as: InconclusiveAs = None,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Also GitHub's ::error lines on stderr, one a demand not met.")
    ] = False,
) -> int:
    """A finished run's verdict again: one line and exit code."""
    from evalkit.jobs.recorded import find_run
    from evalkit.report.annotations import github_commands
    from evalkit.report.terminal import line

    document = find_run(run, out).document
    if annotate:
        for command in github_commands(document):
            print(command, file=sys.stderr)
    context.obj.result(document, line(document))
    return exit_code(context.obj, document, inconclusive_as)
