"""Finding a finished run and reading what it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.running.resume import resuming
from evalkit.report.document import SCHEMA
from evalkit.report.samples import ROWS, SampleFile
from evalkit.store.home import run_folder
from evalkit.types import EXIT_CODES, Failure, Outcome, Response, Usage

ANSWER_FILES = frozenset({".jsonl", ".json", ".csv"})
"""How files are called that somebody may have meant by a name that is no run's."""


class FinishedRun(Struct, frozen=True, kw_only=True):
    """A run's folder and its verdict document."""

    folder: Path
    document: dict[str, Any]

    def rows(self) -> SampleFile:
        """samples.jsonl; reading it raises ExecutionError where it is damaged."""
        return SampleFile(self.folder / ROWS)

    def manifest(self) -> dict[str, Any]:
        """manifest.json."""
        return _json(self.folder / "manifest.json")


def find_run(name: str, out: Path = Path("reports")) -> FinishedRun:
    """The finished run behind a folder, a verdict.json, a run id or a suite's name (its newest run).

    Raises UsageError when there is none, ExecutionError when its verdict cannot be trusted.
    """
    folder = _folder(name, out)
    document = _json(folder / "verdict.json")
    status, code = str(document.get("verdict")), document.get("exit_code")
    if document.get("schema") != SCHEMA or {str(k): v for k, v in EXIT_CODES.items()}.get(status, -1) != code:
        raise ExecutionError(
            f"{folder / 'verdict.json'} is not a whole {SCHEMA} document: verdict {status!r}, exit {code!r}"
            f"{_how_to_mend(folder)}"
        )
    return FinishedRun(folder=folder, document=document)


def _folder(name: str, out: Path) -> Path:
    given = Path(name)
    if given.name == "verdict.json" and given.is_file():
        return given.parent
    candidates = [given, out / name, given / "latest", out / name / "latest", *sorted(out.glob(f"*/{given.name}"))]
    for folder in candidates:
        if (folder / "verdict.json").is_file():
            return folder
    raise UsageError(
        f"no finished run is called {name!r}: neither a folder with a verdict.json nor a run in {out}/{_why_not(given)}"
    )


def _why_not(given: Path) -> str:
    """A help line where it can be guessed what was meant."""
    if (run_folder(given.name) / "journal.sqlite").exists():
        return f"\n  help: that run is not finished; to go on: evalkit run SUITE --resume {given.name}"
    if given.suffix in ANSWER_FILES and not given.exists():
        return f"\n  help: if it is a file of answers: there is none at {given}"
    return ""


def recorded_outcomes(run: FinishedRun, role: str) -> dict[str, list[Outcome]]:
    """One side's answers of a finished run, by sample id; `baseline` is the one that decided."""
    sides = ((str(row["id"]), row[role] if role in row else row["others"][role]) for row in run.rows())
    return {name: [_outcome(side)] for name, side in sides if side["status"] != "missing"}


def _outcome(side: dict[str, Any]) -> Outcome:
    if side["text"] is None:
        kind, _, message = str(side["error"] or "failed: no answer was recorded").partition(": ")
        return Failure(kind=kind, message=message, attempts=side.get("attempts") or 1)
    usage = Usage(input_tokens=side.get("input_tokens"), output_tokens=side.get("output_tokens"))
    return Response(
        text=side["text"],
        finish=side["finish"],
        usage=usage,
        latency_s=None if side.get("cached") else side.get("latency_s"),  # a cached answer's time is an older run's
        ttft_s=None if side.get("cached") else side.get("ttft_s"),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ExecutionError(f"{path} is missing: the run is not whole{_how_to_mend(path.parent)}") from None
    except OSError as error:
        raise ExecutionError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        why = f"it is cut off or no JSON ({error}), so nothing can be said or rendered from it"
        raise ExecutionError(f"{path} is damaged: {why}{_how_to_mend(path.parent)}") from error
    if not isinstance(document, dict):
        raise ExecutionError(f"{path} is damaged: no JSON object{_how_to_mend(path.parent)}")
    return document


def _how_to_mend(folder: Path) -> str:
    """A help line with the command that writes the files of the run in `folder` anew."""
    # Beside the damaged file stands another that says how the run was started; `latest` is a link.
    run, command = folder.resolve().name, "evalkit run SUITE"
    for name in ("manifest.json", "verdict.json"):
        try:
            said = json.loads((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
        known = said.get("command") or said.get("provenance", {}).get("command") if isinstance(said, dict) else None
        command = str(known or command)
    if command.split()[1:2] == ["compare"]:
        return f"\n  help: compare again: {command}"
    return (
        f"\n  help: write it anew from the run's journal (what is answered is not asked again): "
        f"{resuming(command, run)}"
    )
