"""Server-sent events on a connection: how they end, how they do not, and what is no stream at all."""

import asyncio
import json

import pytest

from evalkit.backends.chat_stream import ChatStream
from evalkit.backends.http import events, pool
from evalkit.backends.http.endpoint import parse_endpoint
from evalkit.errors import ConnectionLost, ProtocolViolation, TimedOut

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
HELLO = b'data: {"choices": [{"delta": {"content": "hello"}}]}\n\n'
END = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def chunks(*pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


WHOLE = CHUNKED + chunks(HELLO, END, DONE, b"")


def text_of(reply):
    return json.loads(reply.body)["choices"][0]["message"]["content"]


def talk(serve, work=None, *, timeout_s=5.0):
    """What `work(send, opened)` returns against a server whose connections are handled by `serve`."""
    opened = []

    async def handle(reader, writer):
        opened.append(writer)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connections = pool.HttpPool(parse_endpoint(f"http://127.0.0.1:{port}", allow_http=False))

        def send():
            return connections.send(REQUEST, timeout_s=timeout_s, stream=ChatStream())

        try:
            return await work(send, opened) if work else await send()
        finally:
            await connections.close()
            server.close()

    return asyncio.run(main())


def once(data, *, then=None):
    """Serves one request with these bytes and closes; `then` is awaited in between."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        if then is not None:
            await then()

    return serve


def test_a_whole_stream_leaves_the_connection_usable():
    async def serve(reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(WHOLE)

    async def work(send, opened):
        return [text_of(await send()) for _ in range(3)], len(opened)

    assert talk(serve, work) == (["hello"] * 3, 1)


@pytest.mark.parametrize(
    "data",
    [HEAD + b"\r\n" + HELLO + END + DONE, HEAD + b"\r\n" + HELLO + END, CHUNKED + chunks(HELLO, DONE)],
    ids=["until it closes", "without [DONE]", "without a last chunk"],
)
def test_a_stream_may_end_with_its_connection(data):
    assert text_of(talk(once(data))) == "hello"


@pytest.mark.parametrize(
    "data",
    [CHUNKED + chunks(HELLO), CHUNKED + chunks(HELLO, END), HEAD + b"\r\n" + HELLO, CHUNKED + chunks(HELLO, b"")],
    ids=["cut", "cut before [DONE]", "closed", "ended"],
)
def test_a_stream_cut_off_is_no_answer(data):
    with pytest.raises(ConnectionLost):
        talk(once(data))


def test_a_server_that_says_it_is_over_and_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(pool, "LINGER_S", 0.02)

    async def work(send, opened):
        async with asyncio.timeout(30):  # half of the silence that a reply may keep
            reply = await send()
        hung.set()
        return text_of(reply)

    hung = asyncio.Event()
    assert talk(once(CHUNKED + chunks(HELLO, END, DONE), then=hung.wait), work, timeout_s=600) == "hello"


def test_a_server_that_hangs_before_the_end_is_late():
    async def work(send, opened):
        with pytest.raises(TimedOut):
            await send()
        hung.set()

    hung = asyncio.Event()
    talk(once(CHUNKED + chunks(HELLO), then=hung.wait), work, timeout_s=0.1)


def test_a_reply_that_is_no_stream_is_read_as_a_whole():
    body = b'{"choices": [{"message": {"content": "hello"}}]}'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert talk(once(head + body)).body == body
    assert talk(once(head.replace(b"200 OK", b"503 Busy") + body)).status == 503
    failed = HEAD.replace(b"200 OK", b"503 Busy") + b"content-length: 2\r\n\r\nno"
    assert talk(once(failed)).body == b"no"


@pytest.mark.parametrize("line", [HELLO, b": keep-alive\n\n"], ids=["words", "comments"])
def test_an_endless_stream_has_a_limit(monkeypatch, line):
    monkeypatch.setattr(events, "STREAM_LIMIT_BYTES", 300_000)

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        while not writer.is_closing():
            writer.write(chunks(line * 100))
            await writer.drain()

    with pytest.raises(ProtocolViolation, match="longer than 300,000 bytes"):
        talk(serve)


def test_a_compressed_stream_is_refused():
    with pytest.raises(ProtocolViolation, match="compressed"):
        talk(once(CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n") + chunks(HELLO, b"")))


def test_long_answers_do_not_wait_for_each_other():
    """Each stream holds more than a whole reply may before it has to wait its turn, and both must be read to go on."""
    both = asyncio.Barrier(2)
    words = b'data: {"choices": [{"delta": {"content": "%b"}}]}\n\n' % (b"w" * 100_000)
    filler = chunks(b":" + b"-" * 19_999 + b"\n") * 400  # more than the buffers of a connection take unread

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + chunks(words) + filler)
        await writer.drain()
        await both.wait()
        writer.write(chunks(END, DONE, b""))
        await writer.drain()

    async def work(send, opened):
        replies = await asyncio.gather(send(), send())
        return [len(text_of(reply)) for reply in replies]

    assert talk(serve, work, timeout_s=10.0) == [100_000, 100_000]
