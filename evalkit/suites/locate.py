"""Where in its line a bad cell stands. Rows do not keep their lines: the file is read again, up to the last bad one."""

from __future__ import annotations

import json
import re

from evalkit.errors import UsageError
from evalkit.suites.data import Data, lines_of
from evalkit.suites.diagnostics import Problems
from evalkit.suites.excerpt import with_line
from evalkit.types import JsonValue


def point_at_cells(problems: Problems, data: Data) -> None:
    """Gives each listed mistake that names a cell the text of its line and the cell's place there, where found."""
    if not problems.cells or data.is_by_row:
        return
    lines = _lines_of(data, {problems.listed[i].line or 0 for i in problems.cells})
    for i, (column, value) in problems.cells.items():
        found = problems.listed[i]
        text = lines.get(found.line or 0)
        if text is not None and (place := cell_in(text, column, value)) is not None:
            problems.listed[i] = with_line(found.placed(*place), text)


def cell_in(text: str, column: str, value: JsonValue) -> tuple[int, int] | None:
    """(column, width) of a cell in a line of JSON or CSV; None where it cannot be told.

    >>> cell_in('{"n": 7, "id": 7}', "id", 7)
    (16, 1)
    >>> cell_in("de,t1,x", "id", "t1")
    (4, 2)
    """
    name = json.dumps(column.rpartition(".")[2], ensure_ascii=False)
    spelled = {json.dumps(value, ensure_ascii=False), json.dumps(value)}
    either = "|".join(re.escape(one) for one in sorted(spelled))
    found = re.search(rf"{re.escape(name)}\s*:\s*({either})", text)
    if found is None and isinstance(value, str) and value:
        found = re.search(rf"(?<![^,\"])({re.escape(value)})(?![^,\"])", text.rstrip("\r\n"))
    return None if found is None else (found.start(1) + 1, found.end(1) - found.start(1))


def _lines_of(data: Data, wanted: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    try:
        for number, raw in lines_of(data):
            if number in wanted:
                found[number] = raw.decode("utf-8", "replace").rstrip("\r\n")
            if len(found) == len(wanted):
                break
    except (OSError, UsageError):
        pass  # it was read a moment ago; without its lines the mistakes are told all the same
    return found
