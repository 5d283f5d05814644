"""How much room on the disk a run still needs, from what its answers took so far."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1_000_000
SMALLEST_ROW_BYTES = 400
"""What a row takes beside the answer's own bytes: key, fingerprint, its share of a page."""
COPIES_TO_COME = 3
"""Journal, the log in front of it, cache."""
COPIES_IN_REPORT = 2
"""samples.jsonl, and the packed rows with the pictures of report.html."""
SLACK_BYTES = 4 * MEGABYTE
"""SQLite's log grows to about 1,000 pages of 4 kB before it is emptied (https://www.sqlite.org/wal.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
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
