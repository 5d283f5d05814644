"""One way to read rows for everything that has rows: held-out data, training files, what production logged."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, BinaryIO

from msgspec import Struct

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.diagnostics import Problems
from evalkit.suites.jsonl import read_jsonl
from evalkit.suites.records.arrays import json_rows
from evalkit.suites.records.formats import Format, format_of, why_no_format
from evalkit.suites.records.lines import Limits, numbered_lines
from evalkit.suites.records.packed import unpacked
from evalkit.suites.records.parquet import parquet_rows
from evalkit.suites.records.tables import table_rows
from evalkit.types import JsonValue

LIMITS = Limits(row_bytes=10 << 20, data_bytes=256 << 30)
_PEEKED = 1 << 16
_MAGICS = ((b"\x1f\x8b", "gz"), (b"\x28\xb5\x2f\xfd", "zst"))


class Row(Struct, frozen=True):
    """One row and where it stands."""

    where: str
    """`file:line`, or `file:row N` of a Parquet file."""
    fields: Mapping[str, JsonValue]


class _Told(Problems):
    """Mistakes told one at a time, as they are found: raised, or given to whoever counts them."""

    on_bad: Callable[[Diagnostic], None] | None = None

    def add(
        self,
        line: int,
        message: str,
        *,
        place: tuple[int, int] | None = None,
        text: str | None = None,
        cell: tuple[str, JsonValue] | None = None,  # noqa: ARG002 - places are looked for once all rows are read
        fix: str | None = None,
    ) -> None:
        """Raises UsageError for the mistake, or hands it on."""
        found = self.told(line, message, place=place, text=text, fix=fix)
        if self.on_bad is None:
            raise UsageError(diagnostics=(found,))
        self.on_bad(found)


def read_rows(
    path: Path, *, stream: BinaryIO | None = None, on_bad: Callable[[Diagnostic], None] | None = None
) -> Iterator[Row]:
    """The rows of a file, in its order; one row (64 of a Parquet file) is in memory at a time.

    .jsonl, .ndjson, .json (a list, or objects a line), .csv, .tsv, each plain, .gz or .zst; and .parquet. `stream` is
    read in place of the file: `path` then says how it is written and what it is called in messages; `-` is standard
    input, of JSON lines or a JSON list, packed or not.

    A bad row raises UsageError at its place, or goes to `on_bad` and is passed over. What makes the file itself
    unreadable (no such file, another encoding, damaged packing, a JSON list with a mistake in it) always raises.
    """
    shown = "standard input" if stream is not None and str(path) == "-" else str(path)
    problems = _Told(shown=shown, on_bad=on_bad)
    try:
        if stream is not None:
            yield from _rows(stream, path, problems)
            return
        if path.exists() and not path.is_file():
            raise UsageError(diagnostics=(Diagnostic(message="this is not a regular file", path=shown),))
        with path.open("rb") as file:
            yield from _rows(file, path, problems)
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise UsageError(diagnostics=(Diagnostic(message=message, path=shown),)) from None


def numbered_rows(
    file: IO[bytes], how: Format, problems: Problems, limits: Limits
) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    """(line, row) of an open file, unpacked as it is read; of Parquet the row's number, and `file` must be seekable.

    What is wrong with a row is added to `problems`. Raises UsageError where the file itself fails.
    """
    if how.layout == "parquet":
        problems.is_by_row = True
        yield from parquet_rows(file, problems, limits)
        return
    with unpacked(file, how.packing, problems.shown) as plain:
        if how.layout == "json":
            yield from json_rows(plain, problems, limits)
            return
        # A set of rows that has to be whole stops here; who passes over bad rows passes over long ones.
        on_long = problems.add if isinstance(problems, _Told) else None
        lines = numbered_lines(plain, problems.shown, limits, on_long)
        if how.layout == "jsonl":
            yield from read_jsonl(lines, problems)
        else:
            yield from table_rows(lines, problems, limits, delimiter="\t" if how.layout == "tsv" else ",")


def _rows(file: BinaryIO, path: Path, problems: _Told) -> Iterator[Row]:
    how = format_of(path.name)
    source: IO[bytes] = file
    if how is None and str(path) == "-":
        peekable = io.BufferedReader(_Raw(file), _PEEKED)
        how, source = _guessed(peekable.peek(_PEEKED)), peekable
    if how is None:
        message, fix = why_no_format(str(path))
        raise UsageError(diagnostics=(Diagnostic(message=message, path=problems.shown, help=fix),))
    mark = "row " if how.layout == "parquet" else ""
    for number, row in numbered_rows(source, how, problems, LIMITS):
        problems.odd.clear()
        yield Row(f"{problems.shown}:{mark}{number}", row)


def _guessed(begin: bytes) -> Format:
    """Standard input has no name: packed or not is seen, and JSON it must be."""
    packing = next((name for magic, name in _MAGICS if begin.startswith(magic)), "")
    return Format("json", packing)  # type: ignore[arg-type]  # one of _MAGICS


class _Raw(io.RawIOBase):
    """A stream that need not be seekable, to be buffered."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any writable buffer
        piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
