"""How many requests a second get through, against a hand-written client that keeps nothing, at 50 ms and at 0 ms.

Both times are the server's own, from the first arrival of a question of the suite to the last reply, so that neither
an interpreter's start nor a report is in them; evalkit writes its journal and its cache meanwhile, and scores after.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import workload
from figures import Row, rate, ratios, spread
from processes import HERE, MockServer, NotMeasuredError, evalkit, plain_environment, run, successful
from setting import CONCURRENCY, Setting

LATENCIES_MS = (50.0, 0.0)
TARGETS = {50.0: "≥ 80 %", 0.0: ""}
LEAST = 0.8
BOTH = ("base", "tuned")


def name_of(latency_ms: float) -> str:
    """What a row is called."""
    return f"evalkit's requests a second, of the bare client's, {latency_ms:g} ms"


ROWS = tuple((name_of(ms), TARGETS[ms]) for ms in LATENCIES_MS)


def measure(setting: Setting) -> list[Row]:
    """Both clients in turns, at both latencies."""
    count = 300 if setting.is_quick else 5_000
    return [_row(setting, count, ms) for ms in LATENCIES_MS]


def _row(setting: Setting, count: int, latency_ms: float) -> Row:
    own, bare = [], []
    for number in range(setting.rounds):
        folder = setting.folder / "client" / f"{latency_ms:g}-{number}"
        bare.append(_bare(setting, folder, count, latency_ms))
        own.append(_evalkit(setting, folder, count, latency_ms))
        setting.say(f"  {latency_ms:g} ms, round {number + 1}: {own[-1]:,.0f} of {bare[-1]:,.0f} requests/s")
    share = ratios(own, bare)
    told, alone = spread(own), spread(bare)
    return Row(
        what=name_of(latency_ms),
        figure=f"{100 * share.median:.0f} % ({100 * share.low:.0f}–{100 * share.high:.0f}): "
        f"{told.told(0, 'requests/s')} of {alone.told(0, 'requests/s')}",
        target=TARGETS[latency_ms],
        is_met=share.median >= LEAST if TARGETS[latency_ms] else None,
        how=f"{len(BOTH) * count:,} requests, {CONCURRENCY} at a time, two models, journal and cache on; first arrival "
        "to last reply by the server's ledger; bare: raw asyncio, replies parsed and counted",
    )


def _rate(server: MockServer, wanted: int) -> float:
    events = server.events()
    if len(events) < wanted:
        raise NotMeasuredError(f"the server was asked {len(events)} times, not {wanted}")
    return rate(events, wanted)


def _bare(setting: Setting, folder: Path, count: int, latency_ms: float) -> float:
    with MockServer(setting.server_python, latency_ms=latency_ms) as server:
        suite = workload.write_suite(folder, server.base_url, count, concurrency=CONCURRENCY)
        samples = suite.with_name("samples.jsonl")
        command: list[str | Path] = [sys.executable, HERE / "bare.py", "--port", str(server.port)]
        command += ["--samples", samples, "--concurrency", str(CONCURRENCY), "--models", *BOTH]
        ended = run(command, cwd=folder, env=plain_environment(), timeout_s=120)
        asked = json.loads(successful(ended, "the bare client").out)["asked"]
        if asked != len(BOTH) * count:
            raise NotMeasuredError(f"the bare client had {asked} answers, not {len(BOTH) * count}")
        return _rate(server, asked)


def _evalkit(setting: Setting, folder: Path, count: int, latency_ms: float) -> float:
    with MockServer(setting.server_python, latency_ms=latency_ms) as server:
        suite = workload.write_suite(folder, server.base_url, count, concurrency=CONCURRENCY)
        ended = evalkit("run", suite, "--json", folder=folder, home=folder / "home")
        document = json.loads(successful(ended, "evalkit run", codes=(0, 1, 3)).out)
        if document["primary"]["n"] != count:
            raise NotMeasuredError(f"its verdict rests on {document['primary']['n']} pairs, not on {count}")
        return _rate(server, len(BOTH) * count)
