"""`evalkit salvage`: what a damaged run still holds, made usable again, and the command that goes on with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.running.resume import resuming
from evalkit.report.samples import ROWS
from evalkit.store.home import RunLock, home, run_folder
from evalkit.store.salvage import Rescued, rescue, suite_of
from evalkit.suites.load import read_source, suite_file

SCHEMA = "evalkit.salvage/1"
_UNKNOWN_COMMAND = "evalkit run SUITE"  # the reader knows which


class Salvaged(Struct, frozen=True, kw_only=True):
    """What was found, what was done and what to do next."""

    run: str
    rescued: Rescued
    broken: tuple[str, ...]
    """Files of the run's report that cannot be read, each with the reason."""
    next_command: str | None
    """None where there is nothing to do."""

    @property
    def to_ask(self) -> int | None:
        """Requests of the plan without a whole answer; None where the plan is lost."""
        sides = self.rescued.sides
        if not sides or any(side.planned is None for side in sides):
            return None
        return sum(max(0, (side.planned or 0) - side.answers) for side in sides)

    def document(self) -> dict[str, Any]:
        """The result as `--json` prints it."""
        found = self.rescued
        return {
            "schema": SCHEMA,
            "run": self.run,
            "state": found.state,
            "why": found.why or None,
            "rows": [
                {
                    "suite": side.suite,
                    "role": side.role,
                    "planned": side.planned,
                    "answers": side.answers,
                    "failures": side.failures,
                    "damaged": side.damaged,
                }
                for side in found.sides
            ],
            "damaged_elsewhere": found.unplaced,
            "to_ask": self.to_ask,
            "kept": [str(path) for path in found.kept],
            "broken_report_files": list(self.broken),
            "next": self.next_command,
        }


def salvage(name: str, out: Path) -> Salvaged:
    """Looks at a run and mends what can be mended. Asks no model anything.

    `name`: the run's id, a folder of it, or a suite (its name, its file or its folder) for its newest run. Raises
    UsageError when there is no such run, ExecutionError when it is being written, when no row of it is whole, or when
    the disk is full.
    """
    run = _run_of(name)
    folder = run_folder(run)
    with RunLock(folder):
        rescued = rescue(folder, home() / "cache.sqlite")
    if rescued.state == "lost":
        raise ExecutionError(
            f"no row of run {run} is whole: nothing can be rescued from {folder}\n"
            "  help: start the run again without --resume; answers that are in the cache are not asked for again"
        )
    broken = tuple(problem for path in sorted(out.glob(f"*/{run}")) for problem in _broken(path))
    return Salvaged(run=run, rescued=rescued, broken=broken, next_command=_next(run, rescued, broken))


def _run_of(name: str) -> str:
    """The id of the run that `name` stands for. Raises UsageError when there is none."""
    runs = sorted((path.name for path in (home() / "runs").glob("*") if path.is_dir()), reverse=True)
    for meant in (Path(name).name, Path(name).resolve().name):  # `latest` is a link
        if meant in runs:
            return meant
    suite = _suite_name(Path(name))
    for run in runs:
        if suite_of(run_folder(run)) == suite:
            return run
    hint = f"; the newest run is {runs[0]}" if runs else ""
    raise UsageError(f"there is no run {name!r} in {home()}, and no run of a suite of that name{hint}")


def _suite_name(given: Path) -> str:
    """The name of the suite at this path, or the text itself where there is no such file."""
    if not suite_file(given).is_file():
        return str(given)
    document = read_source(given).value
    return str(document.get("name")) if isinstance(document, dict) else str(given)


def _next(run: str, rescued: Rescued, broken: tuple[str, ...]) -> str | None:
    command = rescued.command or _UNKNOWN_COMMAND
    if rescued.state == "cached":
        return command
    has_all = all(side.planned is not None and side.answers >= side.planned for side in rescued.sides)
    if rescued.is_finished and has_all and not broken:
        return None
    return resuming(command, run)


def _broken(folder: Path) -> list[str]:
    """The files every other rendering is made from that are missing or damaged."""
    found = []
    for name in ("verdict.json", "manifest.json", ROWS):
        try:
            with (folder / name).open("rb") as file:
                for text in file if name == ROWS else (file.read(),):
                    json.loads(text)
        except FileNotFoundError:
            found.append(f"{folder / name} is missing")
        except OSError as error:
            found.append(f"{folder / name} cannot be read ({error.strerror or error})")
        except ValueError:
            found.append(f"{folder / name} is damaged")
    return found
