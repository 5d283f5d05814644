"""A run in batches that dies anywhere is gone on with: every sample answered once, every request paid for once."""

import asyncio
import contextlib
import signal

import pytest
from bench import scripted
from vendors import VENDORS, entries, set_keys

from evalkit.backends.hosted.sdk import Door
from evalkit.jobs.running.asking import Asking
from evalkit.jobs.running.run import load_all
from evalkit.jobs.running.sides import opened, parts
from evalkit.run.clock import SystemClock
from evalkit.run.progress import Progress
from evalkit.run.spending import Limits
from evalkit.store.journal import Journal

SAMPLES = 2


class Killed(BaseException):
    """The process ends here; nothing of it runs on."""


class Fuse:
    """Burns at the n-th point passed."""

    def __init__(self):
        self.passed, self.at = 0, 0

    def point(self):
        self.passed += 1
        if self.passed == self.at:
            raise Killed


@pytest.fixture
def fuse(monkeypatch):
    """Points before and after everything that leaves the process: requests and writes to the journal."""
    found = Fuse()
    reply_to, set_meta, append = Door.reply_to, Journal.set_meta, Journal.append

    async def watched_reply(self, call):
        try:
            found.point()
        except Killed:
            call.close()
            raise
        reply = await reply_to(self, call)
        found.point()
        return reply

    def watched_meta(self, values):
        found.point()
        set_meta(self, values)
        found.point()

    async def watched_append(self, key, request, outcome):
        found.point()
        await append(self, key, request, outcome)
        found.point()

    monkeypatch.setattr(Door, "reply_to", watched_reply)
    monkeypatch.setattr(Journal, "set_meta", watched_meta)
    monkeypatch.setattr(Journal, "append", watched_append)
    monkeypatch.setattr("evalkit.run.batches.FIRST_POLL_S", 0.002)
    set_keys(monkeypatch)
    return found


async def ask(loaded, journal):
    async with opened(loaded.main.models, 10.0, Progress()) as sides:
        asking = Asking(
            journal=journal,
            cache=None,
            clock=SystemClock(),
            limits=Limits(concurrency=4, timeout_s=10.0),
            progress=Progress(),
        )
        await asking.ask(parts(loaded.suites, sides))


def lives(loaded, folder):
    """One life of a run: to its end, or to where the fuse burns. Returns whether it came to its end."""
    with Journal.open(folder / "journal.sqlite") as journal, contextlib.suppress(Killed):
        asyncio.run(ask(loaded, journal))
        return True
    return False


def outcomes(folder):
    with Journal.open(folder / "journal.sqlite") as journal:
        return {key: outcome.text for key, outcome in journal.outcomes("colours")}


@pytest.mark.parametrize("vendor", VENDORS)
def test_killed_at_every_step_and_gone_on_with(bench, tmp_path, fuse, vendor):
    with scripted(2, 3, batch_polls=1) as server:
        port = server.port
        loaded = load_all(
            bench.write_suite(server.base_url, SAMPLES, models=entries(vendor, server.base_url, batch=True))
        )
        assert lives(loaded, tmp_path / "unbroken")
        points, expected = fuse.passed, outcomes(tmp_path / "unbroken")
    assert len(expected) == 2 * SAMPLES
    assert points > 25
    for point in range(1, points + 1):
        fuse.passed, fuse.at = 0, point
        folder = tmp_path / f"run{point}"
        with scripted(2, 3, batch_polls=1, port=port) as server:
            assert not lives(loaded, folder), f"nothing happened at point {point} of {points}"
            fuse.at = 0
            assert lives(loaded, folder)
            assert outcomes(folder) == expected, f"killed at point {point}"
            assert set(server.ledger.sends().values()) == {1}, f"killed at point {point}: something was paid for twice"


def test_kill_9_right_after_a_batch_was_made(bench, monkeypatch):
    set_keys(monkeypatch)
    with scripted(40, 55) as server:
        suite = bench.write_suite(server.base_url, 60, models=entries("openai", server.base_url, batch=True))
        child = bench.start("run", suite, "--json")
        made = server.ledger.wait_for(lambda seen: any(e.path == "/v1/batches" for e in seen.entries))
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=30)
        assert made
        assert child.returncode == -signal.SIGKILL
        ended = bench.run(suite, "--resume")
        # The check that both sides are two models asks one by one, and once: what it saw is in the journal.
        assert set(server.ledger.sends().values()) == {1}
    assert ended.code == 0, ended.err
    assert ended.document["coverage"]["pairs"] == 60
