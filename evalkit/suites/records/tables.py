"""Rows of a table in text: the first one names the columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.diagnostics import Problems
from evalkit.suites.records.lines import Limits
from evalkit.types import JsonValue

_LOOKED_AT = 4
"""Lines from which the sign between the columns is told: blank ones may stand before the header and after it."""
_QUOTED = re.compile(r'"[^"]*"')


def table_rows(
    lines: Iterator[tuple[int, bytes]], problems: Problems, limits: Limits, *, delimiter: str = ","
) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    """(first line, row) of CSV, every cell a text; what is wrong with a row is added to `problems`."""
    # The module's own limit, 128 KiB, is less than a document takes; `_Text` holds the row to ours.
    csv.field_size_limit(2 * limits.row_bytes)
    ahead = list(islice(lines, _LOOKED_AT))
    if (other := _other_delimiter([raw for _, raw in ahead], delimiter)) is not None:
        what = f"the columns stand apart by {other!r}, so all of them were read as one"
        problems.add(
            next(number for number, raw in ahead if _is_filled(raw)),
            what,
            fix="save the file with commas between them, or with tabs as .tsv",
        )
        return
    text = _Text(chain(ahead, lines), problems.shown, limits)
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


def _other_delimiter(lines: Sequence[bytes], delimiter: str) -> str | None:
    """What spreadsheets of other countries put between columns, where the header is one name that holds it.

    The first row has to hold it as often: the one column of a table may be called "text, or code".
    """
    header, row, *_ = *(line.decode("utf-8", "replace") for line in lines if _is_filled(line)), "", ""
    if delimiter in header or header.startswith('"'):
        return None
    between = _QUOTED.sub("", row)
    return next((other for other in ";|\t," if 0 < header.count(other) <= between.count(other)), None)


def _is_filled(line: bytes) -> bool:
    return bool(line.strip(b"\r\n"))


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
