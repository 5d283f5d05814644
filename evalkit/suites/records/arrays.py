"""Rows of a .json file: a list of objects, read one by one; or objects a line, as many such files hold."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from typing import IO, NoReturn

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.diagnostics import Problems
from evalkit.suites.jsonl import BadRow, read_jsonl, row_at
from evalkit.suites.records.lines import Limits, numbered_lines, without_mark
from evalkit.types import JsonValue

_PIECE = 1 << 18
_CUT = "the list ends in the middle: the file was cut"
_BLANK = re.compile(r"[ \t\r\n]*")
_NEAR_THE_END = 16
"""Characters in which a number or a word may be cut."""


def json_rows(file: IO[bytes], problems: Problems, limits: Limits) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    """(line, row) of a JSON list of objects, or of JSON lines; one row is in memory at a time.

    Raises UsageError where a list cannot be read on: unlike a line, an object says nothing about where the next begins.
    """
    begin = without_mark(file.read(_PIECE), problems.shown)
    if begin.lstrip()[:1] != b"[":
        both = io.BufferedReader(_Joined(begin, file))
        yield from read_jsonl(numbered_lines(both, problems.shown, limits), problems)
        return
    yield from _List(begin, file, problems.shown, limits).rows(problems)


class _Joined(io.RawIOBase):
    """What was read of a file already, then the rest of it."""

    def __init__(self, begin: bytes, rest: IO[bytes]) -> None:
        self._begin, self._rest = begin, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any writable buffer
        if not self._begin:
            self._begin = self._rest.read(_PIECE)
        n = min(len(buffer), len(self._begin))
        buffer[:n] = self._begin[:n]
        self._begin = self._begin[n:]
        return n


class _List:
    """A JSON list whose end may be far away: the text of an object or two, and the place in it."""

    def __init__(self, begin: bytes, file: IO[bytes], shown: str, limits: Limits) -> None:
        self._file, self._shown, self._limits = file, shown, limits
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._line, self._n_bytes = "", 0, 1, 0
        self._add(begin)

    def rows(self, problems: Problems) -> Iterator[tuple[int, dict[str, JsonValue]]]:
        """Every object of the list with the line it begins on."""
        self._next()
        self._at += 1
        mark = "]" if self._next() == "]" else ","
        while mark == ",":
            yield self._object(problems)
            mark = self._next()
            if mark not in {",", "]"}:
                self._stop("a comma or ']' is wanted after an object of the list" if mark else _CUT)
            self._at += 1
            self._next()
        if self._next() == "]":
            self._at += 1
        if self._next():
            self._stop("something stands after the end of the list")

    def _object(self, problems: Problems) -> tuple[int, dict[str, JsonValue]]:
        if self._next() != "{":
            self._stop("a row is an object: {…}" if self._next() else _CUT)
        line, start = self._line, self._at
        while True:
            try:
                row, self._at, half = row_at(self._text, start)
                break
            except json.JSONDecodeError as error:
                self._line = line + self._text.count("\n", start, error.pos)
                is_whole = error.pos < len(self._text) - _NEAR_THE_END and "Unterminated" not in error.msg
                is_long = len(self._text) - start > self._limits.row_bytes
                # Twice as much each time, so that a long object is read through a few times and not hundreds.
                if is_whole or is_long or not self._more(max(_PIECE, len(self._text) - start)):
                    wrong = f"this is not JSON: {error.msg[:1].lower() + error.msg[1:]}"
                    self._stop(self._limits.row_told("an object") if is_long and not is_whole else wrong)
                start = 0
                self._at = 0
            except BadRow as error:
                self._stop(error.message)
        if half is not None:
            problems.odd.append((line, f"{half} is half a character"))
        self._line = line + self._text.count("\n", start, self._at)
        return line, row

    def _next(self) -> str:
        """The next character that is no blank, left where it is; empty at the end."""
        while True:
            end = _BLANK.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches nothing, too
            self._line += self._text.count("\n", self._at, end)
            self._at = end
            if end < len(self._text) or not self._more(_PIECE):
                return self._text[end : end + 1]

    def _more(self, size: int) -> bool:
        """Whether there was more to read; what lies before the place is dropped."""
        piece = self._file.read(size)
        self._text, self._at = self._text[self._at :], 0
        self._add(piece)
        return bool(piece)

    def _add(self, piece: bytes) -> None:
        self._n_bytes += len(piece)
        if self._n_bytes > self._limits.data_bytes:
            self._stop(f"data may hold {self._limits.data_bytes >> 30} GiB")
        try:
            self._text += self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            self._stop(f"byte 0x{error.object[error.start]:02x} is not UTF-8 text; save the file as UTF-8")

    def _stop(self, message: str) -> NoReturn:
        raise UsageError(diagnostics=(Diagnostic(message=message, path=self._shown, line=self._line),))
