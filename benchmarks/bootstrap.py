"""Times the paired bootstrap where evalkit calls it: within `evalkit compare`, on a macro-F1 over eight labels.

    python benchmarks/bootstrap.py FOLDER COUNT REPEATS

Nothing is asked: the answers are recorded. Prints {"bootstrap_s": [...], "randomisation_s": [...], "wall_s":
[...]}, one reading a call.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import workload

from evalkit.cli.app import execute
from evalkit.compare import pairing


def timed(work: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
    """`work`, with the seconds of each call noted in `into`."""

    def measured(*arguments: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return work(*arguments, **named)
        finally:
            into.append(time.perf_counter() - started)

    return measured


def main(folder: Path, count: int, repeats: int) -> None:
    """Runs the suite and prints the readings."""
    suite = workload.write_recorded(folder, count)
    os.environ["EVALKIT_HOME"] = str(folder / "home")
    readings: dict[str, list[float]] = {"bootstrap_s": [], "randomisation_s": [], "wall_s": []}
    for name, key in (("paired_bootstrap", "bootstrap_s"), ("randomisation_p", "randomisation_s")):
        setattr(pairing, name, timed(getattr(pairing, name), readings[key]))
    command = timed(execute, readings["wall_s"])
    for _ in range(repeats):
        with (folder / "printed.txt").open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
            code = command([*workload.compare_command(suite), "--quiet", "--out", str(folder / "reports")])
        if code not in (0, 1, 3):
            sys.exit(f"evalkit compare ended with exit code {code}")
    print(json.dumps(readings))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
