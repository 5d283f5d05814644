"""`evalkit plan`."""

from __future__ import annotations

from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, Out, Overrides, SuitePath, suite_file


@app.command()
def plan(
    context: typer.Context,
    suite: SuitePath = None,
    overrides: Overrides = [],  # noqa: B006 - typer reads the default once and copies it
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="As for run: only N random samples.")] = None,
    out: Out = REPORTS,
) -> int:
    """What a run would send, cost and show; sends nothing."""
    from evalkit.cli.plan_text import plan_text
    from evalkit.cli.streams import aside
    from evalkit.jobs.planning.plan import PlanOptions
    from evalkit.jobs.planning.plan import plan as plan_suite

    options = PlanOptions(suite_path=suite_file(suite), out=out, overrides=tuple(overrides), limit=limit)
    with aside():
        document = plan_suite(options)
    context.obj.result(document, plan_text(document, color=context.obj.has_color))
    return 0
