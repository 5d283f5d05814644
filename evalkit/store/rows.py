"""One outcome as the journal stores it: a row that carries its own checksum, so that rot is found wherever it strikes.

The checksum covers every column, the key and the request's fingerprint included.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii
from typing import Any

from evalkit.store.codec import checksum, decode, encode
from evalkit.types import Failure, Key, Outcome

Row = tuple[str, str, str, int, str, int, bytes, int]
"""suite, role, sample id (as JSON), repeat, request fingerprint, 1 for a Failure, outcome, checksum"""

COLUMNS = "suite, role, sample_id, repeat, request, is_failure, payload, crc"


def row_of(key: Key, request: str, outcome: Outcome) -> Row:
    """The row of an outcome."""
    payload = encode(outcome)
    place = (key.suite, key.role, storable(key.sample_id), key.repeat, request, int(isinstance(outcome, Failure)))
    return (*place, payload, _crc(place, payload))


def is_whole(row: Row) -> bool:
    """True when no byte of the row has changed since `row_of` made it."""
    # A flipped bit can change a column's type as well.
    return isinstance(row[6], bytes) and row[7] == _crc(row[:6], row[6])


def key_of(row: Row) -> Key:
    """The key of a whole row."""
    return Key(suite=row[0], role=row[1], sample_id=str(json.loads(row[2])), repeat=row[3])


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


def _crc(place: tuple[str, str, str, int, str, int], payload: bytes) -> int:
    return checksum(repr(place).encode("utf-8", "surrogatepass"), payload)
