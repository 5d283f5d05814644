"""Several evalkits at once: one cache for all, one writer a run, and two runs never share a name."""

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from bench import REPO, scripted
from warm import warm

from evalkit.errors import ExecutionError
from evalkit.store.cache import Cache
from evalkit.store.home import RunLock
from evalkit.store.journal import Journal
from evalkit.types import Key, Response

__all__ = ["warm"]  # a fixture

PROCESSES, REQUESTS, BATCH = 8, 500, 10

WORKER = f"""
import hashlib, sys
from pathlib import Path
from evalkit.store.cache import Cache
from evalkit.types import Response

number = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()  # all at once
cache = Cache(Path(sys.argv[1]))
wrong = 0
for start in range(0, {REQUESTS}, {BATCH}):
    # Half of the questions are everybody's, half are this process's own.
    names = [f"{{i}}" if i % 2 else f"{{i}} of {{number}}" for i in range(start, start + {BATCH})]
    fingerprints = {{hashlib.sha256(name.encode()).hexdigest(): name for name in names}}
    found = cache.get(fingerprints, now=10.0)
    wrong += sum(found[f].text != fingerprints[f] for f in found)
    cache.put((f, Response(text=n, finish="stop", at=1.0)) for f, n in fingerprints.items() if f not in found)
    wrong += set(cache.get(fingerprints, now=10.0)) != set(fingerprints)
cache.close()
print(wrong)
"""

HOLDER = """
import sys, time
from pathlib import Path
from evalkit.store.home import RunLock

with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_eight_processes_share_a_cache_that_did_not_exist(tmp_path):
    path = tmp_path / "home" / "cache.sqlite"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, path, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(REPO)},
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    ended = [worker.communicate(timeout=120) for worker in workers]
    assert ended == [("0\n", "")] * PROCESSES
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT count(*) FROM answers").fetchone()[0]
    connection.close()
    assert rows == REQUESTS // 2 * (PROCESSES + 1)


def test_who_opens_a_cache_while_another_is_making_it_waits(tmp_path):
    # SQLite says "locked" at once here, whatever its busy timeout: a change to WAL does not queue up.
    path = tmp_path / "cache.sqlite"
    first = sqlite3.connect(path, isolation_level=None)
    first.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor() as pool:
        second = pool.submit(Cache, path)
        assert wait([second], timeout=0.3).not_done
        first.execute("COMMIT")
        first.close()
        second.result(timeout=30).close()


def test_a_cache_that_cannot_be_written_stops_nothing_and_says_so_once(tmp_path, caplog):
    cache = Cache(tmp_path / "cache.sqlite")
    cache._connection.execute("PRAGMA max_page_count = 4")  # SQLite's own full disk
    answer = Response(text="x" * 20_000, finish="stop", at=1.0)
    assert [cache.put([(str(i), answer)]) for i in range(5)] == [0] * 5
    assert [record.getMessage().count("cannot be written") for record in caplog.records] == [1]
    assert cache.get(["0"], now=2.0) == {}
    cache.close()


def test_a_damaged_cache_is_told_with_the_way_out(tmp_path):
    path = tmp_path / "cache.sqlite"
    cache = Cache(path)
    cache.put((str(i), Response(text="x" * 500, finish="stop", at=1.0)) for i in range(100))
    cache.close()
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    cache = Cache(path)
    with pytest.raises(ExecutionError, match="--no-cache"):
        cache.get(["1"], now=2.0)
    cache.close()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(ExecutionError, match="--no-cache"):
        Cache(path)


@pytest.fixture
def stopped(bench):
    """A run stopped by its cap, and its server."""
    with scripted(20, 50) as server:
        suite = bench.write_suite(server.base_url, 60)
        document = bench.run(suite, "--no-cache", "--max-requests", "30")
        assert document.code == 5
        (journal,) = bench.folder.glob(".evalkit/runs/*/journal.sqlite")
        yield bench, suite, server, journal.parent


def test_a_second_writer_is_told_who_the_first_is_within_a_second_and_sends_nothing(stopped, warm):
    bench, suite, server, folder = stopped
    before = len(server.ledger.chats)
    took_s = []
    with RunLock(folder):
        while len(took_s) < 5 and min(took_s, default=1.0) >= 1.0:  # a busy machine slows some tries, not all
            started = time.monotonic()
            refused = warm.start(bench.folder, "run", suite, "--no-cache", "--resume", folder.name)
            assert refused.wait() == 5, refused.err
            took_s.append(time.monotonic() - started)
            assert f"pid {os.getpid()} on " in refused.err
    assert min(took_s) < 1.0
    assert len(server.ledger.chats) == before


def test_the_lock_of_a_dead_process_is_no_lock(stopped):
    bench, suite, _, folder = stopped
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ExecutionError, match=f"pid {holder.pid} on"), RunLock(folder):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert f"pid {holder.pid}" in (folder / "lock").read_text()
    assert bench.run(suite, "--no-cache", "--resume", folder.name).code == 0


def test_two_runs_of_a_suite_at_once_are_two_runs(bench):
    with scripted(20, 50) as server:
        suite = bench.write_suite(server.base_url, 60)
        children = [bench.start("run", suite, "--json") for _ in range(2)]
        ended = [child.communicate(timeout=120) for child in children]
    assert [child.returncode for child in children] == [0, 0], ended
    documents = [json.loads(out) for out, _ in ended]
    assert documents[0]["run"] != documents[1]["run"]
    assert documents[0]["primary"] == documents[1]["primary"]
    assert len(list(bench.folder.glob("reports/colours/2*/verdict.json"))) == 2
    assert (bench.folder / "reports" / "colours" / "latest").readlink().name in {d["run"] for d in documents}


def test_prompts_and_answers_are_for_their_owner_only(tmp_path):
    home = tmp_path / "home"
    folder = home / "runs" / "r1"

    async def write():
        with RunLock(folder), Journal.open(folder / "journal.sqlite") as journal:
            request = hashlib.sha256(b"1").hexdigest()
            await journal.append(
                Key(suite="s", role="baseline", sample_id="1"), request, Response(text="x", finish="stop")
            )
            cache = Cache(home / "cache.sqlite")
            cache.put([(request, Response(text="x", finish="stop", at=1.0))])
            found = {path: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))}
            cache.close()
            return found

    old = os.umask(0)
    try:
        modes = asyncio.run(write())
    finally:
        os.umask(old)
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if not path.is_dir()} == {0o600}
    assert {"journal.sqlite-wal", "cache.sqlite-wal", "lock"} <= {path.name for path in modes}
