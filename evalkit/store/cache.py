"""Answers by request fingerprint, so that an unchanged question is not paid for twice.

The fingerprint covers everything that can change an answer, so a hit is the same question to the same model.
Only whole, unfiltered answers enter; they age out after 14 days, because a hosted model can change behind its name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import structs

from evalkit.errors import ExecutionError
from evalkit.store.codec import checksum, decode, encode
from evalkit.store.home import make_private
from evalkit.store.reading import read_only
from evalkit.store.refusals import code_of
from evalkit.store.space import limit_reached
from evalkit.types import Outcome, Response

MAX_AGE_S = 14 * 24 * 3600.0
KEPT_FINISHES = frozenset({"stop", "length", "tool_calls"})
BUSY_S = 30.0
_LOOKUP = 400  # below SQLite's limit on bound parameters

_OPENING = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    """CREATE TABLE IF NOT EXISTS answers (
        fingerprint TEXT PRIMARY KEY, payload BLOB NOT NULL, crc INTEGER NOT NULL, at REAL NOT NULL
    ) WITHOUT ROWID""",
)

log = logging.getLogger(__name__)


class Cache:
    """A content-addressed store of answers, shared by runs; several processes may use it at once."""

    def __init__(
        self, path: Path, *, is_read_only: bool = False, on_trouble: Callable[[str], None] = log.error
    ) -> None:
        """`on_trouble` is told, once, when answers can no longer be kept."""
        self._path = path
        self._is_read_only = is_read_only
        self._is_full = False
        self._on_trouble = on_trouble
        try:
            self._connection = read_only(path) if is_read_only else _opened(path)
        except (sqlite3.Error, OSError) as error:
            raise self._refusal(error) from error

    def get(self, fingerprints: Iterable[str], *, now: float) -> dict[str, Response]:
        """The answers at hand for these fingerprints that are young enough, marked `is_cached`."""
        wanted = list(fingerprints)
        found: dict[str, Response] = {}
        for start in range(0, len(wanted), _LOOKUP):
            part = wanted[start : start + _LOOKUP]
            marks = ",".join("?" * len(part))
            try:
                rows = self._connection.execute(
                    f"SELECT fingerprint, payload, crc FROM answers WHERE at >= ? AND fingerprint IN ({marks})",  # noqa: S608 - marks are question marks only
                    (now - MAX_AGE_S, *part),
                ).fetchall()
            except sqlite3.Error as error:
                raise self._refusal(error) from error
            for fingerprint, payload, crc in rows:
                is_whole = isinstance(payload, bytes) and crc == checksum(fingerprint.encode(), payload)
                if is_whole and isinstance(answer := decode(payload), Response):
                    found[fingerprint] = structs.replace(answer, is_cached=True)
        return found

    def put(self, answers: Iterable[tuple[str, Outcome]]) -> int:
        """Keeps the whole, unfiltered answers among these and returns how many there were.

        None is kept by an empty fingerprint, which stands for a question that is to be asked anew each time.

        A cache that cannot be written costs money later and is no reason to stop a run now: it says so once and
        keeps nothing more.
        """
        rows = []
        for fingerprint, outcome in answers:
            if (
                fingerprint
                and isinstance(outcome, Response)
                and outcome.finish in KEPT_FINISHES
                and not outcome.is_cached
            ):
                payload = encode(outcome)
                rows.append((fingerprint, payload, checksum(fingerprint.encode(), payload), outcome.at))
        if not rows or self._is_full:
            return 0
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._is_read_only:
                raise self._refusal(error) from error
            self._is_full = True
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            why = limit_reached(self._path, Path(f"{self._path}-wal")) or str(error)
            self._on_trouble(
                f"the cache {self._path} cannot be written ({why}): the run goes on, and a later one asks again for "
                "what is not in it"
            )
            return 0
        return len(rows)

    def _refusal(self, error: Exception) -> ExecutionError:
        with contextlib.suppress(OSError):  # SQLite calls both a full disk and a broken one a disk I/O error
            if shutil.disk_usage(self._path.parent).free == 0:
                return ExecutionError(
                    f"the cache {self._path} cannot be used: the disk is full\n  help: free about 5 MB on that disk"
                )
        return ExecutionError(
            f"the cache {self._path} cannot be used: {error}\n"
            "  help: --no-cache runs without it; deleting it costs nothing but asking again"
        )

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    make_private(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, check_same_thread=False, timeout=BUSY_S, isolation_level=None)
    try:
        for statement in _OPENING:
            _patiently(connection, statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    # Changing to WAL does not wait its turn by itself: of several first openers, all but one are told "locked".
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if code_of(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
