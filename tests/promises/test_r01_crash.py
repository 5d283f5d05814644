"""kill -9 loses nothing acknowledged; a resumed run asks at most what was in flight and decides the same."""

import random
import sqlite3
import sys

from bench import REPO, label_of, number_in, scripted, side

from evalkit.testing import answers
from evalkit.testing.kill_driver import KillDriver

SAMPLES, KILLS, CONCURRENCY = 1000, 50, 8


def journaled(folder):
    """Rows in the one journal there is, as another process sees them."""
    found = list(folder.glob(".evalkit/runs/*/journal.sqlite"))
    assert len(found) <= 1
    if not found:
        return None
    with sqlite3.connect(found[0]) as connection:
        rows = connection.execute("SELECT suite, role, sample_id, repeat, payload FROM outcomes").fetchall()
    connection.close()
    return {row[:4]: row[4] for row in rows}


def slowly(right_below):
    def say(asked):
        index = number_in(asked)
        return label_of(index if index < right_below else index + 1)

    return answers(say, delay_s=0.002)


def test_fifty_kills_lose_nothing_and_resend_only_what_was_in_flight(bench):
    rules = (side("base", slowly(400)), side("tuned", slowly(700)))
    environment = {"PYTHONPATH": str(REPO), "NO_COLOR": "1"}
    with scripted(0, 0, *rules) as server:
        suite = bench.write_suite(server.base_url, SAMPLES, run={"concurrency": CONCURRENCY})
        command = [sys.executable, "-m", "evalkit", "run", str(suite), "--no-cache", "-q"]
        rng = random.Random(1)  # noqa: S311 - chooses where to kill
        first = KillDriver(command, server, rng=rng, env=environment, cwd=bench.folder)
        again = KillDriver([*command, "--resume"], server, rng=rng, env=environment, cwd=bench.folder)
        kept, kills = {}, 0
        while kills < KILLS:
            before = journaled(bench.folder)
            killed = (first if before is None else again).kill_within(36)
            assert not killed.is_vacuous, killed.output
            kills += 1
            now = journaled(bench.folder) or {}
            assert kept.items() <= now.items()
            kept = now
        assert len(kept) > KILLS * 5
        finished = again.finish()
        assert finished.returncode == 0, finished.output
        sends = server.ledger.sends()
        resent = sum(sends.values()) - len(sends)
        assert resent <= KILLS * CONCURRENCY
        assert len(journaled(bench.folder)) == 2 * SAMPLES
    broken = bench.evalkit("gate", "colours", "--json").document
    with scripted(0, 0, *rules) as server:
        suite = bench.write_suite(server.base_url, SAMPLES, run={"concurrency": 64})
        whole = bench.run(suite, "--no-cache").document
    assert broken["primary"] == whole["primary"]
    assert broken["flips"] == whole["flips"]
    assert broken["outcomes"]["candidate"]["ok"] == SAMPLES
