"""Every benchmark in one command; prints as it goes and writes docs/benchmarks.md.

    python benchmarks/run.py [--only NAME ...] [--quick] [--without-peers] [--rounds N]

The page is written after a whole run only: with --only or --quick the table is printed and nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType

import client
import faults
import memory
import report
import speed
import start
from figures import Row, not_measured
from page import Table, machine, pace_s, printed, written
from peers import PEERS, SERVER, SERVER_PINS, compile_all, ensure, environments
from processes import HERE, NotMeasuredError
from setting import Setting

PAGE = HERE.parent / "docs" / "benchmarks.md"
Benchmark = tuple[str, Callable[[Setting], list[Row]], Sequence[tuple[str, str]]]
BENCHMARKS = MappingProxyType(
    {
        "speed": ("Whole commands", speed.measure, speed.ROWS),
        "client": ("Requests a second", client.measure, client.ROWS),
        "start": ("Without asking", start.measure, start.ROWS),
        "memory": ("Memory", memory.measure, memory.ROWS),
        "report": ("The report", report.measure, report.ROWS),
        "faults": ("Faults", faults.measure, faults.ROWS),
    }
)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=sorted(BENCHMARKS), metavar="NAME", help="repeatable")
    parser.add_argument("--quick", action="store_true", help="small figures, one round: does everything work?")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    names = arguments.only or list(BENCHMARKS)
    started, before, pace = time.monotonic(), machine(), pace_s()
    with tempfile.TemporaryDirectory(prefix="evalkit-bench-") as folder:
        setting = _setting(Path(folder), arguments, has_peers="speed" in names and not arguments.without_peers)
        tables = [_measured(name, setting) for name in names]
    took = time.monotonic() - started
    before += f"; 600,000 updates of a dictionary took {pace:.2f} s of CPU before the run and {pace_s():.2f} s after it"
    print("\n" + printed(tables) + f"\n{before}")
    if arguments.quick:
        print("quick: far fewer samples than the rows say, one round; these are no results")
    if arguments.only or arguments.quick:
        print(f"took {took:.0f} s; {PAGE.name} is written after a whole run only")
        return
    PAGE.write_text(written(tables, before, took_s=took), encoding="utf-8")
    print(f"took {took:.0f} s; wrote docs/{PAGE.name}")


def _setting(folder: Path, arguments: argparse.Namespace, *, has_peers: bool) -> Setting:
    """Every environment made and compiled, before the first stopwatch starts."""
    base = environments()
    compile_all(Path(sys.executable))
    try:
        server = ensure(SERVER, SERVER_PINS, base=base)
    except NotMeasuredError as error:
        print(f"the mock server does without uvloop: {error}", flush=True)
        server = Path(sys.executable)
    for peer in PEERS if has_peers else ():
        try:
            ensure(peer.name, peer.pins, base=base)
        except NotMeasuredError as error:
            print(f"{peer.name}: {error}", flush=True)  # its row will say that it did not start
    return Setting(
        folder=folder,
        server_python=server,
        peers=base if has_peers else None,
        rounds=1 if arguments.quick else arguments.rounds,
        is_quick=arguments.quick,
    )


def _measured(name: str, setting: Setting) -> Table:
    """One benchmark's rows; where it fails as a whole, every row says why."""
    title, measure, promised = BENCHMARKS[name]
    print(f"{name}:", flush=True)
    try:
        rows = measure(setting)
    except (NotMeasuredError, OSError, ValueError, KeyError) as error:
        why = str(error) or type(error).__name__
        rows = [not_measured(what, target, why) for what, target in promised]
    for row in rows:
        setting.say(f"  {row.what}: {row.figure}")
    return Table(title=title, rows=tuple(rows))


if __name__ == "__main__":
    main()
