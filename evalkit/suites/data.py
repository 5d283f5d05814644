"""Rows of a data file (.jsonl, .json, .csv, .tsv, plain or packed, or .parquet), each with the line it stands on.

Reading is bounded (a line, the whole file once inflated), strict (no NaN, no duplicate keys, objects only) and
complete: all bad rows are reported, the first twenty in full.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.diagnostics import Problems
from evalkit.suites.files import Tree
from evalkit.suites.jsonl import Row, read_jsonl
from evalkit.suites.records.formats import Format, format_of, why_no_format
from evalkit.suites.records.lines import Limits, numbered_lines
from evalkit.suites.records.packed import unpacked
from evalkit.suites.records.read import numbered_rows
from evalkit.suites.shelf import Shelf
from evalkit.types import JsonValue

MAX_LINE_BYTES = 16 << 20
MAX_DATA_BYTES = 4 << 30
"""Once inflated; a gzip bomb ends here."""
_PIECE = 1 << 20


class Data(Struct, frozen=True, kw_only=True):
    """A data file as read."""

    path: Path
    shown: str
    sha256: str
    """Of the bytes on disk."""
    rows: tuple[tuple[int, Row], ...]
    """Line (of Parquet: the row's number, from 1) and row, in file order; long ones stay on disk until looked at."""
    columns: tuple[str, ...]
    """Every key that some row has, in order of appearance."""
    problems: tuple[Diagnostic, ...] = ()
    odd: str | None = None
    """A sentence about rows that are read and that a person should look at."""
    is_by_row: bool = False
    """The file has no lines: rows are numbered."""

    def problems_found(self) -> Problems:
        """An empty list for mistakes found in these rows."""
        return Problems(self.shown, is_by_row=self.is_by_row)


def why_unreadable(text: str) -> tuple[str, str] | None:
    """For a data path this version cannot read: what is wrong and what to do; None when it can."""
    if text.startswith("hf://"):
        return (
            "of the Hugging Face hub only dataset.path takes data",
            "copy the file into the suite's folder",
        )
    return None if format_of(text) is not None else why_no_format(text)


def read_data(path: Path, tree: Tree) -> Data:
    """All rows of a file whose ending `why_unreadable` accepts. Raises UsageError where the file itself fails."""
    shown = tree.show(path)
    problems = Problems(shown)
    how = format_of(path.name) or Format("jsonl")
    shelf = Shelf()
    try:
        with path.open("rb", buffering=0) as raw:
            hashing = _Hashing(raw)
            packed: IO[bytes] = io.BufferedReader(hashing, _PIECE)
            source = packed
            if how.layout == "parquet":  # which is read from its end: the file stays open after it was hashed
                _drain(packed)
                raw.seek(0)
                source = io.BufferedReader(raw, _PIECE)
            found = numbered_rows(source, how, problems, _limits())
            rows = tuple((number, shelf.keep(row)) for number, row in found)
            if source is packed:
                _drain(packed)
    except OSError as error:
        raise UsageError(
            diagnostics=(Diagnostic(message=f"cannot be read: {error.strerror or error}", path=shown),)
        ) from None
    if not rows and not problems.listed:
        problems.add(1, "the file holds no rows")
    sha256 = hashing.digest.hexdigest()
    tree.note(path, sha256)
    columns = tuple(dict.fromkeys(key for _, row in rows for key in row))
    return Data(
        path=path,
        shown=shown,
        sha256=sha256,
        rows=rows,
        columns=columns,
        problems=problems.all(),
        odd=_odd(problems),
        is_by_row=problems.is_by_row,
    )


def _limits() -> Limits:
    return Limits(row_bytes=MAX_LINE_BYTES, data_bytes=MAX_DATA_BYTES)


def _drain(file: IO[bytes]) -> None:
    while file.read(_PIECE):
        pass


def lines_of(data: Data) -> Iterator[tuple[int, bytes]]:
    """The lines of a data file that was read, once more. Raises OSError or UsageError where it has changed."""
    how = format_of(data.path.name) or Format("jsonl")
    with data.path.open("rb") as file, unpacked(file, how.packing, data.shown) as plain:
        yield from numbered_lines(plain, data.shown, _limits())


def read_answers(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    """(line, row) of a plain .jsonl file of answers, read as a dataset is; bad lines are added to `problems`.

    Raises UsageError where the file itself fails.
    """
    try:
        with path.open("rb") as file:
            yield from read_jsonl(numbered_lines(file, problems.shown, _limits()), problems)
    except OSError as error:
        found = Diagnostic(message=f"cannot be read: {error.strerror or error}", path=problems.shown)
        raise UsageError(diagnostics=(found,)) from None


def _odd(problems: Problems) -> str | None:
    if not problems.odd:
        return None
    line, what = problems.odd[0]
    others = f" (and {len(problems.odd) - 1:,} more such rows)" if len(problems.odd) > 1 else ""
    return f"{problems.shown}:{line}: {what}{others}; kept as it is, and shown by its code in the report."


def reach(row: JsonValue | Row, dotted: str) -> tuple[bool, JsonValue]:
    """(found, value) of a dotted path: a key of that whole name first, then step by step; digits index lists.

    >>> reach({"label": {"tags": ["a", "b"]}}, "label.tags.1")
    (True, 'b')
    """
    if isinstance(row, Mapping) and dotted in row:
        return True, row[dotted]
    value: Any = row
    for part in dotted.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and part.isascii() and int(part[:9]) < len(value):
            value = value[int(part[:9])]
        else:
            return False, None
    return True, value


class _Hashing(io.RawIOBase):
    """A raw file whose bytes are hashed as they pass, so that what is locked is what was parsed."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n: int = self.raw.readinto(buffer)
        self.digest.update(memoryview(buffer)[:n])
        return n
