"""`evalkit split`: training and evaluation rows that share no group, no near-copy and, by time, no future."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from msgspec import Struct, structs

from evalkit.errors import Diagnostic, UsageError
from evalkit.hygiene.leakage import moment, reached
from evalkit.hygiene.splitting import Assigned, CannotSplitError, by_cluster, by_order, clusters_of
from evalkit.hygiene.twins import twins
from evalkit.hygiene.words import letters, plain
from evalkit.jobs.check import files_named
from evalkit.store.files import write_atomic
from evalkit.suites.records import Row, read_rows, record_of
from evalkit.types import JsonValue
from evalkit.types.hygiene import Thresholds

SCHEMA = "evalkit.split/1"
By = Literal["group", "time", "source"]
USUAL: Mapping[By, tuple[str, ...]] = {
    "group": ("group", "user_id", "customer_id", "user", "customer", "thread_id", "conversation_id", "session_id"),
    "time": ("time", "timestamp", "created_at", "created", "date"),
    "source": ("source", "source_file", "document_id", "document", "doc_id", "url", "file"),
}
"""Columns that are taken where --key names none."""
_NAMES = ("train.jsonl", "eval.jsonl", "split.json")


class SplitOptions(Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    data: Sequence[str]
    by: str
    key: str | None = None
    test: float = 0.2
    stratify: str | None = None
    seed: int = 7
    out: Path | None = None


def split(options: SplitOptions) -> tuple[dict[str, Any], Path]:
    """(the manifest, the folder it was written to with train.jsonl and eval.jsonl beside it).

    Raises UsageError, in words, for a split that cannot be made; then nothing is written.
    """
    by = _by(options)
    files = [file for name in options.data for file in files_named(name)]
    folder = options.out or Path(f"{files[0].name.split('.')[0]}-split")
    if taken := next((folder / name for name in _NAMES if (folder / name).exists()), None):
        raise UsageError(f"{taken} is there already: name another folder with --out, or remove it")
    rows = [row for file in files for row in read_rows(file)]
    if not rows:
        raise UsageError(f"{files[0]}: there are no rows to split")
    key = options.key or _usual(by, rows)
    values = _values(rows, key)
    strata = ["" for _ in rows] if options.stratify is None else [_said(v) for v in _values(rows, options.stratify)]
    copies, pairs = _copies(rows)
    try:
        if by == "time":
            times = _times(rows, key, values)
            assigned = by_order(times, clusters_of(len(rows), [None] * len(rows), pairs), copies, test=options.test)
        else:
            groups = [_said(value) for value in values]
            clusters = clusters_of(len(rows), groups, pairs)
            assigned = by_cluster(clusters, groups, strata, copies, test=options.test, seed=options.seed)
    except CannotSplitError as error:
        raise UsageError(f"{files[0]}: cannot be split by {key}: {error}") from error
    written = {
        "train.jsonl": b"".join(_line(rows[i].fields) for i in assigned.train),
        "eval.jsonl": b"".join(_line(rows[i].fields) for i in assigned.evaluation),
    }
    manifest = _manifest(structs.replace(options, by=by, key=key), files, rows, strata, assigned)
    manifest["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
    for name, data in written.items():
        write_atomic(folder / name, data)
    write_atomic(folder / "split.json", json.dumps(manifest, indent=1, ensure_ascii=True).encode("ascii") + b"\n")
    return manifest, folder


def _by(options: SplitOptions) -> By:
    if not 0.0 < options.test < 1.0:
        raise UsageError(f"--test {options.test:g}: must be a share between 0 and 1, say 0.2")
    for by in get_args(By):
        if options.by == by:
            if by == "time" and options.stratify is not None:
                raise UsageError("--stratify: a split by time takes the newest rows, whatever they are; leave it out")
            found: By = by
            return found
    raise UsageError(f"--by {options.by}: must be group, time or source")


def _usual(by: By, rows: Sequence[Row]) -> str:
    """The column that is usually meant, where the first row has it."""
    for name in USUAL[by]:
        if name in rows[0].fields:
            return name
    columns = ", ".join(list(rows[0].fields)[:12])
    raise UsageError(f"--by {by}: which column says so? name it with --key; the first row has {columns}")


def _values(rows: Sequence[Row], key: str) -> list[JsonValue]:
    """The column's value in each row. Raises UsageError at the first row without one: it could be on either side."""
    values = [reached(row.fields, key) for row in rows]
    bad = next((row for row, value in zip(rows, values, strict=True) if value is None or value == ""), None)
    if bad is not None:
        n = sum(value is None or value == "" for value in values)
        columns = ", ".join(list(bad.fields)[:12])
        told = Diagnostic(
            message=f"{n:,} of {len(rows):,} rows have no '{key}', so nobody can say which side they belong to",
            path=bad.where,
            help=f"fill it in or leave these rows out; this row has {columns}",
        )
        raise UsageError(diagnostics=(told,))
    return values


def _times(rows: Sequence[Row], key: str, values: Sequence[JsonValue]) -> list[float]:
    times = []
    for row, value in zip(rows, values, strict=True):
        when = moment(value)
        if when is None:
            told = Diagnostic(
                message=f"'{_said(value)[:60]}' in '{key}' is no time that can be read",
                path=row.where,
                help="ISO 8601 (2026-01-31T12:00:00Z) or Unix seconds",
            )
            raise UsageError(diagnostics=(told,))
        times.append(when.timestamp())
    return times


def _said(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _copies(rows: Sequence[Row]) -> tuple[dict[int, int], list[tuple[int, int]]]:
    """(rows that say again what an earlier one says → that row, pairs of rows whose questions are near-copies)."""
    first: dict[tuple[bytes, bytes], int] = {}
    copies: dict[int, int] = {}
    asked: list[str] = []
    for i, row in enumerate(rows):
        record = record_of(row)
        question = " ".join(record.inputs)
        asked.append(question)
        original = first.setdefault((letters(plain(question)), letters(plain(" ".join(record.outputs)))), i)
        if original != i and letters(plain(question)):
            copies[i] = original
    return copies, twins(asked, Thresholds())


def _line(fields: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(fields, ensure_ascii=True).encode("ascii") + b"\n"


def _manifest(
    options: SplitOptions, files: Sequence[Path], rows: Sequence[Row], strata: Sequence[str], assigned: Assigned
) -> dict[str, Any]:
    def counted(side: Sequence[int]) -> dict[str, int]:
        return dict(sorted(Counter(strata[i] for i in side).items()))

    return {
        "schema": SCHEMA,
        "data": {str(file): _digest(file) for file in files},
        "by": options.by,
        "key": options.key,
        "test": options.test,
        "seed": options.seed,
        "stratify": options.stratify,
        "rows": len(rows),
        "train": len(assigned.train),
        "eval": len(assigned.evaluation),
        "clusters": assigned.clusters,
        "dropped": [
            {"row": rows[i].where, "copy_of": rows[original].where} for i, original in sorted(assigned.dropped.items())
        ],
        "strata": None
        if options.stratify is None
        else {"train": counted(assigned.train), "eval": counted(assigned.evaluation)},
    }


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
