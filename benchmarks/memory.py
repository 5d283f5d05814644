"""How much memory a large run takes, and whether it grows with the number of samples."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import dataclass, field
from http.client import HTTPException

import workload
from figures import Row, at_shares
from processes import Ended, MockServer, NotMeasuredError, evalkit, memory_mb, successful
from setting import CONCURRENCY, Setting

SHARES = (0.25, 0.5, 0.75, 1.0)
LIMIT_MB = 300.0
LOOK_EVERY_S = 0.25
PEAK = "peak memory of the largest run"
GROWTH = "growth during its request phase, 25 % to 100 %"
ROWS = ((PEAK, "≤ 300 MB"), (GROWTH, "flat"))


@dataclass(slots=True)
class Looks:
    """Resident memory against answers given, four times a second."""

    server: MockServer
    readings: list[tuple[int, float]] = field(default_factory=list)
    last_mb: float = 0.0
    _next: float = 0.0

    def look(self, pid: int) -> None:
        """One reading, when one is due."""
        now = time.monotonic()
        if now < self._next or not (resident := memory_mb(pid, "VmRSS")):
            return
        self._next = now + LOOK_EVERY_S
        self.last_mb = resident
        with contextlib.suppress(OSError, HTTPException):  # a look is lost, not the run
            self.readings.append((self.server.counts()["replied"], resident))


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """One large run."""

    count: int
    ended: Ended
    at: list[float | None]
    """Resident MB at each of SHARES of the requests; None where no look fell."""
    last_mb: float


def measure(setting: Setting) -> list[Row]:
    """A quarter and the whole of the large run."""
    whole = 4_000 if setting.is_quick else 100_000
    small, large = (_run(setting, count) for count in (whole // 4, whole))
    growth = None if None in (large.at[0], large.at[-1]) else (large.at[-1] or 0.0) - (large.at[0] or 0.0)
    how = f"VmHWM of `evalkit run`, {large.count:,} samples × 2 models, 0 ms, {CONCURRENCY} at a time"
    rows = [
        Row(
            what=PEAK,
            figure=f"{large.ended.peak_mb:.0f} MB ({large.ended.wall_s:.0f} s, CPU {large.ended.cpu_s:.0f} s)",
            target=ROWS[0][1],
            is_met=large.ended.peak_mb <= LIMIT_MB,
            how=how,
        ),
        Row(
            what=GROWTH,
            figure="not measured: the run was too short to look at" if growth is None else f"{growth:+.0f} MB",
            target=ROWS[1][1],
            is_met=None if growth is None else growth <= 0.1 * LIMIT_MB,
            how="flat: at most 30 MB, a tenth of the limit",
        ),
    ]
    return [*rows, *(_course(run) for run in (large, small))]


def _course(run: Large) -> Row:
    shares = ", ".join(
        f"{'?' if mb is None else f'{mb:.0f}'} at {share:.0%}" for share, mb in zip(SHARES, run.at, strict=True)
    )
    return Row(
        what=f"resident memory, {run.count:,} × 2",
        figure=f"{shares}, {run.last_mb:.0f} at the end; peak {run.ended.peak_mb:.0f} MB",
        how="MB of VmRSS against the share of requests answered by the server's ledger, four looks a second",
    )


def _run(setting: Setting, count: int) -> Large:
    folder = setting.folder / f"memory-{count}"
    with MockServer(setting.server_python, latency_ms=0.0) as server:
        suite = workload.write_suite(folder, server.base_url, count, concurrency=CONCURRENCY)
        looks = Looks(server)
        setting.say(f"  {count:,} samples x 2 …")
        ended = evalkit("run", suite, "--json", folder=folder, home=folder / "home", watch=looks.look, timeout_s=600)
        successful(ended, "evalkit run", codes=(0, 1, 3))
    if (pairs := json.loads(ended.out)["primary"]["n"]) != count:
        raise NotMeasuredError(f"its verdict rests on {pairs} pairs, not on {count}")
    shutil.rmtree(folder)
    at = at_shares(looks.readings, 2 * count, SHARES)
    setting.say(f"  {count:,} samples x 2: peak {ended.peak_mb:.0f} MB, {ended.wall_s:.1f} s, CPU {ended.cpu_s:.1f} s")
    return Large(count=count, ended=ended, at=at, last_mb=looks.last_mb)
