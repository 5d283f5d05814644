"""One outcome as the journal stores it: a row that carries its own checksum, so that rot is found wherever it strikes.

The checksum covers every column, the key and the request's fingerprint included.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii
from typing import Any
from zlib import crc32

from evalkit.store.codec import checksum, decode, encode
from evalkit.types import Failure, Key, Outcome

Row = tuple[str, str, str, int, str, int, bytes, int]
"""suite, role, sample id (as JSON), repeat, request fingerprint, 1 for a Failure, outcome, checksum"""

COLUMNS = "suite, role, sample_id, repeat, request, is_failure, payload, crc"


def row_of(key: Key, request: str, outcome: Outcome) -> Row:
    """The row of an outcome."""
    suite, role, sample_id, repeat = key.suite, key.role, storable(key.sample_id), key.repeat
    is_failure, payload = int(isinstance(outcome, Failure)), encode(outcome)
    crc = crc32(payload, crc32(f"{suite}\0{role}\0{sample_id}\0{repeat!r}\0{request}\0{is_failure!r}".encode()))
    return suite, role, sample_id, repeat, request, is_failure, payload, crc


def is_whole(row: Row) -> bool:
    """True when no byte of the row has changed since `row_of` made it."""
    suite, role, sample_id, repeat, request, is_failure, payload, crc = row
    if not isinstance(payload, bytes):  # a flipped bit can change a column's type as well
        return False
    place = f"{suite}\0{role}\0{sample_id}\0{repeat!r}\0{request}\0{is_failure!r}"
    return crc == crc32(payload, crc32(place.encode("utf-8", "replace")))


def key_of(row: Row) -> Key:
    """The key of a whole row."""
    stored = row[2]
    sample_id = str(json.loads(stored)) if "\\" in stored else stored[1:-1]  # most ids need no escapes
    return Key(suite=row[0], role=row[1], sample_id=sample_id, repeat=row[3])


def outcome_of(row: Row) -> Outcome:
    """The outcome in a whole row."""
    return decode(row[6])


def storable(text: str) -> str:
    """A sample id as SQLite can store it: as ASCII JSON, an id with a lone surrogate comes back as it was."""
    return encode_basestring_ascii(text)


def is_whole_meta(name: str, value: Any, crc: Any) -> bool:
    """True when a named value of the run is what was stored under that name."""
    return isinstance(value, str) and crc == meta_crc(name, value)


def meta_crc(name: str, value: str) -> int:
    """The checksum of a named value of the run."""
    return checksum(name.encode(), b"\0", value.encode())
