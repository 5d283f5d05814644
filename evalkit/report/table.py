"""The samples as CSV: one line a sample, for spreadsheets and notebooks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from evalkit.report import strings
from evalkit.report.read import Document, number, obj, text, words
from evalkit.report.text import visible, without_invisible

_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
"""The wide forms count where a spreadsheet reads them as the narrow ones."""
SIDE_COLUMNS = ("status", "text", "error", "latency_s", "output_tokens")


def render_csv(verdict: Document, samples: Iterable[Document]) -> str:
    """A head and one line a sample, CRLF line ends (RFC 4180). The suite's metrics come first, in its order.

    A text that a spreadsheet would run as a formula gets an apostrophe in front:
    https://owasp.org/www-community/attacks/CSV_Injection
    """
    columns, metrics = _names(verdict, samples)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(map(_cell, _head(columns, metrics)))
    for row in samples:
        writer.writerow(map(_cell, _line(row, columns, metrics)))
    return file.getvalue()


def sample_columns(verdict: Document, samples: Iterable[Document]) -> dict[str, tuple[bool, list[Any]]]:
    """The same by column: name → (holds numbers, values), texts as they were. A lone surrogate is shown as its code."""
    columns, metrics = _names(verdict, samples)
    head = _head(columns, metrics)
    rows = [_line(row, columns, metrics) for row in samples]
    named = {*(f"{metric}_{side}" for metric in metrics for side in strings.SIDES)}
    named |= {f"{side}_{key}" for side in strings.SIDES for key in ("latency_s", "output_tokens")}
    found: dict[str, tuple[bool, list[Any]]] = {}
    for at, name in enumerate(head):
        is_number, values = name in named, [row[at] for row in rows]
        if is_number:
            values = [value if isinstance(value, float) else None for value in values]
        else:
            values = [
                None if value is None else str(value).encode("utf-8", "backslashreplace").decode() for value in values
            ]
        found[name] = (is_number, values)
    return found


def _names(verdict: Document, samples: Iterable[Document]) -> tuple[list[str], list[str]]:
    """(slice columns, metrics), the suite's metrics first, in its order."""
    columns = list(dict.fromkeys(name for row in samples for name in obj(row, "slices")))
    named = [text(found, "metric") for found in verdict.get("metrics") or ()]
    return columns, list(dict.fromkeys([*named, *(name for row in samples for name in obj(row, "scores"))]))


def _head(columns: Sequence[str], metrics: Sequence[str]) -> list[str]:
    sides = [f"{side}_{key}" for side in strings.SIDES for key in SIDE_COLUMNS]
    scores = [f"{metric}_{side}{end}" for metric in metrics for side in strings.SIDES for end in ("", "_why")]
    ours = {"id", "flip", "input", "target", *sides, *scores}
    slices = [f"slice_{column}" if column in ours else column for column in columns]
    return ["id", "flip", *slices, "input", "target", *sides, *scores]


def _line(row: Document, columns: Sequence[str], metrics: Sequence[str]) -> list[str | float | None]:
    told: list[str | float | None] = [text(row, "id"), text(row, "flip")]
    told += [text(obj(row, "slices"), column) for column in columns]
    told += [text(row, "input"), words(row.get("target"))]
    for side in strings.SIDES:
        found = obj(row, side)
        told += [text(found, key) if number(found, key) is None else number(found, key) for key in SIDE_COLUMNS]
    for metric in metrics:
        score = obj(obj(row, "scores"), metric)
        for side in strings.SIDES:
            told += [number(score, side), text(score, f"{side}_why")]
    return told


def _cell(value: str | float | None) -> str | float | None:
    if not isinstance(value, str):
        return value
    # Spreadsheets skip what cannot be seen; what the cell really begins with decides.
    begins = value.startswith(_FORMULA_STARTS) or without_invisible(value).lstrip().startswith(_FORMULA_STARTS)
    return f"'{visible(value)}" if begins else visible(value)
