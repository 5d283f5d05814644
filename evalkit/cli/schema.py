"""`evalkit schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.app import app


@app.command()
def schema(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="suite, judge or verdict")] = "suite",
    write: Annotated[Path | None, typer.Option("--write", help="Write it to this file instead of stdout.")] = None,
) -> int:
    """JSON Schema of suite.yaml, a judge or verdict.json, for editors."""
    import json

    from evalkit.jobs.schemas import json_schema

    text = json.dumps(json_schema(name), indent=2)
    if write is None:
        print(text)
    else:
        from evalkit.store.files import write_atomic

        write_atomic(write, text.encode() + b"\n")
        context.obj.result({"written": str(write)}, f"wrote {write}")
    return 0
