"""`evalkit judge probe` and `evalkit judge calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, Out

judge = typer.Typer(help="Is the judge an instrument? Probe it, and measure it against people.", rich_markup_mode=None)
app.add_typer(judge, name="judge")

JudgeName = Annotated[
    str, typer.Argument(metavar="JUDGE", help="A judge's YAML file, or the name of one that comes with evalkit.")
]
Items = Annotated[
    Path | None,
    typer.Option("--items", metavar="FILE", help="Answers to judge, JSON lines; left out: those beside the judge."),
]
Changes = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the judge: --set model.model=m-2")
]


@judge.command()
def probe(
    context: typer.Context,
    name: JudgeName,
    items: Items = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Try so many answers instead of 24.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="FILE", help="What people said of them; left out: those beside the judge."),
    ] = None,
    overrides: Changes = [],  # noqa: B006 - typer's way of saying "none given"
) -> int:
    """What moves a judge's grades that should not: looks, places, orders inside an answer. Exit 1 where it fails."""
    from evalkit.cli.progress import Display
    from evalkit.jobs.judging.probe import probe_judge
    from evalkit.report.judge_text import probe_text
    from evalkit.run.progress import Progress

    progress = Progress()
    with Display(context.obj, progress):
        found = probe_judge(name, items, progress, limit=limit, labels=labels, overrides=overrides)
    context.obj.result(found.document, probe_text(found.document))
    context.obj.note(f"written: {found.path}")
    return found.exit_code


@judge.command()
def calibrate(
    context: typer.Context,
    name: JudgeName,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="FILE", help="People's verdicts, JSON lines; left out: those beside the judge."
        ),
    ] = None,
    items: Items = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="The labels are about this run's answers, already judged."),
    ] = None,
    out: Out = REPORTS,
    overrides: Changes = [],  # noqa: B006 - typer's way of saying "none given"
) -> int:
    """How far a judge agrees with people, and whether a gate may rest on it. Exit 1 where none may."""
    from evalkit.cli.progress import Display
    from evalkit.jobs.judging.calibrate import Source, calibrate_judge
    from evalkit.report.judge_text import calibration_text
    from evalkit.run.progress import Progress

    progress = Progress()
    source = Source(labels=labels, items=items, run=run, out=out)
    with Display(context.obj, progress):
        found = calibrate_judge(name, source, progress, overrides=overrides)
    context.obj.result(found.document, calibration_text(found.document))
    context.obj.note(f"written: {found.path}")
    return found.exit_code
