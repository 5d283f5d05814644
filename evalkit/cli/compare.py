"""`evalkit compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, InconclusiveAs, Out, Overrides, command_line, suite_file, told


@app.command()
def compare(
    context: typer.Context,
    baseline: Annotated[
        str,
        typer.Argument(help="A run, RUN:SIDE (baseline, candidate, one of several), or a file of answers."),
    ],
    candidate: Annotated[str, typer.Argument(help="The same for the other side.")],
    suite: Annotated[Path, typer.Option("--suite", help="The suite whose samples these answers belong to.")],
    overrides: Overrides = [],  # noqa: B006 - typer reads the default once and copies it
    out: Out = REPORTS,
    inconclusive_as: InconclusiveAs = None,
) -> int:
    """Decide from answers already recorded; asks no model anything."""
    from evalkit.cli.streams import aside
    from evalkit.jobs.compare import CompareOptions
    from evalkit.jobs.compare import compare as compare_answers

    with aside():
        finished = compare_answers(
            CompareOptions(
                baseline=baseline,
                candidate=candidate,
                suite_path=suite_file(suite),
                command=command_line(),
                out=out,
                overrides=tuple(overrides),
            )
        )
    return told(context.obj, finished.document, finished.folder, inconclusive_as)
