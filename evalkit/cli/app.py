"""The verbs in one list, the global flags, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import json
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import typer

from evalkit import __version__
from evalkit.cli import verbs
from evalkit.cli.output import Output
from evalkit.errors import BudgetReached, EvalkitError, ExecutionError, Interrupted, InvalidEvidence, UsageError
from evalkit.run import interrupts

GLOBAL_FLAGS = frozenset({"--json", "--quiet", "-q", "--verbose", "-v", "--no-color"})
"""Understood before and after the verb."""

app = typer.Typer(
    name="evalkit",
    cls=verbs.InOrder,
    help="Decides whether a fine-tuned model is worth shipping.\n\n"
    "Type this first: evalkit init my-suite && evalkit run my-suite\n\n"
    "Exit codes: 0 ship, 1 don't ship, 2 usage, 3 inconclusive, 4 invalid evidence, 5 could not run, 130 interrupted.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Ending(NamedTuple):
    """How a command ended when it did not end well."""

    message: str
    exit_code: int
    code: str


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"evalkit {__version__}")
        raise typer.Exit


@app.callback()
def everything(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the verdict line.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens to stderr.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours (NO_COLOR does the same).")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options every verb shares; `context.obj` carries them as an Output."""
    del version
    has_color = not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    context.obj = Output(
        is_json=as_json,
        is_quiet=quiet,
        is_verbose=verbose,
        has_color=has_color and (sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))),
    )
    context.obj.prepare()


def execute(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; prints every error evalkit raises on purpose."""
    verbs.load(arguments)
    if not set(arguments) - (GLOBAL_FLAGS - {"--json"}):
        # Help was not asked for, so it is no success: a script whose verb got lost must not read it as SHIP.
        app(args=["--help"], standalone_mode=False, prog_name="evalkit")
        return UsageError.exit_code
    try:
        result = app(args=_globals_first(arguments), standalone_mode=False, prog_name="evalkit")
    except (KeyboardInterrupt, typer.Abort):
        ending = _stopped(arguments)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        hint = f"\nTry: {context.command_path} --help" if context is not None else ""
        ending = Ending(f"{getattr(error, 'format_message', error.__str__)()}{hint}", 2, "USAGE")
    except Interrupted as error:
        is_told = bool(getattr(error, "__notes__", ()))
        ending = Ending(_told(error), error.exit_code, "INTERRUPTED") if is_told else _stopped(arguments)
    except EvalkitError as error:
        ending = Ending(_told(error), error.exit_code, _code(error))
    except Exception as error:  # noqa: BLE001 - the border: a bug of ours must not look like a verdict
        if {"--verbose", "-v"} & set(arguments):
            from evalkit.report.text import tame

            print(tame(traceback.format_exc()), file=sys.stderr)
        told = f"evalkit itself failed ({type(error).__name__}: {error}). This is a bug; -v shows where"
        ending = Ending(told, ExecutionError.exit_code, "INTERNAL")
    else:
        if result != Interrupted.exit_code:
            return result if isinstance(result, int) else 0
        ending = _stopped(arguments)  # typer makes this code of a KeyboardInterrupt, without a word
    return _report(ending, is_json="--json" in arguments)


def _globals_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with the global flags moved before the verb, where the parser wants them."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = [a for a in arguments[:end] if a in GLOBAL_FLAGS]
    return [*flags, *(a for a in arguments[:end] if a not in GLOBAL_FLAGS), *arguments[end:]]


def _stopped(arguments: Sequence[str]) -> Ending:
    """The ending of a command that can only be started again."""
    command = shlex.join(["evalkit", *arguments])
    return Ending(f"{interrupts.TOLD}\nto start again: {command}", Interrupted.exit_code, "INTERRUPTED")


def _told(error: EvalkitError) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def _code(error: EvalkitError) -> str:
    match error:
        case BudgetReached():
            return "BUDGET"
        case InvalidEvidence(code=code):
            return code
        case _:
            return {2: "USAGE", 5: "EXECUTION"}.get(error.exit_code, "ERROR")


def _report(ending: Ending, *, is_json: bool) -> int:
    from evalkit.report.text import tame

    # A server's or a file's own words may be in it.
    print(tame(f"error: {ending.message}"), file=sys.stderr)
    if is_json:
        document: dict[str, Any] = {
            "schema": "evalkit.verdict/1",
            "verdict": "error",
            "exit_code": ending.exit_code,
            "reasons": [{"code": ending.code, "blocking": True, "detail": ending.message}],
        }
        print(json.dumps(document))
    return ending.exit_code
