"""Long rows on disk: a suite of a gigabyte must not be a gigabyte of memory.

A row longer than `LONG_CHARS` goes to a file that has no name and is gone when the process ends; what stays is where
it lies. It is read back each time it is looked at, the last one being remembered, since a row is usually looked at
several times in turn.
"""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LONG_CHARS = 8_192
"""Of a row's texts; shorter ones are cheaper to keep than to fetch."""

Row = Mapping[str, Any]


class Shelf:
    """A nameless file of rows. Raises OSError where the disk (TMPDIR) has no room for them."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._end = 0
        self._last: tuple[int, dict[str, Any]] = (-1, {})

    def keep(self, row: dict[str, Any]) -> Row:
        """`row` itself when it is short, else a view of it that reads it back."""
        texts = sum(len(value) for value in row.values() if isinstance(value, str))
        if texts <= LONG_CHARS and not any(isinstance(value, list | dict) for value in row.values()):
            return row
        data = json.dumps(row).encode("ascii")
        if len(data) <= LONG_CHARS:
            return row
        if self._file is None:
            self._file, name = tempfile.mkstemp(prefix="evalkit-rows-")
            Path(name).unlink()
            weakref.finalize(self, os.close, self._file)
        place = self._end
        while data:
            written = os.pwrite(self._file, data, self._end)
            self._end += written
            data = data[written:]
        return ShelvedRow(self, place, self._end - place)

    def fetch(self, place: int, size: int) -> dict[str, Any]:
        """The row that lies there."""
        if self._last[0] != place and self._file is not None:
            self._last = (place, json.loads(os.pread(self._file, size, place)))
        return self._last[1]


class ShelvedRow(Mapping[str, Any]):
    """A row that lies on a shelf; reads like the row."""

    __slots__ = ("_place", "_shelf", "_size")

    def __init__(self, shelf: Shelf, place: int, size: int) -> None:
        self._shelf, self._place, self._size = shelf, place, size

    def __getitem__(self, key: str) -> Any:
        return self._shelf.fetch(self._place, self._size)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shelf.fetch(self._place, self._size))

    def __len__(self) -> int:
        return len(self._shelf.fetch(self._place, self._size))
