"""`evalkit rate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, Out, RunName


class RunFirst(typer.core.TyperGroup):
    """`evalkit rate RUN` is short for `evalkit rate page RUN`; only `import` has to be named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments with `page` in front where no verb of this group leads."""
        is_named = args and (args[0] in self.commands or args[0] in {"--help", "-h"})
        return super().parse_args(ctx, args if is_named else ["page", *args])


rate = typer.Typer(cls=RunFirst, rich_markup_mode=None)
app.add_typer(
    rate,
    name="rate",
    help="Let people compare the answers, blind; their ratings back in.\n\n"
    "`evalkit rate RUN` is short for `evalkit rate page RUN`.",
)


@rate.command()
def page(
    context: typer.Context,
    run: RunName,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="Show more pairs this metric tells apart; the primary metric when left out."),
    ] = None,
    n: Annotated[int, typer.Option("--n", help="How many samples to compare; every tenth is shown twice.")] = 120,
    rubric: Annotated[
        Path | None, typer.Option("--rubric", metavar="FILE", help="A text that tells raters what to look for.")
    ] = None,
    label_studio: Annotated[
        bool, typer.Option("--label-studio", help="Tasks and set-up for Label Studio instead of a page.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Another page of this run; an earlier one is forgotten.")
    ] = False,
    out: Out = REPORTS,
) -> int:
    """Write the blind page (rate.html) and its key beside the run."""
    from evalkit.jobs.rating.rate import Asked, make_page
    from evalkit.report.rating.words import page_text

    asked = Asked(metric=metric, n=n, rubric=rubric, is_for_label_studio=label_studio, is_anew=anew)
    made = make_page(run, out, asked)
    context.obj.result(made.document(), page_text(made.document()))
    return 0


@rate.command(name="import")
def import_(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="What raters sent back, or Label Studio's JSON export.")
    ],
    run: Annotated[str, typer.Option("--run", metavar="RUN", help="The run they rated: its folder, id or suite.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="A rater's file takes the place of an earlier one from the same rater.")
    ] = False,
    out: Out = REPORTS,
) -> int:
    """Unblind ratings, measure them, and add them to the run's report. The verdict stays as it is."""
    from evalkit.jobs.rating.take_back import import_ratings
    from evalkit.report.rating.words import human_text

    found = import_ratings(files, run, out, is_replacing=replace)
    for path in found.written:
        context.obj.note(f"wrote {path}")
    context.obj.result(found.document, human_text(found.document))
    return 0
