"""No server can flood, hang or bomb a run: each of its tricks ends in a typed error, in time and in little memory."""

import asyncio
import contextlib
import gzip
import os
import subprocess
import sys
import time

import pytest
from bench import REPO, scripted
from engines import Scripted, part, run
from memory import growth

from evalkit.backends.chat_stream import ChatStream
from evalkit.backends.http import pool as http_pool
from evalkit.backends.http.endpoint import parse_endpoint
from evalkit.backends.http.pool import HttpPool
from evalkit.backends.http.reply import inflate
from evalkit.errors import ConnectionLost, ProtocolViolation, TimedOut
from evalkit.testing import VirtualClock
from evalkit.types import Response, RunSpec

REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
LIMIT_MB = 50


async def forever(writer, first, piece, pause_s=0.0):
    writer.write(first)
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause_s)


TRICKS = {
    "says nothing": (lambda _: asyncio.sleep(3600), TimedOut),
    "headers, a byte at a time": (lambda w: forever(w, HEAD, b"x", 0.01), TimedOut),
    "headers without end": (lambda w: forever(w, HEAD, b"x-more: and more\r\n" * 50), ProtocolViolation),
    "one header without end": (lambda w: forever(w, HEAD, b"x" * 1000), ProtocolViolation),
    "interim replies without end": (
        lambda w: forever(w, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
        ProtocolViolation,
    ),
    "a body, a byte at a time": (lambda w: forever(w, HEAD + b"content-length: 99999\r\n\r\n", b" ", 0.01), TimedOut),
    "a body without end": (lambda w: forever(w, HEAD + b"\r\n", b" " * 65_536), ProtocolViolation),
    "chunks without end": (
        lambda w: forever(w, HEAD + b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65_536 + b"\r\n"),
        ProtocolViolation,
    ),
    "trailers without end": (
        lambda w: forever(w, HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n" * 100),
        ProtocolViolation,
    ),
    "a length of 5,000 digits": (
        lambda w: forever(w, HEAD + b"content-length: " + b"9" * 5000 + b"\r\n\r\n", b" ", 0.1),
        ProtocolViolation,
    ),
    "status 000": (lambda w: forever(w, b"HTTP/1.1 000 Nothing\r\n\r\n", b"", 0.1), ProtocolViolation),
}


def ask(trick, *, timeout_s=1.0, times=1, stream=lambda: None):
    """The errors of so many requests at once to a server that plays `trick` on each."""
    tasks = set()

    async def handle(reader, writer):
        tasks.add(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await trick(writer)
        writer.close()

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        pool = HttpPool(parse_endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", allow_http=False))
        try:
            sends = [pool.send(REQUEST, timeout_s=timeout_s, stream=stream()) for _ in range(times)]
            return await asyncio.gather(*sends, return_exceptions=True)
        finally:
            await pool.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            server.close()

    return asyncio.run(main())


@pytest.mark.parametrize(("trick", "expected"), TRICKS.values(), ids=TRICKS)
def test_every_trick_ends_in_time_and_in_little_memory(trick, expected):
    started = time.monotonic()
    with growth() as grown:
        errors = ask(trick, times=3)
    assert grown.mb <= LIMIT_MB
    assert [type(error) for error in errors] == [expected] * 3
    assert time.monotonic() - started < 5.0


def test_a_reply_that_stops_half_way_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(http_pool, "SILENCE_S", 0.2)

    async def half(writer):
        writer.write(HEAD + b"content-length: 100\r\n\r\nhalf")
        await asyncio.sleep(3600)

    started = time.monotonic()
    (error,) = ask(half, timeout_s=60.0)
    assert isinstance(error, TimedOut)
    assert "stopped" in str(error)
    assert time.monotonic() - started < 5.0


def test_a_model_may_think_for_longer_than_a_reply_may_stop(monkeypatch):
    monkeypatch.setattr(http_pool, "SILENCE_S", 0.1)

    async def slow(writer):
        await asyncio.sleep(0.4)
        writer.write(HEAD + b"content-length: 2\r\n\r\nok")
        await writer.drain()

    (reply,) = ask(slow, timeout_s=10.0)
    assert reply.body == b"ok"


def test_a_server_that_never_accepts_is_given_up_within_the_limit_for_connecting(monkeypatch):
    monkeypatch.setattr(http_pool, "CONNECT_TIMEOUT_S", 0.2)

    async def never(*_, **__):
        await asyncio.sleep(3600)

    async def main():
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
        pool = HttpPool(parse_endpoint("http://127.0.0.1:9", allow_http=False))
        with pytest.raises(ConnectionLost, match=r"within 0\.2 s"):
            await pool.send(REQUEST, timeout_s=60.0)

    asyncio.run(main())


def test_many_bodies_without_end_at_once_stay_small():
    with growth() as grown:
        errors = ask(TRICKS["chunks without end"][0], times=64, timeout_s=20.0)
    assert {type(error) for error in errors} <= {ProtocolViolation, TimedOut}
    assert grown.mb <= LIMIT_MB


def test_many_streams_of_words_without_end_stay_small():
    words = b'data: {"choices": [{"delta": {"content": "%b"}}]}\n\n' % (b"word " * 2_000)
    chunk = b"%x\r\n%b\r\n" % (len(words), words)
    head = HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    with growth() as grown:
        errors = ask(lambda w: forever(w, head, chunk), times=16, timeout_s=20.0, stream=ChatStream)
    assert {type(error) for error in errors} <= {ProtocolViolation, TimedOut}
    assert ProtocolViolation in {type(error) for error in errors}
    assert grown.mb <= LIMIT_MB


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b" " * 1_000_000, mtime=0) * 200, gzip.compress(b"", mtime=0) * 400_000],
    ids=["200 MB of blanks", "400,000 empty parts"],
)
def test_a_bomb_is_defused_at_once(packed):
    started = time.monotonic()
    with growth() as grown, pytest.raises(ProtocolViolation):
        inflate(packed, limit_bytes=http_pool.BODY_LIMIT_BYTES)
    assert time.monotonic() - started < 5.0
    assert grown.mb <= LIMIT_MB


def test_a_measured_growth_is_real():
    with growth() as before:
        assert len(bytearray(80_000_000)) > 0
    with growth() as grown:
        assert len(bytearray(60_000_000)) > 0  # less than the peak before
    assert before.mb >= 70
    assert grown.mb >= 50


def test_the_limits_are_those_promised():
    assert (http_pool.CONNECT_TIMEOUT_S, http_pool.SILENCE_S) == (5.0, 60.0)
    assert http_pool.BODY_LIMIT_BYTES == 10_000_000
    assert RunSpec().timeout_s == 300.0


def test_no_more_in_flight_than_allowed_however_many_are_retried():
    clock, at_once, most, tasks = VirtualClock(), 0, 0, 0

    class Counting(Scripted):
        async def answer(self, request):
            nonlocal at_once, most, tasks
            at_once += 1
            most, tasks = max(most, at_once), max(tasks, len(asyncio.all_tasks()))
            await clock.sleep(0.05)
            at_once -= 1
            if self.asked.count(request.key.sample_id) % 3 == 0:
                self.asked.append(request.key.sample_id)
                raise TimedOut("late")
            return Response(text="ok", finish="stop")

    _, error = run(None, part(Counting(), n=500, endpoint="http://x"), clock=clock, concurrency=37)
    assert error is None
    assert most == 37
    # However many samples there are: no task waits for its turn, so that 100,000 of them take no more than 500.
    assert tasks <= 2 * 37 + 10


def test_the_server_sees_no_more_than_allowed(bench):
    with scripted(60, 90) as server:
        finished = bench.run(bench.write_suite(server.base_url, 150, run={"concurrency": 24}))
        assert finished.code == 0
        assert server.ledger.max_in_flight <= 24


PEAK = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "evalkit", *sys.argv[1:]], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, code)
"""
"""A child's peak counts what its parent held when it was forked, so a small process starts it."""


def test_a_large_run_takes_little_memory(bench, as_written):
    """100,000 samples against a server with --as-written; without, 1,000 of them."""
    samples = 100_000 if as_written else 1_000
    with scripted(0, samples // 2) as server:
        suite = bench.write_suite(server.base_url, samples, run={"concurrency": 64})
        child = subprocess.run(
            [sys.executable, "-c", PEAK, "run", suite, "--no-cache", "-q"],
            cwd=bench.folder,
            env=os.environ | {"PYTHONPATH": str(REPO), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert server.ledger.max_in_flight <= 64
    peak_mb, code = map(int, child.stdout.split())
    assert code == 0, child.stderr
    assert peak_mb <= 300
