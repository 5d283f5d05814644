"""An import as a folder: tried before it is there, so that what is written loads."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from evalkit.errors import Diagnostic, ExecutionError, UsageError
from evalkit.jobs.importing.draft import Draft, json_line, plain_name
from evalkit.suites.load import SUITE_NAME, load_suite
from evalkit.suites.yaml_source import parse

NOTES_NAME = "IMPORT.md"
_MIN_DELTA = 5.0


class Imported(Struct, frozen=True, kw_only=True):
    """What an import made."""

    folder: Path
    n_samples: int
    metrics: tuple[str, ...]
    written: tuple[str, ...]
    notes: tuple[str, ...]
    """What was left behind, changed or guessed."""


def write_folder(draft: Draft, to: Path | None, source: str) -> Imported:
    """Writes the folder, all of it or nothing; the suite in it was loaded before. Raises UsageError where it is there.

    What evalkit's own rules refuse (a row given twice, a prompt that needs another engine) is told as it is for a
    suite written by hand.
    """
    folder = to or Path(plain_name(draft.name))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already; name a new folder: --to DIR")
    files = _files(draft, source)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as made:
            trial = Path(made) / folder.name
            for name, text in files.items():
                place = trial / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
            _check(trial)
            if folder.exists():
                folder.rmdir()
            shutil.move(trial, folder)
    except OSError as error:
        raise ExecutionError(f"{error.filename or folder} could not be written: {error.strerror or error}") from error
    return Imported(
        folder=folder,
        n_samples=len(draft.rows),
        metrics=tuple(str(metric["name"]) for metric in draft.metrics),
        written=tuple(files),
        notes=tuple(draft.notes),
    )


def _check(trial: Path) -> None:
    """Loads what is about to be written. Raises UsageError whose places are those the files will have."""
    try:
        load_suite(trial / SUITE_NAME)
    except UsageError as error:
        found = tuple(
            Diagnostic(
                message=f"{Path(one.path or '').name}: {one.message}" if one.path else one.message, help=one.help
            )
            for one in error.diagnostics
        )
        head = "the file was read, but what it comes to is no suite evalkit can run; nothing was written"
        raise UsageError(head, diagnostics=found) from None


def _files(draft: Draft, source: str) -> dict[str, str]:
    document: dict[str, Any] = {
        "version": 1,
        "name": plain_name(draft.name),
        "description": draft.description,
        "dataset": {"path": "samples.jsonl", "id": "id", **draft.dataset},
        "models": {role: dict(side) for role, side in draft.models.items()},
        **({"generation": dict(draft.generation)} if draft.generation else {}),
        "metrics": [_with_schema_file(metric) for metric in draft.metrics],
        "gate": {"primary": {"metric": draft.metrics[0]["name"], "min_delta": _MIN_DELTA}},
    }
    rows = "".join(json_line(row) for row in draft.rows)
    told = "".join(f"- {note}\n" for note in draft.notes) or "Everything was carried over.\n"
    schemas = {
        _schema_place(metric): json.dumps(metric["schema"], indent=2) + "\n"
        for metric in draft.metrics
        if isinstance(metric.get("schema"), Mapping)
    }
    return {
        **draft.files,
        **schemas,
        "samples.jsonl": rows,
        NOTES_NAME: f"# Imported from {source}\n\nWhat was left behind, changed or guessed:\n\n{told}",
        SUITE_NAME: f"# Imported from {source}; {NOTES_NAME} says what was not carried over.\n{_yaml(document)}",
    }


def _schema_place(metric: Mapping[str, Any]) -> str:
    return f"{metric['name']}.schema.json"


def _with_schema_file(metric: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with the name of a file where it holds a schema."""
    return {**metric, **({"schema": _schema_place(metric)} if isinstance(metric.get("schema"), Mapping) else {})}


def _yaml(document: dict[str, Any]) -> str:
    """The document as YAML that evalkit reads back as it is; as JSON where YAML 1.1 and 1.2 would differ."""
    plain = json.loads(json.dumps(document))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110)
    try:
        is_same = parse(text, SUITE_NAME).value == plain
    except UsageError:
        is_same = False
    return text if is_same else json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
