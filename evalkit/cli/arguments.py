"""What several verbs take, and how a verdict ends a command."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.cli.output import Output
from evalkit.errors import Interrupted, UsageError
from evalkit.run import interrupts

SuitePath = Annotated[
    Path | None,
    typer.Argument(
        metavar="SUITE", help="A suite.yaml, or a folder that holds one; left out: ./suite.yaml.", show_default=False
    ),
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's folder or id, or a suite's name for its newest run.")
]
Out = Annotated[Path, typer.Option("--out", help="The folder of reports.")]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override a key: --set gate.primary.min_delta=3")
]


def _fail_or_none(said: str | None) -> str | None:
    """The word of --inconclusive-as, looked at before anything is asked or paid for."""
    if said not in {None, "fail"}:
        raise UsageError(f"--inconclusive-as takes `fail`, not {said!r}")
    return said


InconclusiveAs = Annotated[
    str | None,
    typer.Option(
        "--inconclusive-as",
        metavar="fail",
        callback=_fail_or_none,
        help="`fail`: exit 1 instead of 3 when inconclusive.",
    ),
]

REPORTS = Path("reports")
SUITE_NAME = "suite.yaml"
_INCONCLUSIVE, _DONT_SHIP = 3, 1


def suite_file(path: Path | None) -> Path:
    """The suite that was named, or ./suite.yaml. Raises UsageError, with what to do, when none was named or is here."""
    if path is not None:
        return path / SUITE_NAME if path.is_dir() else path
    if not Path(SUITE_NAME).exists():
        raise UsageError(
            f"no suite was named and there is no {SUITE_NAME} here\n"
            "  help: name one, or make one that runs at once: evalkit init"
        )
    return Path(SUITE_NAME)


def command_line() -> str:
    """The command as it was typed, for the report."""
    return shlex.join(["evalkit", *sys.argv[1:]])


def told(output: Output, document: dict[str, Any], folder: Path, inconclusive_as: str | None) -> int:
    """Prints a finished run's verdict and where its report is; returns the exit code."""
    try:
        output.verdict(document)
        output.note(f"report: {folder / 'report.html'}")
        if document.get("next_command"):
            output.note(f"to ask again for the answers that are missing: {document['next_command']}")
    except KeyboardInterrupt as error:
        stopped = Interrupted(interrupts.TOLD)
        stopped.add_note(f"the run itself is finished; its verdict: {shlex.join(['evalkit', 'gate', str(folder)])}")
        raise stopped from error
    return exit_code(output, document, inconclusive_as)


def exit_code(output: Output, document: dict[str, Any], inconclusive_as: str | None) -> int:
    """The verdict's exit code; `fail` turns inconclusive into don't ship."""
    code = int(document["exit_code"])
    if code == _INCONCLUSIVE and inconclusive_as == "fail":
        output.note("inconclusive counts as failed here (--inconclusive-as fail)")
        return _DONT_SHIP
    return code
