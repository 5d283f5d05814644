"""Rows of a data file (.jsonl or .csv, plain or .gz), each with the line it stands on.

Reading is bounded (a line, the whole file once inflated), strict (no NaN, no duplicate keys, objects only) and
complete: all bad rows are reported, the first twenty in full.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.diagnostics import Problems
from evalkit.suites.files import Tree
from evalkit.suites.jsonl import Row, read_jsonl
from evalkit.suites.shelf import Shelf
from evalkit.types import JsonValue

MAX_LINE_BYTES = 16 << 20
MAX_DATA_BYTES = 4 << 30
"""Once inflated; a gzip bomb ends here."""
FORMATS = (".jsonl", ".csv")
LATER = {
    ".parquet": "write it as .jsonl: `duckdb -c \"copy (from 'x.parquet') to 'x.jsonl'\"`",
    ".zst": "unpack it, or pack it as .gz",
}
_PIECE = 1 << 20
_NO_TEXT = (
    (b"\x1f\x8b", "this is a gzip file", "give it the ending .gz, or unpack it"),
    (b"PK\x03\x04", "this is a zip file", "unpack it"),
    (b"PAR1", "this is a Parquet file", LATER[".parquet"]),
    (b"version https://git-lfs", "this is a Git LFS pointer, not the data", "fetch the data: git lfs pull"),
)
"""How files begin that are often mistaken for rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A data file as read."""

    path: Path
    shown: str
    sha256: str
    """Of the bytes on disk."""
    rows: tuple[tuple[int, Row], ...]
    """Line (1-based) and row, in file order; long rows stay on disk until they are looked at."""
    columns: tuple[str, ...]
    """Every key that some row has, in order of appearance."""
    problems: tuple[Diagnostic, ...] = ()
    odd: str | None = None
    """A sentence about rows that are read and that a person should look at."""


def why_unreadable(text: str) -> tuple[str, str] | None:
    """For a data path this version cannot read: what is wrong and what to do; None when it can."""
    if text.startswith("hf://"):
        return (
            "data from the Hugging Face hub is not available in evalkit 0.1",
            "download it beforehand and name the .jsonl file",
        )
    name = text.lower()
    for ending, fix in LATER.items():
        if name.endswith(ending):
            return (f"{ending} files are not available in evalkit 0.1; available: {', '.join(FORMATS)} (and .gz)", fix)
    if not name.removesuffix(".gz").endswith(FORMATS):
        return (f"'{text[-60:]}' is neither .jsonl nor .csv (plain or .gz)", "give the file the ending of its format")
    return None


def read_data(path: Path, tree: Tree) -> Data:
    """All rows of a file whose ending `why_unreadable` accepts. Raises UsageError where the file itself fails."""
    shown = tree.show(path)
    problems = Problems(shown)
    name = path.name.lower()
    try:
        with path.open("rb", buffering=0) as raw:
            hashing = _Hashing(raw)
            packed = io.BufferedReader(hashing, _PIECE)
            plain: Any = gzip.GzipFile(fileobj=packed, mode="rb") if name.endswith(".gz") else packed
            lines = numbered_lines(plain, shown)
            read = _csv_rows if name.removesuffix(".gz").endswith(".csv") else read_jsonl
            shelf = Shelf()
            rows = tuple((number, shelf.keep(row)) for number, row in read(lines, problems))
            while packed.read(_PIECE):
                pass
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UsageError(diagnostics=(Diagnostic(message=f"damaged gzip file: {error}", path=shown),)) from None
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
        path=path, shown=shown, sha256=sha256, rows=rows, columns=columns, problems=problems.all(), odd=_odd(problems)
    )


def read_answers(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    """(line, row) of a plain .jsonl file of answers, read as a dataset is; bad lines are added to `problems`.

    Raises UsageError where the file itself fails.
    """
    try:
        with path.open("rb") as file:
            yield from read_jsonl(numbered_lines(file, problems.shown), problems)
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


def numbered_lines(file: IO[bytes], shown: str) -> Iterator[tuple[int, bytes]]:
    """Each line with its number from 1. Raises UsageError for one that is too long, or a file that is no text."""
    n_bytes, number = 0, 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        n_bytes += len(line)
        if len(line) > MAX_LINE_BYTES or n_bytes > MAX_DATA_BYTES:
            limit = (
                f"a line may hold {MAX_LINE_BYTES >> 20} MiB"
                if n_bytes <= MAX_DATA_BYTES
                else f"data may hold {MAX_DATA_BYTES >> 30} GiB"
            )
            raise UsageError(diagnostics=(Diagnostic(message=limit, path=shown, line=number),))
        if number == 1:
            line = _without_mark(line, shown)
        yield number, line


def _without_mark(line: bytes, shown: str) -> bytes:
    for magic, message, fix in _NO_TEXT:
        if line.startswith(magic):
            raise UsageError(diagnostics=(Diagnostic(message=message, path=shown, line=1, help=fix),))
    if line[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in line[:64]:
        message = "this is not UTF-8 text: it looks like UTF-16 or a binary file"
        raise UsageError(diagnostics=(Diagnostic(message=message, path=shown, line=1, help="save it again as UTF-8"),))
    return line.removeprefix(b"\xef\xbb\xbf")


def _csv_rows(lines: Iterator[tuple[int, bytes]], problems: Problems) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    reader = csv.reader(_csv_text(lines, problems.shown), strict=True)
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not cells:
                continue
            if header is None:
                header = cells
                odd = next((name for name in header if not name.strip() or header.count(name) > 1), None)
                if odd is not None:
                    problems.add(line, f"the column '{odd}' is named twice" if odd.strip() else "a column has no name")
                    return
            elif len(cells) != len(header):
                problems.add(
                    line,
                    f"{len(cells)} cells where the header has {len(header)}",
                    fix='quote cells that hold commas: "…"',
                )
            else:
                yield line, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        problems.add(start, f"this is not CSV: {error}")


def _csv_text(lines: Iterator[tuple[int, bytes]], shown: str) -> Iterator[str]:
    for number, raw in lines:
        try:
            yield raw.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"byte 0x{raw[error.start]:02x} is not UTF-8 text"
            found = Diagnostic(message=message, path=shown, line=number, help="save the file as UTF-8")
            raise UsageError(diagnostics=(found,)) from None
