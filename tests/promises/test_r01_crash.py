"""kill -9 loses nothing acknowledged; a resumed run asks at most what was in flight and decides the same."""

import json
import random
import re
import sqlite3
import subprocess
import sys

import pytest
from bench import REPO, label_of, number_in, scripted
from tracing import BARE_PYTHON, can_trace, environment

from evalkit.testing import Rule, answers
from evalkit.testing.kill_driver import KillDriver

SAMPLES, CONCURRENCY, MAX_TOKENS = 1000, 8, 16


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


def places(rows):
    return {(role, int(json.loads(sample)[1:])) for _, role, sample, _ in rows}


class Asked:
    """Every (role, sample number) that the run asked for, in order of arrival; the check at the start asks apart."""

    def __init__(self):
        self.places = []

    def side(self, model, role, right_below):
        def is_its(asked):
            if asked.model == model and asked.payload["max_tokens"] == MAX_TOKENS:
                self.places.append((role, number_in(asked)))
            return asked.model == model

        def say(asked):
            index = number_in(asked)
            return label_of(index if index < right_below else index + 1)

        return Rule(behaviour=answers(say, delay_s=0.002), match=is_its)


def sent_again(places, before):
    """Those of `places` that were asked for in the first `before` of them, or earlier among the rest."""
    seen, found = set(places[:before]), []
    for place in places[before:]:
        found += [place] if place in seen else []
        seen.add(place)
    return found


def test_kills_lose_nothing_and_resend_only_what_was_in_flight(bench, as_written):
    """50 kills with --as-written; without, 25 of them."""
    kills = 50 if as_written else 25
    asked = Asked()
    rules = (asked.side("base", "baseline", 400), asked.side("tuned", "candidate", 700))
    child = {"PYTHONPATH": str(REPO), "NO_COLOR": "1"}
    with scripted(0, 0, *rules) as server:
        suite = bench.write_suite(server.base_url, SAMPLES, run={"concurrency": CONCURRENCY})
        command = [sys.executable, "-m", "evalkit", "run", str(suite), "--no-cache", "-q"]
        rng = random.Random(1)  # noqa: S311 - chooses where to kill
        first = KillDriver(command, server, rng=rng, env=child, cwd=bench.folder)
        again = KillDriver([*command, "--resume"], server, rng=rng, env=child, cwd=bench.folder)
        kept = {}
        for kill in range(kills):
            before = journaled(bench.folder)
            sent = len(asked.places)
            # The points are spread over what is left, however far a busy machine let the run get beyond the last one.
            within = 3 * (2 * SAMPLES - len(kept)) // (2 * (kills - kill + 1))
            killed = (first if before is None else again).kill_within(max(1, within))
            assert not killed.is_vacuous, killed.output
            resent = sent_again(asked.places, sent)
            assert len(resent) <= CONCURRENCY, "more was asked for again than was in flight at the kill before"
            assert not set(resent) & places(kept), "what was kept was asked for again"
            now = journaled(bench.folder) or {}
            assert kept.items() <= now.items()
            # A worker asks on once its answer is acknowledged: what was acknowledged and is lost would be one too many.
            assert len({*asked.places} - places(now)) <= CONCURRENCY
            kept = now
        assert len(kept) > SAMPLES, "the kills were spread over the run"
        sent = len(asked.places)
        finished = again.finish()
        assert finished.returncode == 0, finished.output
        resent = sent_again(asked.places, sent)
        assert len(resent) <= CONCURRENCY
        assert not set(resent) & places(kept)
        assert places(journaled(bench.folder)) == {*asked.places}
        assert len({*asked.places}) == 2 * SAMPLES
    broken = bench.evalkit("gate", "colours", "--json").document
    with scripted(0, 0, *rules) as server:
        suite = bench.write_suite(server.base_url, SAMPLES, run={"concurrency": 64})
        whole = bench.run(suite, "--no-cache").document
    assert broken["primary"] == whole["primary"]
    assert broken["flips"] == whole["flips"]
    assert broken["outcomes"]["candidate"]["ok"] == SAMPLES
    assert scored(bench, broken) == scored(bench, whole)


def scored(bench, document):
    return {
        row["id"]: (row["scores"], row["baseline"]["text"], row["candidate"]["text"]) for row in bench.rows(document)
    }


ACKNOWLEDGING = """
import asyncio, os, sys
from pathlib import Path
from evalkit.store.journal import Journal
from evalkit.types import Key, Response

async def answered(journal, number):
    key = Key(suite="s", role="baseline", sample_id=f"{number:03}")
    await journal.append(key, "0" * 64, Response(text=f"answer-{number:03}", finish="stop"))
    os.write(1, f"acknowledged-{number:03}".encode())

async def main():
    with Journal.open(Path(sys.argv[1])) as journal:
        for start in range(0, 60, 6):
            await asyncio.gather(*(answered(journal, number) for number in range(start, start + 6)))

asyncio.run(main())
"""
STRACE = ("strace", "-f", "-qq", "-y", "-s", "9999", "-o", "calls.txt", "-e", "trace=write,pwrite64,fsync,fdatasync")


@pytest.mark.skipif(not can_trace(), reason="strace is not here (tests/prepare.py brings it) or may not")
def test_acknowledged_only_after_the_sync_that_covers_it(tmp_path):
    command = [*STRACE, *BARE_PYTHON, "-c", ACKNOWLEDGING, "journal.sqlite"]
    subprocess.run(command, cwd=tmp_path, env=environment(), check=True, capture_output=True, timeout=120)
    written, covered, acknowledged = set(), set(), []
    syncing = {}
    for line in (tmp_path / "calls.txt").read_text(errors="replace").splitlines():
        thread, _, call = line.partition(" ")
        call = call.strip()
        if "journal.sqlite-wal>" in call and call.startswith("pwrite64("):
            written |= set(re.findall(r"answer-(\d{3})", call))
        if "journal.sqlite-wal>" in call and call.startswith(("fdatasync(", "fsync(")):
            syncing[thread] = set(written)
        # Whole on one line, or resumed on one of its own.
        if "sync" in call and call.endswith("= 0") and thread in syncing:
            covered |= syncing.pop(thread)
        if call.startswith("write(") and (told := re.search(r"acknowledged-(\d{3})", call)):
            acknowledged.append(told[1])
            assert told[1] in covered, f"outcome {told[1]} was acknowledged before it was on the disk"
    assert sorted(acknowledged) == [f"{number:03}" for number in range(60)]
