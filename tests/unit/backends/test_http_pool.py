import asyncio

import pytest

from evalkit.backends.http.endpoint import parse_endpoint
from evalkit.backends.http.pool import HttpPool
from evalkit.errors import ConnectionLost, TimedOut

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def run(serve, work):
    """What `work(pool, opened)` returns against a server whose connections are handled by `serve`."""
    opened = []

    async def handle(reader, writer):
        opened.append(writer)
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        pool = HttpPool(parse_endpoint(f"http://127.0.0.1:{port}", allow_http=False))
        try:
            return await work(pool, opened)
        finally:
            await pool.close()
            server.close()

    return asyncio.run(main())


async def keep_alive(reader, writer):
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(REPLY)


async def once(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(REPLY)
    await writer.drain()


def test_connections_are_reused():
    async def work(pool, opened):
        for _ in range(5):
            assert (await pool.send(REQUEST, timeout_s=5)).body == b"ok"
        return len(opened)

    async def serve(reader, writer):
        try:
            await keep_alive(reader, writer)
        except asyncio.IncompleteReadError:
            return

    assert run(serve, work) == 1


def test_a_connection_the_server_closed_is_not_used_again():
    async def work(pool, opened):
        for _ in range(3):
            assert (await pool.send(REQUEST, timeout_s=5)).body == b"ok"
            await asyncio.sleep(0.05)
        return len(opened)

    assert run(once, work) == 3


def test_an_old_connection_is_not_used_again(monkeypatch):
    monkeypatch.setattr("evalkit.backends.http.pool._IDLE_LIMIT_S", 0.0)

    async def serve(reader, writer):
        try:
            await keep_alive(reader, writer)
        except asyncio.IncompleteReadError:
            return

    async def work(pool, opened):
        for _ in range(3):
            await pool.send(REQUEST, timeout_s=5)
        return len(opened)

    assert run(serve, work) == 3


def test_bytes_nobody_asked_for_close_the_connection():
    was_read, is_forged = asyncio.Event(), asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(REPLY)
        await was_read.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")
        is_forged.set()
        await asyncio.sleep(0.2)

    async def work(pool, opened):
        first = await pool.send(REQUEST, timeout_s=5)
        was_read.set()
        await is_forged.wait()
        await asyncio.sleep(0.1)
        second = await pool.send(REQUEST, timeout_s=5)
        return first.body, second.body, len(opened)

    assert run(serve, work) == (b"ok", b"ok", 2)


def test_closing_ends_requests_under_way():
    async def serve(reader, writer):
        await asyncio.sleep(0.5)

    async def work(pool, opened):
        task = asyncio.create_task(pool.send(REQUEST, timeout_s=5))
        await asyncio.sleep(0.05)
        await pool.close()
        with pytest.raises(ConnectionLost):
            await task

    run(serve, work)


def test_a_request_given_up_closes_its_connection():
    async def work(pool, opened):
        with pytest.raises(TimedOut, match=r"within 0\.1 s"):
            await pool.send(REQUEST, timeout_s=0.1)
        async with asyncio.timeout(5):
            return await closed.wait()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        try:
            assert await reader.read() == b""
        finally:
            closed.set()

    closed = asyncio.Event()
    assert run(serve, work)
