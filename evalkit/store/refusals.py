"""What SQLite's refusals mean for the person who reads them, and what to do next."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from evalkit.errors import ExecutionError
from evalkit.store.space import LIFT, Space, limit_reached

_PRIMARY = 0xFF  # the low byte of an extended result code (https://www.sqlite.org/rescode.html)
_FULL = frozenset({sqlite3.SQLITE_FULL})
_DISK = frozenset({sqlite3.SQLITE_IOERR})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_CLOSED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})


def code_of(error: sqlite3.Error) -> int:
    """SQLite's primary result code; SQLITE_ERROR where Python gives none."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _PRIMARY


def unreadable(path: Path, why: str) -> ExecutionError:
    """The journal at `path` cannot be trusted; its folder is named for the run."""
    return ExecutionError(
        f"the journal {path} is damaged ({why}); nothing was decided from it\n"
        f"  help: first rescue every answer that is whole: evalkit salvage {path.parent.name}"
    )


def refused(path: Path, error: sqlite3.Error, needed: Callable[[], Space | None] = lambda: None) -> ExecutionError:
    """What SQLite's error about the journal at `path` means; `needed` is asked when the disk is the trouble."""
    code = code_of(error)
    limit = limit_reached(path, Path(f"{path}-wal")) if code in _DISK else None
    if limit is not None:
        return ExecutionError(
            f"the journal {path} cannot be written: {limit}. Stopped, so that no answer is paid for and lost; "
            f"what was answered before is kept\n  help: {LIFT}; then go on"
        )
    if code in _FULL | _DISK:
        room = needed()
        what = "the disk is full" if code in _FULL else f"the disk refuses: {error}"
        space = f" about {room.needed_mb} MB on the disk of {path.parent} ({room.free_mb} MB are free)" if room else ""
        return ExecutionError(
            f"the journal {path} cannot be written: {what}. Stopped, so that no answer is paid for and lost; "
            f"what was answered before is kept\n  help: free{space or ' some disk space'}, then go on"
        )
    if code in _BUSY:
        return ExecutionError(f"the journal {path} is in use by another process ({error})")
    if code in _CLOSED:
        return ExecutionError(
            f"the journal {path} cannot be opened for writing ({error})\n  help: check who owns it and its folder"
        )
    return unreadable(path, str(error))
