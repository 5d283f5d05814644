"""Asked to stop, a run stops: a word at once, nothing more is sent, nothing is lost, and there is never a verdict."""

import json
import os
import random
import shlex
import subprocess
import sys
import threading
import time
from statistics import median

import pytest
from bench import REPO, Bench, label_of, number_in, right_below, side
from warm import Trap, warm

from evalkit.testing import Rule, ScriptedServer, answers, hangs

__all__ = ["warm"]  # a fixture

MANY, FEW, CONCURRENCY = 120, 60, 4
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
STOPS, WORD_S, OUT_S = 20, 0.5, 1.0
BUSY_S = 10.0
"""How late a single word may come: a machine that is busy slows some of them, not most."""
PHASES = (
    ("suites/load.py", "load_suite", 1),
    ("backends/chat_http.py", "make", 2),
    ("backends/chat_http.py", "open", 1),
    ("store/journal.py", "open", 1),
    ("run/probe.py", "probe", 1),
    ("run/engine.py", "execute", 1),
    ("compare/gate.py", "decide", 1),
    ("report/document/__init__.py", "verdict_document", 1),
    ("store/files.py", "write_atomic", 3),
    ("store/files.py", "point_latest", 1),
)
"""Where a run is neither asking nor waiting: (module, function, at its nth call)."""


def right_from_40(asked):
    """Unlike the tuned side from the first sample on, so that the probe at the start is over with one pair."""
    index = number_in(asked)
    return label_of(index if index >= 40 else index + 1)


def colour_server(*extra, delay_s=0.0):
    sides = {"base": right_from_40, "tuned": right_below(110)}
    return ScriptedServer([*extra, *(side(name, answers(say, delay_s=delay_s)) for name, say in sides.items())])


def colours(bench, server, samples):
    return bench.write_suite(server.base_url, samples, run={"concurrency": CONCURRENCY})


def lasting(document):
    """What must not depend on how often a run was stopped."""
    return {key: document[key] for key in ("verdict", "primary", "flips", "outcomes", "reasons")}


@pytest.fixture(scope="module")
def unbroken(warm, tmp_path_factory):
    """The verdicts of runs that nobody disturbed, by their number of samples."""
    found = {}
    for samples in (MANY, FEW):
        bench = Bench(tmp_path_factory.mktemp("unbroken"))
        with colour_server() as server:
            child = warm.start(bench.folder, "run", colours(bench, server, samples), "--no-cache", "--json")
            assert child.wait() in {0, 1}, child.err
        found[samples] = lasting(json.loads(child.out))
    return found


def next_command(child):
    """The arguments of the command that a stopped child names."""
    (line,) = [line for line in child.err.splitlines() if "to go on: " in line or "to start again: " in line]
    return shlex.split(line.partition(": evalkit ")[2] or line.partition("to go on: evalkit ")[2])


def verdicts(bench):
    return list(bench.folder.glob("reports/*/2*/verdict.json"))


@pytest.mark.parametrize("name", SIGNALS)
def test_stopped_at_twenty_answers_nothing_is_lost_or_asked_twice(bench, warm, unbroken, name):
    rng = random.Random(name)  # noqa: S311 - chooses where to stop
    with colour_server(delay_s=0.003) as server:
        ledger = server.ledger
        command = ["run", colours(bench, server, MANY), "--no-cache", "--json"]
        words_s = []
        for _ in range(STOPS):
            at = ledger.completed + rng.randint(3, 8)
            child = warm.start(bench.folder, *command)
            assert ledger.wait_for(lambda seen, at=at: seen.completed >= at), child.err
            child.send(name)
            told = time.monotonic()
            assert child.says("stopping", BUSY_S), child.err
            words_s.append(time.monotonic() - told)
            sent = len(ledger.chats)
            assert child.wait() == 130, child.err
            # What the loop had in hand when it was told may still go out, one request a worker.
            assert len(ledger.chats) - sent <= CONCURRENCY
            assert json.loads(child.out)["verdict"] == "error"
            assert not verdicts(bench)
            command = next_command(child)
            assert command[-2] == "--resume"
        assert median(words_s) <= WORD_S
        child = warm.start(bench.folder, *command)
        assert child.wait() == 0, child.err
        assert lasting(json.loads(child.out)) == unbroken[MANY]
        assert set(ledger.sends().values()) == {1}


@pytest.mark.parametrize("name", SIGNALS)
def test_stopped_in_every_phase_it_says_how_to_go_on(bench, warm, unbroken, name, as_written):
    """Each phase is gone on with after one of the signals, after each of them with --as-written."""
    with colour_server() as server:
        suite = colours(bench, server, FEW)
        for number, (file, function, nth) in enumerate(PHASES):
            trap = Trap(file=file, function=function, nth=nth, name=name)
            child = warm.start(bench.folder, "run", suite, "--no-cache", "--json", trap=trap)
            assert child.wait() == 130, (trap, child.err)
            assert "stopping" in child.err, (trap, child.err)
            assert "Traceback" not in child.err, (trap, child.err)
            assert json.loads(child.out)["verdict"] == "error"
            # Whoever stops a run that is written but for its last link finds the whole verdict, and no other.
            assert function == "point_latest" or not verdicts(bench)
            command = next_command(child)
            assert ("--resume" in command) == (number >= PHASES.index(("store/journal.py", "open", 1)))
            if as_written or number % len(SIGNALS) == SIGNALS.index(name):
                again = warm.start(bench.folder, *command)
                assert again.wait() == 0, (trap, again.err)
                assert lasting(json.loads(again.out)) == unbroken[FEW]
                for verdict in verdicts(bench):
                    verdict.unlink()


def test_stopped_while_the_verdict_is_printed_it_says_where_that_stands(bench, warm, unbroken):
    with colour_server() as server:
        trap = Trap(file="report/terminal.py", function="summary")
        child = warm.start(bench.folder, "run", colours(bench, server, FEW), trap=trap)
        assert child.wait() == 130, child.err
    again = warm.start(bench.folder, *shlex.split(child.err.rpartition("its verdict: evalkit ")[2]), "--json")
    assert again.wait() == {"ship": 0, "dont_ship": 1}[unbroken[FEW]["verdict"]], child.err
    assert lasting(json.loads(again.out)) == unbroken[FEW]


def test_asked_twice_it_is_out_at_once_thirty_times(bench, warm, unbroken):
    is_hanging = threading.Event()
    is_hanging.set()
    # Of every twelve requests the last four hang, one for each worker, so that the grace would last its ten seconds.
    hang = Rule(behaviour=hangs(), match=lambda asked: is_hanging.is_set() and asked.number % 12 >= 8)
    with colour_server(hang) as server:
        ledger = server.ledger
        command = ["run", colours(bench, server, MANY), "--no-cache", "--json"]
        out_s = []
        for stop in range(1, 31):
            child = warm.start(bench.folder, *command)
            assert ledger.wait_for(lambda seen, n=stop: seen.kinds()["hang"] == CONCURRENCY * n), child.err
            child.send("SIGINT")
            assert child.says("stopping", BUSY_S), child.err
            asked = time.monotonic()
            child.send("SIGINT")
            assert child.wait() == 130
            out_s.append(time.monotonic() - asked)
            assert not child.out
            command = next_command(child)
        assert median(out_s) <= OUT_S
        assert max(out_s) < BUSY_S, "the grace of the first signal was waited for"
        assert not verdicts(bench)
        is_hanging.clear()
        child = warm.start(bench.folder, *command)
        assert child.wait() == 0, child.err
        assert lasting(json.loads(child.out)) == unbroken[MANY]
        answered = [entry.body_sha256 for entry in ledger.chats if entry.is_completed]
        assert len(set(answered)) == len(answered)


@pytest.mark.parametrize("streams", [("out",), ("out", "err")], ids=["stdout", "both"])
def test_a_reader_that_leaves_costs_nothing(bench, warm, unbroken, streams):
    rng = random.Random(len(streams))  # noqa: S311 - chooses where to leave
    with colour_server() as server:
        suite = colours(bench, server, FEW)
        for point in range(15):
            pipe = bench.folder / f"pipe{point}"
            os.mkfifo(pipe)
            reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            at = server.ledger.completed + rng.randint(0, 2 * FEW)
            child = warm.start(bench.folder, "run", suite, "--no-cache", **dict.fromkeys(streams, pipe))
            assert server.ledger.wait_for(lambda seen, at=at: seen.completed >= at)
            os.close(reader)
            assert child.wait() == 0
            assert "err" in streams or "Traceback" not in child.err
        assert len(verdicts(bench)) == 15
        for verdict in verdicts(bench):
            assert lasting(json.loads(verdict.read_text())) == unbroken[FEW]


def test_a_full_disk_behind_stdout_is_told(bench, warm):
    with colour_server() as server:
        child = warm.start(bench.folder, "run", colours(bench, server, FEW), out="/dev/full")
        assert child.wait() == 5
    assert "could not be written to stdout: No space left" in child.err


@pytest.mark.parametrize("closed", [[1], [2], [0, 1, 2]], ids=["stdout", "stderr", "all"])
def test_streams_closed_before_the_start_are_not_mistaken_for_files(bench, warm, unbroken, closed):
    with colour_server() as server:
        child = warm.start(bench.folder, "run", colours(bench, server, FEW), closed=closed)
        assert child.wait() == 0, child.err
    (verdict,) = verdicts(bench)
    assert lasting(json.loads(verdict.read_text())) == unbroken[FEW]


def test_a_signal_ignored_from_the_start_stays_ignored(bench, warm):
    with colour_server(delay_s=0.003) as server:
        child = warm.start(bench.folder, "run", colours(bench, server, FEW), ignored=["SIGHUP"])
        assert server.ledger.wait_for(lambda seen: seen.completed >= 20)
        child.send("SIGHUP")
        assert child.wait() == 0, child.err


IMPORTING = """
import sys, warm
warm.set_trap({file!r}, "<module>", 1, "SIGTERM")
sys.argv = ["evalkit", "run", "suite.yaml"]
import evalkit.__main__
evalkit.__main__.main()
"""


@pytest.mark.parametrize("file", ["evalkit/cli/app.py", "numpy/__init__.py"])
def test_a_signal_during_the_imports_is_one_like_any_other(tmp_path, file):
    code = IMPORTING.format(file=file)
    child = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{REPO}:{REPO / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 130, child.stderr
    assert "to start again: evalkit run suite.yaml" in child.stderr
    assert "Traceback" not in child.stderr
