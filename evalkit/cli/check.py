"""`evalkit check`."""

from __future__ import annotations

from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import Overrides, SuitePath, suite_file


@app.command()
def check(
    context: typer.Context,
    suite: SuitePath = None,
    train: Annotated[
        list[str],
        typer.Option(
            "--train",
            metavar="FILE",
            help="Training data: a file, a folder, a pattern or - (stdin); left out: what the suite names.",
        ),
    ] = [],  # noqa: B006 - typer reads the default once and copies it
    more: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="More training data.", show_default=False),
    ] = [],  # noqa: B006 - the same
    overrides: Overrides = [],  # noqa: B006 - the same
) -> int:
    """Were the samples trained on? And is the training data enough? Asks no model but those of `checks.semantic`."""
    from evalkit.jobs.check import check as look
    from evalkit.report.hygiene import check_result, check_text
    from evalkit.run.progress import Progress

    progress = Progress(on_note=context.obj.note)
    document = look(suite_file(suite), [*train, *more], overrides, progress=progress)
    context.obj.result(document, check_result(document) if context.obj.is_quiet else check_text(document))
    return int(document["exit_code"])
