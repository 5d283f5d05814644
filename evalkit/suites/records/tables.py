"""Rows of a table in text: the first one names the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.diagnostics import Problems
from evalkit.suites.records.lines import Limits
from evalkit.types import JsonValue


def table_rows(
    lines: Iterator[tuple[int, bytes]], problems: Problems, limits: Limits, *, delimiter: str = ","
) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    """(first line, row) of CSV, every cell a text; what is wrong with a row is added to `problems`."""
    # The module's own limit, 128 KiB, is less than a document takes; `_Text` holds the row to ours.
    csv.field_size_limit(2 * limits.row_bytes)
    text = _Text(lines, problems.shown, limits)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        start = reader.line_num + 1
        text.n_bytes = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            is_open = "unexpected end of data" in str(error)  # the csv module's words where the file ends inside quotes
            fix = "a quote that is opened in this row is never closed" if is_open else None
            problems.add(start, f"this is not CSV: {error}", fix=fix)
            if header is None:
                return
            continue
        if not cells:
            continue
        if header is None:
            header = cells
            if (odd := _odd_column(header)) is not None:
                problems.add(start, odd)
                return
            if (other := _other_delimiter(header, delimiter)) is not None:
                what = f"the columns stand apart by {other!r}, so all of them were read as one"
                problems.add(start, what, fix="save the file with commas between them, or with tabs as .tsv")
                return
        elif len(cells) != len(header):
            what = f"{len(cells)} cells where the header has {len(header)}"
            problems.add(start, what, fix='quote cells that hold commas: "…"' if delimiter == "," else None)
        else:
            yield start, dict(zip(header, cells, strict=True))


def _odd_column(header: list[str]) -> str | None:
    odd = next((name for name in header if not name.strip() or header.count(name) > 1), None)
    if odd is None:
        return None
    return f"the column '{odd[:80]}' is named twice" if odd.strip() else "a column has no name"


def _other_delimiter(header: list[str], delimiter: str) -> str | None:
    """What spreadsheets of other countries put between columns, where the header is one name that holds it."""
    if len(header) > 1:
        return None
    return next((other for other in ";|\t," if other != delimiter and other in header[0]), None)


class _Text:
    """Lines as text; counts what one row takes, since a quote that is never closed makes a row of the whole file."""

    def __init__(self, lines: Iterator[tuple[int, bytes]], shown: str, limits: Limits) -> None:
        self._lines, self._shown, self._limits = lines, shown, limits
        self.n_bytes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, raw = next(self._lines)
        self.n_bytes += len(raw)
        if self.n_bytes > self._limits.row_bytes:
            fix = "is a quote opened and never closed?"
            found = Diagnostic(message=self._limits.row_told("a row"), path=self._shown, line=number, help=fix)
            raise UsageError(diagnostics=(found,))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"byte 0x{raw[error.start]:02x} is not UTF-8 text"
            found = Diagnostic(message=message, path=self._shown, line=number, help="save the file as UTF-8")
            raise UsageError(diagnostics=(found,)) from None
