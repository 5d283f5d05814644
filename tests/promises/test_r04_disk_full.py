"""A full disk stops a run at once, in words that say how much room it needs, and costs no answer that was kept."""

import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys

import engines
import pytest
from bench import REPO, Bench, label_of, number_in, scripted, side
from msgspec import structs

from evalkit.errors import ExecutionError
from evalkit.store.cache import Cache
from evalkit.store.files import write_atomic
from evalkit.store.journal import Journal
from evalkit.store.space import MEGABYTE, space_needed
from evalkit.testing import answers
from evalkit.types import Response

N, CONCURRENCY = 30, 4
NEEDED = re.compile(r"help: free about (\d+) MB on the disk of \S+ \((\d+) MB are free\)")


class Wordy(engines.Scripted):
    """Answers that take about a page of the journal each."""

    async def answer(self, request):
        answer = await super().answer(request)
        return structs.replace(answer, text=answer.text + "x" * 3000)


@pytest.mark.parametrize("room", range(1, 51, 7))
def test_a_disk_that_is_full_after_so_many_pages(tmp_path, monkeypatch, room):
    backend, as_it_was = Wordy(), Journal.open.__func__

    def small(cls, path):
        journal = as_it_was(cls, path)
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0] + room
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own full disk
        journal.set_meta({"planned": {"s": {"baseline": N, "candidate": N}}}) if room > 1 else None
        return journal

    monkeypatch.setattr(Journal, "open", classmethod(small))
    kept, error = engines.run(tmp_path, engines.part(backend, n=N), concurrency=CONCURRENCY)
    assert isinstance(error, ExecutionError)
    assert "the disk is full" in str(error)
    assert NEEDED.search(str(error)), str(error)
    assert len(backend.asked) <= len(kept) + 2 * CONCURRENCY < 2 * N
    monkeypatch.undo()
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        journal.verify()
        assert len(journal.answered()) == len(kept)
    asked = len(backend.asked)
    outcomes, error = engines.run(tmp_path, engines.part(backend, n=N), concurrency=CONCURRENCY)
    assert error is None
    assert kept.items() <= outcomes.items()
    assert len(outcomes) == 2 * N
    assert len(backend.asked) - asked == 2 * N - len(kept)


@pytest.mark.parametrize("kth", range(1, 51))
def test_a_store_that_refuses_an_append_and_all_after_it(tmp_path, monkeypatch, kth):
    backend, as_it_was = Wordy(), Journal._commit
    appended, committed, asked_by_then = [], [], []

    def refusing(journal, statement, rows):
        rows = list(rows)
        appended.extend(rows)
        if len(appended) >= kth:
            asked_by_then.append(len(backend.asked))
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise full
        as_it_was(journal, statement, rows)
        committed.extend(rows)

    monkeypatch.setattr(Journal, "_commit", refusing)
    kept, error = engines.run(tmp_path, engines.part(backend, n=N), concurrency=CONCURRENCY)
    monkeypatch.undo()
    assert isinstance(error, ExecutionError)
    assert error.exit_code == 5
    assert NEEDED.search(str(error)), str(error)
    # Nothing is sent once the refusal is known; what the loop had in hand meanwhile is one request a worker.
    assert len(backend.asked) - asked_by_then[0] <= CONCURRENCY
    assert kth - CONCURRENCY <= len(kept) == len(committed) < kth
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        journal.verify()
    asked = len(backend.asked)
    outcomes, error = engines.run(tmp_path, engines.part(backend, n=N), concurrency=CONCURRENCY)
    assert error is None
    assert kept.items() <= outcomes.items()
    assert len(outcomes) == 2 * N
    assert len(backend.asked) - asked == 2 * N - len(kept)


def test_the_room_needed_follows_from_the_answers_so_far(tmp_path):
    empty = space_needed(planned=1000, written=0, size_bytes=0, folder=tmp_path)
    assert 1 <= empty.needed_mb <= 10
    half = space_needed(planned=1000, written=500, size_bytes=500 * 20_000, folder=tmp_path)
    # 500 answers of 20 kB to come, in the journal, its log and the cache, and a report of all 1000.
    assert 500 * 20_000 * 3 + 1000 * 20_000 * 2 < half.needed_mb * MEGABYTE < 1.2 * (30e6 + 40e6)
    assert half.free_mb == pytest.approx(shutil.disk_usage(tmp_path).free / 1e6, abs=200)


IN_A_SMALL_DISK = """
set -e
mount -t tmpfs -o size=2m,mode=700 none "$EVALKIT_HOME"
set +e
"$@" >first.out 2>first.err; echo $? >first.code
cp "$EVALKIT_HOME"/runs/*/journal.sqlite* kept/
mount -o remount,size=64m "$EVALKIT_HOME" || exit 9
"$@" --resume >second.out 2>second.err; echo $? >second.code
mount -t tmpfs -o size=100k none "$OUT" || exit 9
"$@" --out "$OUT" --resume "$(basename "$EVALKIT_HOME"/runs/*)" >third.out 2>third.err; echo $? >third.code
find "$OUT" -type f >third.files
"""


def can_mount():
    if shutil.which("unshare") is None:
        return False
    trial = ["unshare", *unshared(), "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def unshared():
    return ["-m"] if os.geteuid() == 0 else ["-rm"]


@pytest.mark.skipif(not can_mount(), reason="no right to mount a small disk here")
def test_a_run_on_a_disk_of_two_megabytes(bench):
    def wordy(right_below):
        return answers(lambda asked: wordy_label(number_in(asked), right_below))

    with scripted(0, 0, side("base", wordy(100)), side("tuned", wordy(250))) as server:
        suite = bench.write_suite(
            server.base_url,
            300,
            run={"concurrency": 8},
            metrics=[{"name": "exact", "type": "exact_match", "field": "label"}],
        )
        for name in ("home", "out", "kept"):
            (bench.folder / name).mkdir()
        command = [sys.executable, "-m", "evalkit", "run", str(suite), "--no-cache", "--json"]
        environment = os.environ | {
            "PYTHONPATH": str(REPO),
            "NO_COLOR": "1",
            "EVALKIT_HOME": str(bench.folder / "home"),
            "OUT": str(bench.folder / "out"),
        }
        script = ["unshare", *unshared(), "sh", "-c", IN_A_SMALL_DISK, "sh", *command]
        subprocess.run(script, cwd=bench.folder, env=environment, check=True, timeout=300)
        sends = server.ledger.sends()
    read = {file.name: file.read_text() for file in bench.folder.glob("*.*") if file.is_file()}
    assert read["first.code"] == "5\n", read["first.err"]
    told = NEEDED.search(read["first.err"])
    assert told, read["first.err"]
    assert 5 <= int(told[1]) <= 40
    assert int(told[2]) == 0
    assert "to go on: evalkit run" in read["first.err"]
    with Journal.open(bench.folder / "kept" / "journal.sqlite") as journal:
        journal.verify()
        kept = len(journal.answered())
    assert 50 < kept < 600
    assert read["second.code"] == "0\n", read["second.err"]
    assert json.loads(read["second.out"])["outcomes"]["candidate"]["ok"] == 300
    # What was kept is not asked again; what was in flight is, and the probe's prompts are other requests.
    assert sum(sends.values()) - len(sends) <= 16
    assert read["third.code"] == "5\n", read["third.err"]
    assert "No space left on device" in read["third.err"]
    assert "free some disk space" in read["third.err"]
    assert "verdict.json" not in read["third.files"]
    assert ".tmp" not in read["third.files"]


def wordy_label(index, right_below):
    return json.dumps({"label": label_of(index if index < right_below else index + 1), "why": f"{index} " * 1500})


def test_a_file_that_outgrows_its_limit_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.html"
    write_atomic(path, b"old")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, old[1]))
    try:
        with pytest.raises(ExecutionError, match="file-size limit of this shell is reached\n  help: `ulimit -f` shows"):
            write_atomic(path, (b"x" * 10_000 for _ in range(10)))
        with pytest.raises(ExecutionError, match=r"is reached \(65,536 bytes a file\).*\n  help: `ulimit -f` shows"):
            Journal.open(tmp_path / "journal.sqlite").set_meta({"a": "x" * 100_000})
        told: list[str] = []
        cache = Cache(tmp_path / "cache.sqlite", on_trouble=told.append)
        for number in range(3):
            cache.put([(f"{number}", Response(text="x" * 100_000, finish="stop"))])
        assert len(told) == 1
        assert "65,536 bytes a file)): the run goes on" in told[0]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_full_stdout_is_no_verdict(tmp_path):
    bench = Bench(tmp_path)
    with scripted(20, 50) as server:
        run = bench.run(bench.write_suite(server.base_url, 60)).document["run"]
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    for flags in ((), ("--json",)):
        with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a file
            child = subprocess.run(
                [sys.executable, "-m", "evalkit", "gate", run, *flags],
                cwd=tmp_path,
                env=environment,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert child.returncode == 5, child.stderr
        assert "could not be written to stdout: No space left on device" in child.stderr
        assert "Traceback" not in child.stderr


def test_a_failed_commit_leaves_no_transaction_behind(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(ExecutionError, match="the disk is full"):
            journal.set_meta({"big": "x" * 100_000})
        assert not journal._connection.in_transaction
        journal._connection.execute("PRAGMA max_page_count = 100000")
        journal.set_meta({"big": "x" * 100_000})
        assert len(journal.meta("big")) == 100_000
        other = sqlite3.connect(journal.path)
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        other.close()
