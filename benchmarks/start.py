"""What costs without a model being asked: the start, a run from the cache, the bootstrap."""

from __future__ import annotations

import json
import sys

import workload
from figures import Row, spread
from processes import MockServer, NotMeasuredError, evalkit, plain_environment, run, script, successful
from setting import CONCURRENCY, Setting

HELP = "`evalkit --help`, CPU"
CACHED = "the same run wholly from the cache"
BOOTSTRAP = "paired bootstrap of macro-F1, 10,000 resamples, 10,000 samples, 8 labels"
ROWS = ((HELP, "≤ 0.3 s"), (CACHED, "≤ 3 s, 0 requests"), (BOOTSTRAP, "≤ 1 s"))


def measure(setting: Setting) -> list[Row]:
    """The three of them."""
    return [_help(setting), _cached(setting), *_bootstrap(setting)]


def _help(setting: Setting) -> Row:
    cpu, least = [], []
    for _ in range(5):
        ended = evalkit("--help", folder=setting.folder, home=setting.folder / "home")
        cpu.append(successful(ended, "evalkit --help").cpu_s)
        nothing = run([sys.executable, "-c", "pass"], cwd=setting.folder, env=plain_environment())
        least.append(nothing.cpu_s)
    found = spread(cpu)
    return Row(
        what=HELP,
        figure=found.told(2, "s"),
        target=ROWS[0][1],
        is_met=found.median <= 0.3,
        how=f"user and system time; `python -c pass` takes {spread(least).median:.2f} s here",
    )


def _cached(setting: Setting) -> Row:
    count = 300 if setting.is_quick else 2_000
    folder = setting.folder / "cached"
    walls, cpu = [], []
    with MockServer(setting.server_python, latency_ms=50.0) as server:
        suite = workload.write_suite(folder, server.base_url, count, concurrency=CONCURRENCY)
        first = evalkit("run", suite, "--json", folder=folder, home=folder / "home")
        successful(first, "evalkit run", codes=(0, 1, 3))
        asked = server.counts()["arrived"]
        for _ in range(setting.rounds):
            again = evalkit("run", suite, "--json", folder=folder, home=folder / "home")
            successful(again, "evalkit run", codes=(first.code,))
            walls.append(again.wall_s)
            cpu.append(again.cpu_s)
            setting.say(f"  first run {first.wall_s:.2f} s, again {again.wall_s:.2f} s")
            if (pairs := json.loads(again.out)["primary"]["n"]) != count:
                raise NotMeasuredError(f"the verdict from the cache rests on {pairs} pairs, not on {count}")
        more = server.counts()["arrived"] - asked
    found = spread(walls)
    return Row(
        what=CACHED,
        figure=f"{found.told(2, 's')}, {more} requests; CPU {spread(cpu).median:.2f} s; first run {first.wall_s:.2f} s",
        target=ROWS[1][1],
        is_met=found.median <= 3.0 and more == 0,
        how=f"whole command, {count:,} samples × 2 models; requests for answers by the server's ledger; scores, "
        "verdict and report are made anew",
    )


def _bootstrap(setting: Setting) -> list[Row]:
    count = 1_000 if setting.is_quick else 10_000
    found = script("bootstrap.py", setting.folder / "bootstrap", str(count), "3", folder=setting.folder)
    alone, p_value, whole = (spread(found[key]) for key in ("bootstrap_s", "randomisation_s", "wall_s"))
    return [
        Row(
            what=BOOTSTRAP,
            figure=alone.told(2, "s"),
            target=ROWS[2][1],
            is_met=alone.median <= 1.0,
            how="each call of `paired_bootstrap` within `evalkit compare` on recorded answers",
        ),
        Row(
            what=f"that comparison as a whole, {count:,} × 2 recorded answers",
            figure=f"{whole.told(2, 's')}, of it {p_value.median:.2f} s for the p-value by randomisation",
            how="in process, after imports: read, score, compare, report",
        ),
    ]
