"""Databases of earlier runs, opened so that not a byte is written: no new file, no recovered log, no lock."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises sqlite3.Error when `path` is no database.

    Without a write-ahead log beside it nobody is writing, and the file is read as it lies (`immutable`); that works
    on a read-only disk too. With one, SQLite reads both, which makes no file that is not there already.
    """
    has_log = path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro" if has_log else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, check_same_thread=False, timeout=5.0)
