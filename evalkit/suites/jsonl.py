"""JSON lines, strictly: one object a line, no NaN, no duplicate keys, no half characters, nothing too deep."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any, NoReturn

from evalkit.suites.diagnostics import Problems
from evalkit.types import JsonValue

MAX_DEPTH = 200
MAX_DIGITS = 1_000
_ONE_A_LINE = "write one row a line: jq -c '.[]' rows.json > rows.jsonl"

Row = Mapping[str, JsonValue]
"""As it stands in the file; a long one may lie on disk."""


def read_jsonl(lines: Iterator[tuple[int, bytes]], problems: Problems) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    """The rows among numbered lines; what is wrong with the others is added to `problems`.

    Rows that hold half a character (a surrogate without its other half, as a text cut in the middle has) are kept
    as they are and noted.
    """
    is_first = True
    for number, raw in lines:
        if not raw.strip():
            continue
        if is_first and raw.strip() in {b"[", b"{"}:
            problems.add(number, "this is one JSON document over many lines, not a row a line", fix=_ONE_A_LINE)
            return
        is_first = False
        try:
            row, half = _row(raw)
        except _BadLineError as bad:
            problems.add(number, bad.message, column=bad.column, text=bad.text, fix=bad.fix)
        else:
            if half is not None:
                problems.odd.append((number, f"{half} is half a character"))
            yield number, row


class _BadLineError(ValueError):
    def __init__(
        self, message: str, *, column: int | None = None, text: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.column, self.text, self.fix = message, column, text, fix


def _row(raw: bytes) -> tuple[dict[str, JsonValue], str | None]:
    """One line as a row, and the half character it holds. Raises _BadLineError."""
    try:
        text = raw.decode("utf-8").strip("\r\n\t ")
        row = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8 text"
        raise _BadLineError(message, column=error.start + 1, fix="save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        message, fix = _no_json(error, text)
        raise _BadLineError(message, column=error.colno, text=text, fix=fix) from None
    except ValueError as error:
        raise _BadLineError(str(error)) from None
    except RecursionError:
        raise _BadLineError("nested too deeply") from None
    if not isinstance(row, dict):
        message = "a row is an object, not a bare value"
        raise _BadLineError(message, column=1, text=text, fix='write {"column": value, …}')
    if _is_deep(text, row):
        raise _BadLineError(f"nested deeper than {MAX_DEPTH} levels")
    return row, _half_character(text, row)


def _no_json(error: json.JSONDecodeError, text: str) -> tuple[str, str]:
    """What is wrong with a line, and the fix that the usual causes have."""
    rest = text[error.pos :]
    if rest == "," and error.msg == "Extra data":
        return "a comma after the row", "rows stand on lines of their own, without commas between them"
    if rest.startswith("\r") or "\r{" in text:
        return "the lines end with \\r alone", "save the file with \\n at the end of each line"
    if text.startswith(("{'", "['")):
        return "this is not JSON: names and texts stand in double quotes", "write rows with json.dumps, not with str"
    return f"this is not JSON: {error.msg[:1].lower() + error.msg[1:]}", "one JSON object a line"


def _half_character(text: str, row: Row) -> str | None:
    """A surrogate without its other half, as JSON spells it; None where there is none."""
    if r"\ud" not in text and r"\uD" not in text:
        return None
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return json.dumps(error.object[error.start])
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A column's name is the same text in every row: kept once, it is a fifth of what a large suite takes.
    row = {intern(key): value for key, value in pairs}
    if len(row) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key '{next(key for key in keys if keys.count(key) > 1)[:80]}' is given twice")
    return row


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large for a number")
    return value


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS:,} digits: write it as text")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON: write null, or leave the row out")


def _is_deep(text: str, row: Any) -> bool:
    """Whether a row nests deeper than MAX_DEPTH; only looked at where enough brackets stand in the text."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    level, depth = [row], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
    return False


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole
)
