"""`evalkit salvage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, Out

if TYPE_CHECKING:
    from evalkit.jobs.salvage import Salvaged


@app.command()
def salvage(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id or folder, or a suite for its newest run.")],
    out: Out = REPORTS,
) -> int:
    """Rescue what is whole in a run with a damaged journal."""
    from evalkit.jobs.salvage import salvage as mend

    found = mend(run, out)
    context.obj.result(found.document(), "\n".join(_lines(found)))
    return 0


def _lines(found: Salvaged) -> list[str]:
    rescued = found.rescued
    lines = [f"run {found.run}"]
    if rescued.state == "whole":
        lines.append("the journal is whole: nothing needed mending")
    else:
        lines.append(f"the journal is damaged: {rescued.why}")
    lines += ["", *_table(found), ""]
    if rescued.unplaced:
        lines.append(f"{rescued.unplaced} more damaged rows no longer say whose they are")
    if rescued.state == "mended":
        lines.append("the journal is mended: it holds every row that was whole")
        lines += [f"kept as it was: {path}" for path in rescued.kept]
    if rescued.state == "cached":
        lines.append("what the run was asked is lost, so it cannot be resumed; its answers are in the cache now,")
        lines.append("and a new run asks only for the others")
    if found.to_ask:
        lines.append(f"still to ask: {found.to_ask}")
    lines += list(found.broken)
    if found.broken:
        lines.append("going on writes the report anew from the journal; what is answered is not asked again")
    lines.append(f"to go on: {found.next_command}" if found.next_command else "nothing is left to do")
    return lines


def _table(found: Salvaged) -> list[str]:
    head = ("suite", "side", "planned", "answers", "failures", "damaged")
    rows = [
        (
            side.suite,
            side.role,
            "unknown" if side.planned is None else str(side.planned),
            str(side.answers),
            str(side.failures),
            str(side.damaged),
        )
        for side in found.rescued.sides
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  " + "  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))  # noqa: PLR2004 - two columns of names
        for row in (head, *rows)
    ]
