"""Whether a folder's filesystem can hold a journal: tried, not guessed."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from evalkit.errors import ExecutionError
from evalkit.store.journal import Journal


def journal_problem(folder: Path) -> str | None:
    """Why no journal can be kept below `folder` (which exists), or None. A trial journal is made there and removed."""
    try:
        with tempfile.TemporaryDirectory(prefix=".evalkit-checkup-", dir=folder) as trial:
            path = Path(trial) / "journal.sqlite"
            with Journal.open(path) as journal:
                journal.set_meta({"checkup": True})
            with closing(sqlite3.connect(path)) as connection:
                mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
                is_sound = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    except (sqlite3.Error, ExecutionError) as error:
        return str(error)
    except OSError as error:
        return f"{folder} cannot be written: {error.strerror or error}"
    if mode != "wal" or not is_sound:
        return f"the filesystem of {folder} has no working write-ahead log (a network drive?)"
    return None
