"""`evalkit lock`."""

from __future__ import annotations

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import SuitePath, suite_file


@app.command()
def lock(context: typer.Context, suite: SuitePath = None) -> int:
    """Pin the data by its sha256: a changed file is refused."""
    from evalkit.suites.locking import lock as lock_suite

    result = lock_suite(suite_file(suite))
    document = {"data": str(result.data_path), "sha256": result.sha256, "changed": result.is_changed}
    word = "locked" if result.is_changed else "already locked"
    context.obj.result(document, f"{word} {result.data_path} ({result.n_rows:,} rows): sha256 {result.sha256}")
    return 0
