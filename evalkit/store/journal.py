"""The journal: every outcome of a run, durable before it counts, one row a key.

SQLite in WAL mode with `synchronous=FULL`. One thread writes: whatever has queued up while the last commit was
syncing goes into the next one, so that the cost of a sync is shared and no outcome waits for company.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from evalkit.errors import ExecutionError
from evalkit.store.files import write_atomic
from evalkit.store.home import make_private
from evalkit.store.refusals import refused, unreadable
from evalkit.store.rows import COLUMNS, Row, is_whole, is_whole_meta, key_of, meta_crc, outcome_of, row_of, storable
from evalkit.store.space import Space, space_needed
from evalkit.types import Key, Outcome

FORMAT = 2
NAME = "journal.sqlite"
LARGEST_COMMIT = 256
_LOOKUP = 400  # below SQLite's limit on bound parameters

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE outcomes (
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

# The roles of a suite by skips through the primary key; DISTINCT would read every row.
_ROLES = """
WITH RECURSIVE found(role) AS (
    SELECT min(role) FROM outcomes WHERE suite = ?1
    UNION ALL
    SELECT (SELECT min(role) FROM outcomes WHERE suite = ?1 AND role > found.role) FROM found WHERE role IS NOT NULL
)
SELECT role FROM found WHERE role IS NOT NULL
"""


class Journal:
    """The outcomes of one run. Open it with `Journal.open`, in a `with` block or closed when done."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evalkit-journal")
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """The journal at `path`, made when it is not there, for its owner's eyes only.

        Raises ExecutionError when it cannot be used: damaged, of another version, on a full disk.
        """
        make_private(path.parent)
        if not path.exists():
            write_atomic(path, _empty(), is_private=True)
        elif path.stat().st_size == 0:
            # SQLite would take it for new, and throw away the log beside it.
            raise unreadable(path, "it is empty")
        connection = sqlite3.connect(path, check_same_thread=False, timeout=30.0, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            (found,) = connection.execute("SELECT value FROM meta WHERE name = 'format'").fetchone() or (None,)
        except sqlite3.Error as error:
            connection.close()
            raise refused(path, error) from error
        if found != str(FORMAT):
            connection.close()
            raise unreadable(path, f"its format is {found}, this evalkit reads {FORMAT}: another version's, or rot")
        return cls(path, connection)

    def meta(self, name: str) -> Any:
        """The JSON value stored under `name`, or None. Raises ExecutionError when it has rotted."""
        with self._reading():
            row = self._connection.execute("SELECT value, crc FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        if not is_whole_meta(name, *row):
            raise unreadable(self.path, f"what it says of the run's {name} fails its checksum")
        return json.loads(row[0])

    def set_meta(self, values: Mapping[str, Any]) -> None:
        """Stores JSON values by name, durable when this returns."""
        texts = {name: json.dumps(value, sort_keys=True) for name, value in values.items()}
        self._write("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", [(n, t, meta_crc(n, t)) for n, t in texts.items()])

    async def append(self, key: Key, request: str, outcome: Outcome) -> None:
        """Returns once the outcome is on disk. Raises ExecutionError when the disk refuses it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row_of(key, request, outcome), done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting())
            self._writer.add_done_callback(_retrieve)
        await done

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST_COMMIT], self._waiting[LARGEST_COMMIT:]
            gone = ExecutionError(f"the journal {self.path} is no longer written")
            failure: ExecutionError | None = gone
            try:
                await loop.run_in_executor(self._thread, self._commit, _PUT, [row for row, _ in batch])
                failure = None
            except sqlite3.Error as error:
                failure = refused(self.path, error, needed=self._space)
            except BaseException as error:
                gone.__cause__ = error
                batch, self._waiting = [*batch, *self._waiting], []  # nobody may wait for a writer that is gone
                raise
            finally:
                _settle([done for _, done in batch], failure)

    def restore(self, rows: Iterable[Row]) -> None:
        """Writes whole rows as `append` would, all in one go."""
        self._write(_PUT, rows)

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            self._commit(statement, rows)
        except sqlite3.Error as error:
            raise refused(self.path, error, needed=self._space) from error

    def _commit(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except BaseException:
            # On a full disk SQLite may have rolled back already; saying so again would hide why.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _space(self) -> Space | None:
        with contextlib.suppress(sqlite3.Error, ExecutionError):
            planned = sum(n for sides in (self.meta("planned") or {}).values() for n in sides.values())
            count, size = self._connection.execute("SELECT count(*), total(length(payload)) FROM outcomes").fetchone()
            return space_needed(planned=planned, written=count, size_bytes=int(size), folder=self.path.parent)
        return None

    def verify(self) -> None:
        """Reads the whole file. Raises ExecutionError, with the command that helps, when any of it has rotted."""
        with self._reading():
            (found,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise unreadable(self.path, f"SQLite says: {found.splitlines()[-1]}")
        for _ in self.rows():
            pass

    def answered(self) -> set[Key]:
        """Keys whose outcome is a Response: what a resumed run need not ask again."""
        return self._keys(is_failure=0)

    def failed(self) -> set[Key]:
        """Keys whose outcome is a Failure: asked again by a resumed run."""
        return self._keys(is_failure=1)

    def _keys(self, *, is_failure: int) -> set[Key]:
        wanted = f"SELECT {COLUMNS} FROM outcomes WHERE is_failure = ?"  # noqa: S608 - a constant
        with self._reading():
            return {key_of(self._check(row)) for row in self._connection.execute(wanted, (is_failure,))}

    def places(self) -> set[tuple[str, str, str, int]]:
        """Suite, side, sample id as stored and repeat of every outcome."""
        with self._reading():
            return set(self._connection.execute("SELECT suite, role, sample_id, repeat FROM outcomes"))

    def rows(self) -> Iterator[Row]:
        """Every row, whole. Raises ExecutionError at one that has rotted."""
        with self._reading():
            for row in self._connection.execute(f"SELECT {COLUMNS} FROM outcomes"):  # noqa: S608 - a constant
                yield self._check(row)

    def outcomes(self, suite: str) -> Iterator[tuple[Key, Outcome]]:
        """All outcomes of one suite, by side, sample and repeat, each checked against its checksum.

        Raises ExecutionError at a row that has rotted.
        """
        wanted = f"SELECT {COLUMNS} FROM outcomes WHERE suite = ? ORDER BY role, sample_id, repeat"  # noqa: S608 - a constant
        with self._reading():
            for row in self._connection.execute(wanted, (suite,)):
                yield key_of(self._check(row)), outcome_of(row)

    def read(self, suite: str, sample_ids: Sequence[str]) -> dict[tuple[str, str], list[Outcome]]:
        """(role, sample id) → outcomes by repeat, of these samples of one suite, each checked against its checksum.

        A place without an outcome is absent. Raises ExecutionError at a row that has rotted.
        """
        found: dict[tuple[str, str], list[Outcome]] = {}
        with self._reading():
            roles = [role for (role,) in self._connection.execute(_ROLES, (suite,))]
            for start in range(0, len(sample_ids), _LOOKUP):
                part = [storable(name) for name in sample_ids[start : start + _LOOKUP]]
                rows = self._connection.execute(
                    f"SELECT {COLUMNS} FROM outcomes WHERE suite = ? AND role IN ({_marks(roles)})"  # noqa: S608 - marks are question marks only
                    f" AND sample_id IN ({_marks(part)}) ORDER BY role, sample_id, repeat",  # by the key: nothing sorts
                    (suite, *roles, *part),
                )
                for row in rows:
                    key = key_of(self._check(row))
                    found.setdefault((key.role, key.sample_id), []).append(outcome_of(row))
        return found

    def _check(self, row: Row) -> Row:
        if not is_whole(row):
            raise unreadable(self.path, f"the {row[1]} answer to sample {row[2]} of {row[0]} fails its checksum")
        return row

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise refused(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the writer thread and closes the file; safe to call twice."""
        self._thread.shutdown(wait=True)
        self._connection.close()


def _empty() -> bytes:
    # Made in memory and put in place whole: a journal without its tables is always a damaged one.
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(_TABLES)
        version = str(FORMAT)
        connection.execute("INSERT INTO meta VALUES ('format', ?, ?)", (version, meta_crc("format", version)))
        return connection.serialize()


def _settle(waiting: Iterable[asyncio.Future[None]], failure: ExecutionError | None) -> None:
    for done in waiting:
        if not done.done():
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)


def _retrieve(writer: asyncio.Task[None]) -> None:
    """Whoever waited was told why; asyncio need not say it again when the task is thrown away."""
    if not writer.cancelled():
        writer.exception()


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
