"""`evalkit export`."""

from __future__ import annotations

from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, Out, RunName


@app.command()
def export(
    context: typer.Context,
    run: RunName,
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="model-card, csv, parquet or mlflow.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="WHERE",
            help="The file to write (left out: in the run's folder), or the address of the MLflow store.",
        ),
    ] = None,
    out: Out = REPORTS,
) -> int:
    """A finished run for other tools: a model card, tables, MLflow."""
    from evalkit.jobs.export import export as export_run

    written = export_run(run, out, form, to)
    context.obj.result({"written": [written]}, f"wrote {written}")
    return 0
