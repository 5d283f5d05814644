"""JSON lines, strictly: one object a line, no NaN, no duplicate keys, no half characters, nothing too deep."""

from __future__ import annotations

import itertools
import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any, NamedTuple, NoReturn

from evalkit.suites.diagnostics import Problems
from evalkit.types import JsonValue

MAX_DEPTH = 200
MAX_DIGITS = 1_000
_SEARCHED = 200_000
"""Characters of a bad line that are searched for the place of its mistake."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?|[{}]|[^\s"{}\[\],:]+')
"""A text (and whether it is a key), a brace, or anything bare: a number, a word."""

Row = Mapping[str, JsonValue]
"""As it stands in the file; a long one may lie on disk."""


def read_jsonl(lines: Iterator[tuple[int, bytes]], problems: Problems) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    """The rows among numbered lines; what is wrong with the others is added to `problems`.

    Rows that hold half a character (a surrogate without its other half, as a text cut in the middle has) are kept
    as they are and noted.
    """
    head, rest = _peeked(lines)
    if (what := _other_json([raw for _, raw in head])) is not None:
        text = head[0][1].decode("utf-8", "replace").rstrip()
        problems.add(head[0][0], what.message, place=(1, 1), text=text, fix=_as_rows(problems.shown, what.jq))
        return
    for number, raw in itertools.chain(head, rest):
        if not raw.strip():
            continue
        try:
            row, half = _row(raw)
        except BadRow as bad:
            problems.add(number, bad.message, place=bad.place, text=bad.text, fix=bad.fix)
        else:
            if half is not None:
                problems.odd.append((number, f"{half} is half a character"))
            yield number, row


class _OtherJson(NamedTuple):
    """JSON that is no JSON lines, and the filter of jq that makes it so."""

    message: str
    jq: str


def _peeked(lines: Iterator[tuple[int, bytes]]) -> tuple[list[tuple[int, bytes]], Iterator[tuple[int, bytes]]]:
    """The first two lines that hold anything, and the others."""
    full = ((number, raw) for number, raw in lines if raw.strip())
    return list(itertools.islice(full, 2)), full


def _other_json(head: list[bytes]) -> _OtherJson | None:
    """What a file is that begins like this, where it is plainly one JSON document or objects over several lines."""
    begins = [raw.strip() for raw in head]
    if not begins:
        return None
    first, second = begins[0], begins[1] if len(begins) > 1 else b""
    if first[:1] == b"[" and (first[1:].lstrip()[:1] == b"{" or (first == b"[" and second[:1] in {b"", b"{"})):
        return _OtherJson("this is a JSON array; JSONL has one object a line", ".[]")
    if first[:1] == b"{" and (first == b"{" or (first[-1:] == b"," and second[:1] == b'"')):
        return _OtherJson("this is a JSON object over several lines; JSONL has one object a line", ".")
    return None


def _as_rows(shown: str, jq: str) -> str:
    """The command that writes such a file as rows, under its own name where that is one for rows."""
    name = shlex.quote(shown)
    if shown.endswith(".gz"):
        return f"gunzip -c {name} | jq -c '{jq}' | gzip > rows.jsonl.gz"
    stem = shown.removesuffix(".jsonl").removesuffix(".json")
    if not shown.endswith(".jsonl"):
        return f"jq -c '{jq}' {name} > {shlex.quote(f'{stem}.jsonl')}"
    beside = shlex.quote(f"{stem}.rows")
    return f"jq -c '{jq}' {name} > {beside} && mv {beside} {name}"


class _BadValueError(ValueError):
    """A value that JSON has and a row may not."""

    def __init__(self, message: str, *, written: str | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.written, self.key = written, key


class BadRow(ValueError):
    """One row is not what a row may be."""

    def __init__(
        self, message: str, *, place: tuple[int, int] | None = None, text: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.place, self.text, self.fix = message, place, text, fix


def row_at(text: str, start: int) -> tuple[dict[str, JsonValue], int, str | None]:
    """The object that begins at a place of a text, where it ends, and the half character it holds.

    Raises json.JSONDecodeError where it is no whole JSON, BadRow where it is no row.
    """
    try:
        row, end = _DECODER.raw_decode(text, start)
    except _BadValueError as error:
        raise BadRow(str(error)) from None
    except RecursionError:
        raise BadRow("nested too deeply") from None
    written = text[start:end]
    if _is_deep(written, row):
        raise BadRow(f"nested deeper than {MAX_DEPTH} levels")
    return row, end, _half_character(written, row)


def _row(raw: bytes) -> tuple[dict[str, JsonValue], str | None]:
    """One line as a row, and the half character it holds. Raises BadRow."""
    try:
        text = raw.decode("utf-8").rstrip("\r\n\t ")
        row = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8 text"
        before = raw[: error.start].decode("utf-8")
        shown = raw.decode("utf-8", "replace").rstrip()
        raise BadRow(message, place=(len(before) + 1, 1), text=shown, fix="save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        message, fix = _no_json(error, text)
        raise BadRow(message, place=(error.colno, 1), text=text, fix=fix) from None
    except _BadValueError as error:
        raise BadRow(str(error), place=_place(error, text), text=text) from None
    except RecursionError:
        raise BadRow("nested too deeply") from None
    if not isinstance(row, dict):
        message = "a row is an object, not a bare value"
        raise BadRow(message, place=(1, 1), text=text, fix='write {"column": value, …}')
    if _is_deep(text, row):
        raise BadRow(f"nested deeper than {MAX_DEPTH} levels")
    return row, _half_character(text, row)


def _no_json(error: json.JSONDecodeError, text: str) -> tuple[str, str]:
    """What is wrong with a line, and the fix that the usual causes have."""
    rest = text[error.pos :]
    if rest == "," and error.msg == "Extra data":
        return "a comma after the row", "rows stand on lines of their own, without commas between them"
    if rest.startswith("\r") or "\r{" in text:
        return "the lines end with \\r alone", "save the file with \\n at the end of each line"
    if text.lstrip().startswith(("{'", "['")):
        return "this is not JSON: names and texts stand in double quotes", "write rows with json.dumps, not with str"
    return f"this is not JSON: {error.msg[:1].lower() + error.msg[1:]}", "one JSON object a line"


def _place(error: _BadValueError, text: str) -> tuple[int, int] | None:
    """(column, width) of a value as it is written outside texts, or of a key where it comes for the second time."""
    keys: list[set[str]] = []
    for token in _TOKEN.finditer(text, 0, _SEARCHED):
        found = token.group()
        if found == error.written:
            return token.start() + 1, len(found)
        if found == "{":
            keys.append(set())
        elif found == "}" and keys:
            keys.pop()
        elif token.group(1) is not None and error.key is not None and keys:
            name = json.loads(found[: -len(token.group(1))])
            if name in keys[-1] and name == error.key:
                return token.start() + 1, len(found) - len(token.group(1))
            keys[-1].add(name)
    return None


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
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _BadValueError(f"the key '{twice[:80]}' is given twice", key=twice)
    return row


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _BadValueError(f"{text[:40]} is too large for a number", written=text)
    return value


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _BadValueError(f"a number has more than {MAX_DIGITS:,} digits: write it as text", written=text)
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise _BadValueError(f"{name} is not JSON: write null, or leave the row out", written=name)


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
