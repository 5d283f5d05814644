"""`evalkit history`: what the runs of a suite found, read from what they left. Asks no model, writes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.history_anchors import with_anchors
from evalkit.report.document import SCHEMA
from evalkit.report.history import Skipped, history_document, when
from evalkit.report.history_facts import Recorded
from evalkit.report.history_html import render_history
from evalkit.report.read import Document, number, obj, pair, text
from evalkit.report.text import plain
from evalkit.store.files import write_atomic
from evalkit.store.ledger import Use, ledger_path, uses_in
from evalkit.suites.load import SUITE_NAME, read_source
from evalkit.types import EXIT_CODES

MAX_FILE_BYTES = 64 << 20
"""A verdict of 2,000 slices has 2 MB; what is far larger is no verdict of ours."""
_RANGES = {"baseline_points": 0.0, "candidate_points": 0.0, "delta_points": -100.0}
_MOST = 100.0
_SHOWN = 8


def history(suite: str | None, out: Path) -> dict[str, Any]:
    """The history of a suite with what the samples of two versions say across a line; else as `recorded_history`."""
    return with_anchors(recorded_history(suite, out))


def recorded_history(suite: str | None, out: Path) -> dict[str, Any]:
    """The history of a suite, `evalkit.history/1`: of a suite.yaml, a folder that holds one, or a suite by its name.

    Read from verdicts and manifests alone, no sample is looked at.

    Files that cannot be read or are no verdict of this suite are left out and listed in `skipped`. Raises UsageError
    where there is no such suite or none of its runs has finished.
    """
    name = _name(suite, out)
    recorded, skipped = _read(out / name, name)
    uses, unreadable = _uses(name)
    document = history_document(name, recorded, uses, (*skipped, *unreadable))
    if not document["runs"]:
        left_out = "".join(f"\n  {plain(one.path)}: {plain(one.why)}" for one in skipped[:_SHOWN])
        raise UsageError(
            f"no finished run of {plain(name)!r} is in {out / name}/{left_out}\n"
            f"  help: run it first: evalkit run {plain(suite) if suite and Path(suite).exists() else 'SUITE'}; "
            "where reports lie elsewhere, name their folder: --out FOLDER"
        )
    return document


def write_page(document: Document, path: Path) -> None:
    """Writes the history as one HTML file; it links to the reports that are there. Raises ExecutionError."""
    write_atomic(path, render_history(document, dict(_links(document, path))))


def _links(document: Document, page: Path) -> Iterator[tuple[str, str]]:
    for run in document["runs"]:
        report = Path(run["folder"] or "") / "report.html"
        if run["folder"] and report.is_file():
            yield run["run"], quote(os.path.relpath(report.absolute(), page.absolute().parent))


def _name(suite: str | None, out: Path) -> str:
    path = Path(SUITE_NAME if suite is None else suite)
    file = path / SUITE_NAME if path.is_dir() else path
    if file.is_file():
        name = read_source(file).value.get("name")
        if isinstance(name, str) and _is_plain(name):
            return name
        raise UsageError(f"{file}: no `name` in it, under which reports would be kept")
    if suite is not None and _is_plain(suite):
        return suite
    if suite is None:
        raise UsageError(f"no suite was named and there is no {SUITE_NAME} here\n  help: evalkit history SUITE")
    raise UsageError(
        f"{suite}: there is no such suite, and it is no suite's name under which {out}/ could keep reports"
    )


def _is_plain(name: str) -> bool:
    return bool(name) and name not in {".", ".."} and not {"/", "\0"} & set(name)


def _read(folder: Path, suite: str) -> tuple[list[Recorded], list[Skipped]]:
    found: dict[str, Recorded] = {}
    skipped = []
    for place in _run_folders(folder):
        try:
            verdict = _document(place / "verdict.json")
            _check(verdict, suite)
            run = text(verdict, "run")
            if run in found:
                raise ValueError(f"the same run as {found[run].folder}")  # noqa: TRY301 - one way out
        except FileNotFoundError:
            skipped.append(Skipped(path=str(place), why="no verdict.json: the run is unfinished or damaged"))
        except OSError as error:
            skipped.append(Skipped(path=str(place / "verdict.json"), why=f"cannot be read: {error.strerror or error}"))
        except (ValueError, RecursionError) as error:
            skipped.append(Skipped(path=str(place / "verdict.json"), why=str(error) or "nested too deeply"))
        else:
            found[run] = Recorded(folder=str(place), verdict=verdict, manifest=_manifest(place))
    return list(found.values()), skipped


def _run_folders(folder: Path) -> Sequence[Path]:
    """The runs' folders by name; `latest` is a link to one of them, and what begins with a dot is not finished."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return ()
    return [p for p in inside if p.is_dir() and p.name != "latest" and not p.name.startswith(".")]


def _document(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file. Raises OSError, or ValueError that says why it is none."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no plain file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"it is larger than {MAX_FILE_BYTES >> 20} MiB, which no verdict is")
    try:
        document = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"it is damaged: cut off or no JSON ({error})") from None
    if not isinstance(document, dict):
        raise ValueError("it is damaged: no JSON object")  # noqa: TRY004 - of a file, not of an argument
    return document


def _check(verdict: Document, suite: str) -> None:
    """Raises ValueError where this is no whole verdict of the suite."""
    if verdict.get("schema") != SCHEMA:
        raise ValueError(f"it is no {SCHEMA} document")
    status, code = text(verdict, "verdict"), verdict.get("exit_code")
    if {str(known): value for known, value in EXIT_CODES.items()}.get(status, -1) != code:
        raise ValueError(f"it is damaged: verdict {status!r}, exit code {code!r}")
    if text(verdict, "suite") != suite:
        raise ValueError(f"it is of another suite, {text(verdict, 'suite')!r}")
    if not text(verdict, "run"):
        raise ValueError("it names no run")
    if when(text(verdict, "created")) is None:
        raise ValueError(f"it has no date: created is {text(verdict, 'created')!r}")
    primary = obj(verdict, "primary")
    figures = [(number(primary, key), low) for key, low in _RANGES.items()]
    figures += [(end, -_MOST) for key in ("baseline_ci95_points", "candidate_ci95_points", "ci95_points")
                for end in pair(primary, key) or ()]  # fmt: skip
    if any(value is not None and not low <= value <= _MOST for value, low in figures):
        raise ValueError("it is damaged: figures that are no points")


def _manifest(folder: Path) -> Mapping[str, Any] | None:
    try:
        return _document(folder / "manifest.json")
    except (OSError, ValueError):
        return None


def _uses(suite: str) -> tuple[list[Use], list[Skipped]]:
    path = ledger_path()
    try:
        uses, unreadable = uses_in(path)
    except ExecutionError as error:
        return [], [Skipped(path=str(path), why=str(error))]
    damaged = "a line" if unreadable == 1 else f"{unreadable} lines"
    skipped = [Skipped(path=str(path), why=f"{damaged} of the ledger cannot be read")] if unreadable else []
    return [use for use in uses if use.suite == suite], skipped
