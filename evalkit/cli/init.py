"""`evalkit init`."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.app import app


@app.command()
def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where; left out: here.", show_default=False)] = Path(),
    guards: Annotated[
        str,
        typer.Option(
            "--guards",
            metavar="NAMES",
            help="Ready-made suites against losses elsewhere: any of forgetting, refusal, over_refusal, by commas.",
            show_default=False,
        ),
    ] = "",
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Begin with this task; --list names them.", show_default=False),
    ] = None,
    is_list: Annotated[bool, typer.Option("--list", help="Tell which tasks there are, and write nothing.")] = False,
) -> int:
    """Write a small suite that runs at once, to make your own."""
    if is_list:
        return _list_tasks(context)
    from evalkit.jobs.starting.init import init as make_suite

    made = make_suite(folder, [name for name in guards.split(",") if name.strip()], task)
    place = "" if folder == Path() else f" {shlex.quote(str(folder))}"
    steps = [*made.missing, f"evalkit plan{place}", f"evalkit run{place}"]
    document = {
        "folder": str(made.folder),
        "written": [str(path) for path in made.written],
        "missing": list(made.missing),
        "entries": list(made.entries),
        "next": steps,
    }
    told = [textwrap.fill(f"wrote {', '.join(map(str, made.written))}", 80, subsequent_indent="  "), ""]
    if made.missing:
        told += ["The model and its engine are not installed yet. First:", *(f"  {step}" for step in made.missing), ""]
    if made.entries:
        told += [f"{folder / 'suite.yaml'} is as it was. Put these lines under its gate.guards:"]
        told += [*(f"    {entry}" for entry in made.entries), ""]
    took = "a minute or two on two cores" if not guards else "ten minutes on two cores"
    told += [f"What a run would do, and the run itself{'' if made.entries else f' ({took})'}:"]
    told += [f"  {step}" for step in steps[len(made.missing) :]]
    if not made.entries:
        told += ["", f"Then make it yours: {folder / 'suite.yaml'} says what to replace."]
    context.obj.result(document, "\n".join(told))
    return 0


def _list_tasks(context: typer.Context) -> int:
    from evalkit.jobs.starting.templates import TEMPLATES

    widest = max(map(len, TEMPLATES))
    told = [f"  {name:<{widest}}  {task.about}" for name, task in TEMPLATES.items()]
    told = ["Tasks to begin with, each a suite of some forty samples that runs at once:", *told]
    told += ["", "  evalkit init --task extraction my-suite"]
    document = {"tasks": [{"name": name, "about": task.about} for name, task in TEMPLATES.items()]}
    context.obj.result(document, "\n".join(told))
    return 0
