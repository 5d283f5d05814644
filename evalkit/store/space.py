"""How much room on the disk a run still needs, from what its answers took so far."""

from __future__ import annotations

import contextlib
import math
import resource
import shutil
from pathlib import Path

from msgspec import Struct

MEGABYTE = 1_000_000
SMALLEST_ROW_BYTES = 400
"""What a row takes beside the answer's own bytes: key, fingerprint, its share of a page."""
COPIES_TO_COME = 3
"""Journal, the log in front of it, cache."""
COPIES_IN_REPORT = 2
"""samples.jsonl, and the packed rows with the pictures of report.html."""
SLACK_BYTES = 4 * MEGABYTE
"""SQLite's log grows to about 1,000 pages of 4 kB before it is emptied (https://www.sqlite.org/wal.html)."""


_PAGE_AND_MORE = 65_536
LIFT = "`ulimit -f` shows the limit and `ulimit -f unlimited` lifts it, in the shell that starts evalkit"


def limit_reached(*files: Path) -> str | None:
    """What stopped a write when one of `files` is as long as this process may make a file; else None.

    A write that would pass the limit fails with EFBIG (setrlimit(2)), which SQLite calls a disk I/O error.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    sizes = [0]
    for file in files:
        with contextlib.suppress(OSError):
            sizes.append(file.stat().st_size)
    if limit == resource.RLIM_INFINITY or max(sizes) + _PAGE_AND_MORE <= limit:
        return None
    return f"the file-size limit of this shell is reached ({limit:,} bytes a file)"


class Space(Struct, frozen=True, kw_only=True):
    """Whole megabytes (10^6 bytes)."""

    needed_mb: int
    """About what the rest of the run takes, its report included; rounded up."""
    free_mb: int
    """What is free now; rounded down."""


def space_needed(*, planned: int, written: int, size_bytes: int, folder: Path) -> Space:
    """The room for `planned` answers of which `written`, of `size_bytes` in all, are kept in `folder` already."""
    mean = SMALLEST_ROW_BYTES + (size_bytes / written if written else 0.0)
    total = max(planned, written)
    needed = mean * (COPIES_TO_COME * (total - written) + COPIES_IN_REPORT * total) + SLACK_BYTES
    free = shutil.disk_usage(folder).free
    return Space(needed_mb=math.ceil(needed / MEGABYTE), free_mb=free // MEGABYTE)
