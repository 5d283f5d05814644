"""The journal: every outcome of a run, durable before it counts, one row a key.

SQLite in WAL mode with `synchronous=FULL`. One thread writes: whatever has queued up while the last commit was
syncing goes into the next one, so that the cost of a sync is shared and no outcome waits for company.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, Self

from evalkit.errors import ExecutionError
from evalkit.store.codec import checksum, decode, encode
from evalkit.types import Failure, Key, Outcome

FORMAT = 1
LARGEST_COMMIT = 256

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (
    suite TEXT NOT NULL, role TEXT NOT NULL, sample_id TEXT NOT NULL, repeat INTEGER NOT NULL,
    request TEXT NOT NULL, is_failure INTEGER NOT NULL, payload BLOB NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (suite, role, sample_id, repeat)
) WITHOUT ROWID;
"""

# A later attempt may replace a failure, never an answer.
_PUT = """
INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET request = excluded.request, is_failure = excluded.is_failure,
    payload = excluded.payload, crc = excluded.crc
WHERE outcomes.is_failure = 1
"""

_STORED = "suite, role, sample_id, repeat, payload, crc"
_LOOKUP = 400  # below SQLite's limit on bound parameters

# The roles of a suite by skips through the primary key; DISTINCT would read every row.
_ROLES = """
WITH RECURSIVE found(role) AS (
    SELECT min(role) FROM outcomes WHERE suite = ?1
    UNION ALL
    SELECT (SELECT min(role) FROM outcomes WHERE suite = ?1 AND role > found.role) FROM found WHERE role IS NOT NULL
)
SELECT role FROM found WHERE role IS NOT NULL
"""

_Row = tuple[str, str, str, int, str, int, bytes, int]


class Journal:
    """The outcomes of one run. Open it with `Journal.open`, in a `with` block or closed when done."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evalkit-journal")
        self._waiting: list[tuple[_Row, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """The journal at `path`, made when it is not there. Raises ExecutionError when it cannot be used."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, check_same_thread=False, timeout=30.0, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(_TABLES)
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
        except (sqlite3.Error, OSError) as error:
            raise ExecutionError(f"the journal {path} cannot be opened: {error}") from error
        return cls(path, connection)

    def meta(self, name: str) -> Any:
        """The JSON value stored under `name`, or None."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_meta(self, values: Mapping[str, Any]) -> None:
        """Stores JSON values by name, durable when this returns."""
        rows = [(name, json.dumps(value, sort_keys=True)) for name, value in values.items()]
        try:
            self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise ExecutionError(f"the journal {self.path} cannot be written: {error}") from error

    async def append(self, key: Key, request: str, outcome: Outcome) -> None:
        """Returns once the outcome is on disk. Raises ExecutionError when the disk refuses it."""
        payload = encode(outcome)
        place = (key.suite, key.role, _storable(key.sample_id), key.repeat)
        crc = checksum(repr(place).encode(), payload)
        row: _Row = (*place, request, int(isinstance(outcome, Failure)), payload, crc)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting())
        await done

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST_COMMIT], self._waiting[LARGEST_COMMIT:]
            try:
                await loop.run_in_executor(self._thread, self._commit, [row for row, _ in batch])
            except sqlite3.Error as error:
                failure = ExecutionError(
                    f"the journal {self.path} cannot be written ({error}): free some disk space, then resume the run"
                )
                for _, done in batch:
                    if not done.done():
                        done.set_exception(failure)
            else:
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)

    def _commit(self, rows: list[_Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(_PUT, rows)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def answered(self) -> set[Key]:
        """Keys whose outcome is a Response: what a resumed run need not ask again."""
        return self._keys(is_failure=0)

    def failed(self) -> set[Key]:
        """Keys whose outcome is a Failure: asked again by a resumed run."""
        return self._keys(is_failure=1)

    def _keys(self, *, is_failure: int) -> set[Key]:
        wanted = "SELECT suite, role, sample_id, repeat FROM outcomes WHERE is_failure = ?"
        rows = self._connection.execute(wanted, (is_failure,))
        return {Key(suite=s, role=r, sample_id=_restored(i), repeat=n) for s, r, i, n in rows}

    def outcomes(self, suite: str) -> Iterator[tuple[Key, Outcome]]:
        """All outcomes of one suite, by side, sample and repeat, each checked against its checksum.

        Raises ExecutionError at a row that has rotted.
        """
        rows = self._connection.execute(
            f"SELECT {_STORED} FROM outcomes WHERE suite = ? ORDER BY role, sample_id, repeat",  # noqa: S608 - constant
            (suite,),
        )
        return map(self._checked, rows)

    def read(self, suite: str, sample_ids: Sequence[str]) -> dict[tuple[str, str], list[Outcome]]:
        """(role, sample id) → outcomes by repeat, of these samples of one suite, each checked against its checksum.

        A place without an outcome is absent. Raises ExecutionError at a row that has rotted.
        """
        roles = [role for (role,) in self._connection.execute(_ROLES, (suite,))]
        found: dict[tuple[str, str], list[Outcome]] = {}
        for start in range(0, len(sample_ids), _LOOKUP):
            part = [_storable(name) for name in sample_ids[start : start + _LOOKUP]]
            rows = self._connection.execute(
                f"SELECT {_STORED} FROM outcomes WHERE suite = ? AND role IN ({_marks(roles)})"  # noqa: S608 - marks are question marks only
                f" AND sample_id IN ({_marks(part)}) ORDER BY role, sample_id, repeat",  # by the key: nothing is sorted
                (suite, *roles, *part),
            )
            for key, outcome in map(self._checked, rows):
                found.setdefault((key.role, key.sample_id), []).append(outcome)
        return found

    def _checked(self, row: tuple[str, str, str, int, bytes, int]) -> tuple[Key, Outcome]:
        suite, role, sample_id, repeat, payload, crc = row
        if crc != checksum(repr((suite, role, sample_id, repeat)).encode(), payload):
            raise ExecutionError(
                f"the journal {self.path} is damaged: the {role} answer to sample {sample_id!r} of {suite} fails "
                "its checksum; nothing was decided from it"
            )
        return Key(suite=suite, role=role, sample_id=_restored(sample_id), repeat=repeat), decode(payload)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the writer thread and closes the file; safe to call twice."""
        self._thread.shutdown(wait=True)
        self._connection.close()


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _storable(text: str) -> str:
    # SQLite stores UTF-8; as ASCII JSON, an id with a lone surrogate comes back as it was.
    return encode_basestring_ascii(text)


def _restored(text: str) -> str:
    return str(json.loads(text))
