"""`evalkit split`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.cli.app import app


@app.command()
def split(
    context: typer.Context,
    data: Annotated[list[str], typer.Argument(metavar="DATA", help="Files, folders or patterns of rows.")],
    by: Annotated[str, typer.Option("--by", metavar="group|time|source", help="What may not be on both sides.")],
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="COL", help="The column of it; left out: a usual name.", show_default=False),
    ] = None,
    test: Annotated[float, typer.Option("--test", help="The share of rows to evaluate with.")] = 0.2,
    stratify: Annotated[
        str | None, typer.Option("--stratify", metavar="COL", help="Keep the mix of this column on both sides.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which clusters are drawn, where several would do.")] = 7,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to write; left out: DATA-split.", show_default=False),
    ] = None,
) -> int:
    """Training and evaluation rows that share no group, no near-copy and no future."""
    from evalkit.jobs.split import SplitOptions
    from evalkit.jobs.split import split as divide

    options = SplitOptions(data=data, by=by, key=key, test=test, stratify=stratify, seed=seed, out=out)
    manifest, folder = divide(options)
    context.obj.result(manifest | {"folder": str(folder)}, _told(manifest, folder))
    return 0


def _told(manifest: dict[str, Any], folder: Path) -> str:
    dropped = len(manifest["dropped"])
    left_out = f", {dropped:,} copies left out (named in split.json)" if dropped else ""
    share = manifest["eval"] / (manifest["eval"] + manifest["train"])
    return (
        f"{manifest['train']:,} rows to train, {manifest['eval']:,} to evaluate ({share:.0%}){left_out}\n"
        f"by {manifest['by']} ({manifest['key']}), {manifest['clusters']:,} clusters of rows that stay together\n"
        f"written to {folder}: train.jsonl, eval.jsonl, split.json"
    )
