"""Rows out of the raw bytes of a journal, whatever has become of the tree that held them.

SQLite finds a row through pages that name other pages, so one rotten byte can hide a thousand whole rows. Here every
place that looks like a row is tried, in the file and in the log beside it, and its checksum says whether it is one:
structure that is damaged hides nothing, and nothing that is damaged passes.

Source of the layout: https://www.sqlite.org/fileformat2.html, sections 1.5, 1.6, 2.1 and 4.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from evalkit.store.rows import Row, is_whole, is_whole_meta

_Bytes = Any  # bytes or mmap: both slice to bytes and can be searched

USUAL_PAGE = 4096
_WAL_HEADER, _FRAME_HEADER = 32, 24
# In a row's header: a text of 64 characters (the request's fingerprint, 13 + 2 * 64 as a varint), then 0 or 1.
_ROW_MARK = re.compile(rb"\x81\x0d[\x08\x09]")
_BEFORE_MARK = range(5, 14)  # header size, three varints of one to three bytes, repeat
_BLOB = 12  # serial types from here on are blobs (even) and texts (odd)
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_ROW_TYPES = [str, str, str, int, str, int, bytes, int]
_LARGEST_BYTES = 1 << 30
META = ("format", "origin", "suite", "planned", "command", "probe", "finished")


class Pages(Struct, frozen=True):
    """The pages of a database and of its log; a page of the log counts as newer."""

    size: int
    database: _Bytes
    log: _Bytes
    frames: dict[int, list[int]]
    """page number → offsets of its versions in the log, oldest first"""

    @classmethod
    def of(cls, database: _Bytes, log: _Bytes, size: int) -> Pages:
        """The pages, when they are of `size` bytes."""
        frames: dict[int, list[int]] = {}
        for start in range(_WAL_HEADER, len(log) - _FRAME_HEADER, _FRAME_HEADER + size):
            number = int.from_bytes(log[start : start + 4], "big")
            frames.setdefault(number, []).append(start + _FRAME_HEADER)
        return cls(size, database, log, frames)

    def version(self, number: int, *, is_newest: bool) -> bytes:
        """One version of a page; short or empty when the file ends before it does."""
        place = (number - 1) * self.size
        in_database = bytes(self.database[place : place + self.size]) if place >= 0 else b""
        versions = self.frames.get(number, [])
        if versions and (is_newest or not in_database):
            start = versions[-1 if is_newest else 0]
            return bytes(self.log[start : start + self.size])
        return in_database


class Carved(Struct, frozen=True, kw_only=True):
    """What stood at one place."""

    row: Row | None = None
    """A whole row."""
    meta: tuple[str, str] | None = None
    """A whole named value of the run, as JSON."""
    damaged: tuple[str, str, str, int] | None = None
    """The place of a row that fails its checksum, as far as that can be believed: suite, role, sample id, repeat."""


def carve(database: _Bytes, log: _Bytes = b"") -> Iterator[Carved]:
    """Everything in a journal's bytes that is, or was, a row. The same row may come more than once."""
    for size in _page_sizes(database):
        pages = Pages.of(database, log, size)
        for image, first in ((database, 0), (log, _WAL_HEADER + _FRAME_HEADER)):
            step = size if image is database else size + _FRAME_HEADER
            yield from _rows(pages, image, first, step)
            yield from _metas(pages, image, first, step)


def _page_sizes(database: _Bytes) -> set[int]:
    stated = int.from_bytes(database[16:18], "big")
    return {USUAL_PAGE, *({stated} & {512, 1024, 2048, 8192, 16384, 32768})}


def _rows(pages: Pages, image: _Bytes, first: int, step: int) -> Iterator[Carved]:
    for mark in _ROW_MARK.finditer(image):
        starts = (mark.start() - back for back in _BEFORE_MARK)
        found = _best(
            values for start in starts for values in _record(pages, image, start, _page(start, first, step), columns=8)
        )
        if found is not None:
            yield found


def _best(candidates: Iterator[list[Any]]) -> Carved | None:
    damaged = None
    for values in candidates:
        row: Any = tuple(values)
        if is_whole(row):
            return Carved(row=row)
        if [type(value) for value in row] == _ROW_TYPES:
            damaged = Carved(damaged=row[:4])
    return damaged


def _metas(pages: Pages, image: _Bytes, first: int, step: int) -> Iterator[Carved]:
    for name in META:
        for mark in re.finditer(re.escape(name.encode()), image):
            for back in range(4, 8):
                start = mark.start() - back
                for values in _record(pages, image, start, _page(start, first, step), columns=3):
                    if values[0] == name and is_whole_meta(*values):
                        yield Carved(meta=(name, values[1]))


def _page(place: int, first: int, step: int) -> int:
    return first + (place - first) // step * step


def _record(pages: Pages, image: _Bytes, start: int, page: int, columns: int) -> Iterator[list[Any]]:
    """The values of the record whose header begins at `start`, in up to two readings of its overflow pages."""
    end = page + pages.size
    if start < page or start < 0:
        return
    head = image[start:end]
    types = _types(head, columns)
    if types is None:
        return
    total = head[0] + sum(_width(t) for t in types)
    local = _local(total, pages.size)
    if len(head) < local:
        return
    if local == total:
        readings = [bytes(head[:total])]
    else:
        follow = int.from_bytes(head[local : local + 4], "big")
        rest = total - local
        newest = _chain(pages, follow, rest, is_newest=True)
        readings = [bytes(head[:local]) + newest]
        if pages.frames:
            readings.append(bytes(head[:local]) + _chain(pages, follow, rest, is_newest=False))
    for reading in readings:
        if len(reading) == total:
            yield _values(reading, types, head[0])


def _types(head: bytes, columns: int) -> list[int] | None:
    """The serial types in a record's header, or None when it is no header of so many columns."""
    found: list[int] = []
    at = 1
    while len(found) < columns:
        value, used = _varint(head[at : at + 9])
        if not used or _width(value) > _LARGEST_BYTES:
            return None
        found.append(value)
        at += used
    return found if head[0] == at else None


def _varint(data: bytes) -> tuple[int, int]:
    value = 0
    for used, byte in enumerate(data[:8], start=1):
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the high bit says that more follows
            return value, used
    return 0, 0


def _width(serial: int) -> int:
    if serial >= _BLOB:
        return (serial - _BLOB) // 2
    return _INTEGER_BYTES.get(serial, 0)


def _local(total: int, page: int) -> int:
    """How many bytes of a record of `total` stand in its index page; the rest overflows."""
    most = (page - 12) * 64 // 255 - 23
    if total <= most:
        return total
    least = (page - 12) * 32 // 255 - 23
    kept = least + (total - least) % (page - 4)
    return kept if kept <= most else least


def _chain(pages: Pages, number: int, need: int, *, is_newest: bool) -> bytes:
    parts: list[bytes] = []
    while need > 0:
        page = pages.version(number, is_newest=is_newest)
        part = page[4 : 4 + min(need, pages.size - 4)]
        if not part:
            break
        parts.append(part)
        need -= len(part)
        number = int.from_bytes(page[:4], "big")
    return b"".join(parts)


def _values(record: bytes, types: Sequence[int], at: int) -> list[Any]:
    values: list[Any] = []
    for serial in types:
        raw = record[at : at + _width(serial)]
        at += len(raw)
        if serial >= _BLOB:
            values.append(raw if serial % 2 == 0 else raw.decode("utf-8", "replace"))
        elif serial in _INTEGER_BYTES:
            values.append(int.from_bytes(raw, "big", signed=True))
        else:
            values.append({8: 0, 9: 1}.get(serial))
    return values
