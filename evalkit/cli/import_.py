"""`evalkit import`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.app import app


@app.command("import")
def import_(
    context: typer.Context,
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="openai-evals, promptfoo, lm-eval or inspect.")],
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="The file; of lm-eval and Inspect two models' files, or their folder."),
    ],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The folder to write; left out: a new one.")
    ] = None,
) -> int:
    """Make a suite of what another tool keeps: OpenAI Evals, promptfoo, lm-eval, Inspect."""
    from evalkit.jobs.importing import import_suite

    made = import_suite(form, paths, to)
    suite = shlex.quote(str(made.folder / "suite.yaml"))
    steps = [f"evalkit plan {suite}", f"evalkit run {suite}"]
    document = {
        "schema": "evalkit.import/1",
        "folder": str(made.folder),
        "samples": made.n_samples,
        "metrics": list(made.metrics),
        "written": list(made.written),
        "not_carried_over": list(made.notes),
        "next": steps,
    }
    noun = "sample" if made.n_samples == 1 else "samples"
    told = [f"wrote {made.folder}: {made.n_samples:,} {noun}, measured by {', '.join(made.metrics)}", ""]
    if made.notes:
        told += [
            "Left behind, changed or guessed (it stands in IMPORT.md, too):",
            *(f"  - {n}" for n in made.notes),
            "",
        ]
    told += ["What a run would do, and the run itself:", *(f"  {command}" for command in steps)]
    context.obj.result(document, "\n".join(told))
    return 0
