"""Answers by request fingerprint, so that an unchanged question is not paid for twice.

The fingerprint covers everything that can change an answer, so a hit is the same question to the same model.
Only whole, unfiltered answers enter; they age out after 14 days, because a hosted model can change behind its name.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from evalkit.errors import ExecutionError
from evalkit.store.codec import checksum, decode, encode
from evalkit.store.reading import read_only
from evalkit.types import Outcome, Response

MAX_AGE_S = 14 * 24 * 3600.0
KEPT_FINISHES = frozenset({"stop", "length", "tool_calls"})
_LOOKUP = 400  # below SQLite's limit on bound parameters


class Cache:
    """A content-addressed store of answers, shared by runs; several processes may use it at once."""

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        try:
            if is_read_only:
                self._connection = read_only(path)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=30.0, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS answers (fingerprint TEXT PRIMARY KEY, payload BLOB NOT NULL,"
                " crc INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID"
            )
        except (sqlite3.Error, OSError) as error:
            raise ExecutionError(f"the cache {path} cannot be opened: {error}; --no-cache runs without it") from error

    def get(self, fingerprints: Iterable[str], *, now: float) -> dict[str, Response]:
        """The answers at hand for these fingerprints that are young enough, marked `is_cached`."""
        wanted = list(fingerprints)
        found: dict[str, Response] = {}
        for start in range(0, len(wanted), _LOOKUP):
            part = wanted[start : start + _LOOKUP]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(
                f"SELECT fingerprint, payload, crc FROM answers WHERE at >= ? AND fingerprint IN ({marks})",  # noqa: S608 - marks are question marks only
                (now - MAX_AGE_S, *part),
            )
            for fingerprint, payload, crc in rows:
                if crc == checksum(fingerprint.encode(), payload) and isinstance(answer := decode(payload), Response):
                    found[fingerprint] = dataclasses.replace(answer, is_cached=True)
        return found

    def put(self, answers: Iterable[tuple[str, Outcome]]) -> int:
        """Keeps the whole, unfiltered answers among these and returns how many there were."""
        rows = []
        for fingerprint, outcome in answers:
            if isinstance(outcome, Response) and outcome.finish in KEPT_FINISHES and not outcome.is_cached:
                payload = encode(outcome)
                rows.append((fingerprint, payload, checksum(fingerprint.encode(), payload), outcome.at))
        if rows:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise ExecutionError(f"the cache cannot be written: {error}; --no-cache runs without it") from error
        return len(rows)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
