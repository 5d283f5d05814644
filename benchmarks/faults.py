"""A server that refuses some of the attempts: what is lost, and how much longer the run takes.

Each attempt at each (sample, model) is refused or not by a draw of its own, the same in every run: 5 % get 429 with
`Retry-After: 1`, 2 % get 500. The time that is compared is the request phase by the server's ledger, from the first
arrival to the last reply, without the seconds of Retry-After that the request which ended last was told to wait:
those no client could have saved.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import workload
from figures import Phase, Row, phase, ratios, spread
from processes import MockServer, NotMeasuredError, evalkit, successful
from setting import CONCURRENCY, Setting

LATENCIES_MS = (20.0, 50.0)
LOST = "answers lost or scored as zero because of 429 and 500"
TIME = "request phase with faults, against without"
ROWS = ((LOST, "0"), *((f"{TIME}, {ms:g} ms", "≤ 1.5 ×") for ms in LATENCIES_MS))
DEFINITION = (
    "(phase with faults − Retry-After told to the request that ended last) / phase without; phase: first arrival to "
    "last reply by the server's ledger"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """One run and what it left."""

    phase: Phase
    scores: dict[str, Any]
    """sample id → its scores"""
    unanswered: int
    """Answers that the samples' file does not show as `ok`."""


def measure(setting: Setting) -> list[Row]:
    """Runs with and without faults in turns, at both latencies."""
    count = 300 if setting.is_quick else 2_000
    runs = {ms: [_pair(setting, count, ms, n) for n in range(setting.rounds)] for ms in LATENCIES_MS}
    return [_lost(runs, count), *(_time(pairs, ms) for ms, pairs in runs.items())]


def _pair(setting: Setting, count: int, latency_ms: float, number: int) -> tuple[Met, Met]:
    """(without faults, with faults)."""
    folder = setting.folder / "faults"
    free, faulty = (
        _run(setting, folder / f"{latency_ms:g}-{number}-{name}", (count, latency_ms), has_faults=has_faults)
        for name, has_faults in (("free", False), ("faulty", True))
    )
    setting.say(
        f"  {latency_ms:g} ms, round {number + 1}: request phase {free.phase.wall_s:.2f} s without faults, "
        f"{faulty.phase.wall_s:.2f} s with {faulty.phase.refused} refusals (told to wait {faulty.phase.demanded_s:g} s)"
    )
    return free, faulty


def _run(setting: Setting, folder: Path, size: tuple[int, float], *, has_faults: bool) -> Met:
    count, latency_ms = size
    with MockServer(setting.server_python, latency_ms=latency_ms, has_faults=has_faults) as server:
        suite = workload.write_suite(folder, server.base_url, count, concurrency=CONCURRENCY)
        ended = evalkit("run", suite, "--json", folder=folder, home=folder / "home")
        successful(ended, "evalkit run", codes=(0, 1, 3, 4))
        events = server.events()
    document = json.loads(ended.out)
    rows = folder / "reports" / document["suite"] / document["run"] / "samples.jsonl"
    with rows.open(encoding="utf-8") as file:
        samples = [json.loads(line) for line in file]
    if len(samples) != count:
        raise NotMeasuredError(f"samples.jsonl holds {len(samples)} samples, not {count}")
    return Met(
        phase=phase(events, workload.RETRY_AFTER_S),
        scores={row["id"]: row["scores"] for row in samples},
        unanswered=sum(row[side]["status"] != "ok" for row in samples for side in ("baseline", "candidate")),
    )


def _lost(runs: dict[float, list[tuple[Met, Met]]], count: int) -> Row:
    pairs = [pair for of_latency in runs.values() for pair in of_latency]
    lost = sum(faulty.unanswered + 2 * count - faulty.phase.finished for _, faulty in pairs)
    changed = sum(scores != faulty.scores.get(name) for free, faulty in pairs for name, scores in free.scores.items())
    refused = sum(faulty.phase.refused for _, faulty in pairs)
    return Row(
        what=LOST,
        figure=f"{lost} lost, {changed} scored otherwise than without faults",
        target=ROWS[0][1],
        is_met=lost == 0 and changed == 0 and refused > 0,
        how=f"{len(pairs)} runs of {count:,} × 2 with {refused:,} refusals: 5 % 429 (Retry-After: 1) and 2 % 500, "
        "drawn for each sample, model and attempt; every sample's scores compared with the run without faults",
    )


def _time(pairs: list[tuple[Met, Met]], latency_ms: float) -> Row:
    free = [pair[0].phase.wall_s for pair in pairs]
    own = [pair[1].phase.own_s for pair in pairs]
    whole = spread([pair[1].phase.wall_s for pair in pairs])
    waits = spread([pair[1].phase.demanded_s for pair in pairs])
    ratio = ratios(own, free)
    return Row(
        what=f"{TIME}, {latency_ms:g} ms",
        figure=f"{ratio.told(2, '×')}: {whole.told(2, 's')}, of it {waits.told(1, 's')} demanded, against "
        f"{spread(free).told(2, 's')}",
        target="≤ 1.5 ×",
        is_met=ratio.median <= 1.5,
        how=DEFINITION,
    )
