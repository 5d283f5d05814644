"""`evalkit history`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, Out


@app.command()
def history(
    context: typer.Context,
    suite: Annotated[
        str | None,
        typer.Argument(
            metavar="SUITE",
            help="A suite.yaml, a folder that holds one, or a suite's name; left out: ./suite.yaml.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write it as one HTML page, with pictures.")
    ] = None,
    out: Out = REPORTS,
) -> int:
    """Verdicts and scores of a suite over time, and where they cannot be compared."""
    from evalkit.jobs.history import history as history_of
    from evalkit.jobs.history import write_page
    from evalkit.report.history_text import history_text

    document = history_of(suite, out)
    if html is not None:
        write_page(document, html)
        context.obj.note(f"wrote {html}")
    context.obj.result(document, history_text(document, color=context.obj.has_color))
    return 0
