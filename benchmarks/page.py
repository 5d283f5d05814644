"""The findings as text: a table for the terminal and docs/benchmarks.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from figures import Row
from peers import PEERS, SERVER_PINS

LIBRARIES = ("numpy", "scipy", "msgspec", "pydantic", "jinja2", "playwright")
INTRODUCTION = """\
# Benchmarks

Every figure on this page was measured in one run of

```sh
python benchmarks/run.py
```

which needs nothing but this repository installed (`pip install -e ".[local,dev]"`) and a Chromium. What is compared is
measured in turns, round by round, and told as a ratio: seconds differ between machines, and on a shared machine between
hours (a fixed loop, timed before and after, says how fast it was), ratios hardly do. The model is
a mock server on the loopback that answers at once or after a fixed time; with a real model behind the endpoint a run
takes as long as the model takes, and these figures say what evalkit adds. A figure that was not measured says so.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of one benchmark."""

    title: str
    rows: tuple[Row, ...]


def machine() -> str:
    """The machine in words, without a name: what it is and how busy it was."""
    cpus = len(os.sched_getaffinity(0))
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    load = os.getloadavg()[0]
    warning = (
        " (busy with other work: seconds and ratios of this run are not to be relied on)" if load > cpus / 2 else ""
    )
    return (
        f"{cpus} CPU cores ({platform.machine()}), {memory_gb:.0f} GB of memory, {platform.system()}; "
        f"load average before the run {load:.1f}{warning}"
    )


def pace_s() -> float:
    """CPU seconds of a fixed loop, 600,000 updates of a dictionary, the best of three: how fast the machine is now."""
    return min(_loop_s() for _ in range(3))


def _loop_s() -> float:
    began, found = time.process_time(), {}
    for i in range(600_000):
        found[i % 1_000] = found.get(i % 1_000, 0) + i * 3 % 7
    return time.process_time() - began


def printed(tables: Sequence[Table]) -> str:
    """The findings for a terminal."""
    lines = []
    for table in tables:
        lines.append(table.title)
        lines += [f"  {_mark(row):8} {row.what}: {row.figure}" + _aim(row) for row in table.rows]
    return "\n".join(lines)


def written(tables: Sequence[Table], machine_words: str, *, took_s: float) -> str:
    """docs/benchmarks.md."""
    parts = [INTRODUCTION, f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine_words}; the whole run took {took_s:.0f} s.\n"]
    for table in tables:
        parts += [f"## {table.title}\n", "| what | figure | target | met | how |", "|---|---|---|---|---|"]
        parts += [_line(row) for row in table.rows]
        parts.append("")
    return "\n".join(parts) + _peers() + _versions()


def _mark(row: Row) -> str:
    return {True: "yes", False: "**no**", None: "–"}[row.is_met]


def _line(row: Row) -> str:
    cells = (row.what, row.figure, row.target or "–", _mark(row), row.how)
    return " | ".join(["", *(cell.replace("|", r"\|") for cell in cells), ""]).strip()


def _aim(row: Row) -> str:
    return f"   [{row.target}]" if row.target else ""


def _peers() -> str:
    lines = [f"- **{peer.name}** ({', '.join(peer.pins)}): {peer.settings}." for peer in PEERS]
    return (
        "\n## How the peers were set up\n\nEach in a virtual environment of its own, compiled beforehand, asked the "
        "same samples, in a fresh process; its own share of right answers had to agree with what the server gave.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _versions() -> str:
    found = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES if _is_there(name))
    return (
        f"\n## Versions\n\nevalkit {metadata.version('evalkit-gate')}{_commit()}; Python "
        f"{platform.python_version()}; {found}; the mock server on {', '.join(SERVER_PINS)}.\n"
    )


def _is_there(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _commit() -> str:
    """The commit measured, in a clone."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" (commit {said})"
