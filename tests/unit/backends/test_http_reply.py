import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.http.reply import ReplyReader, inflate
from evalkit.errors import ConnectionLost, ProtocolViolation

LIMIT = 1000


def read(data, **more):
    return ReplyReader(body_limit_bytes=LIMIT, **more).feed(data)


def plain(body, head=b""):
    return b"HTTP/1.1 200 OK\r\n" + head + b"content-length: %d\r\n\r\n" % len(body) + body


def chunked(pieces):
    chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nx-trailer: 1\r\n\r\n"


@given(st.lists(st.binary(max_size=50), max_size=6), st.lists(st.integers(1, 40), min_size=1), st.booleans())
def test_however_the_bytes_arrive_the_reply_is_the_same(pieces, sizes, is_chunked):
    body = b"".join(pieces)
    data = chunked(pieces) if is_chunked else plain(body)
    reader = ReplyReader(body_limit_bytes=LIMIT)
    position, turn, reply = 0, 0, None
    while position < len(data):
        assert reply is None
        size = sizes[turn % len(sizes)]
        reply = reader.feed(data[position : position + size])
        position, turn = position + size, turn + 1
    assert reply is not None
    assert (reply.status, reply.body) == (200, body)
    assert reader.keeps_alive


@given(st.binary(max_size=400))
def test_noise_is_an_error_or_incomplete_never_a_crash(data):
    reader = ReplyReader(body_limit_bytes=LIMIT)
    try:
        reader.feed(b"HTTP/1.1 200 OK\r\n" + data)
        reader.finish()
    except (ProtocolViolation, ConnectionLost):
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1" * 2000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        plain(b"x", b"content-encoding: br\r\n"),
        plain(b"no gzip", b"content-encoding: gzip\r\n"),
    ],
)
def test_what_is_no_reply_is_refused(data):
    with pytest.raises(ProtocolViolation):
        read(data)


def test_chunks_are_bounded_together():
    with pytest.raises(ProtocolViolation, match="1,000 bytes"):
        read(chunked([b"x" * 600, b"x" * 600]))


def test_interim_replies_are_skipped():
    assert read(b"HTTP/1.1 100 Continue\r\n\r\n" + plain(b"hello")).body == b"hello"


def test_a_body_may_end_with_the_connection():
    reader = ReplyReader(body_limit_bytes=LIMIT)
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    assert reader.finish().body == b"hello"


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 2", plain(b"hello")[:-1], chunked([b"hello"])[:-1]])
def test_an_end_before_the_end_is_a_lost_connection(data):
    reader = ReplyReader(body_limit_bytes=LIMIT)
    assert reader.feed(data) is None
    with pytest.raises(ConnectionLost):
        reader.finish()


@pytest.mark.parametrize("head", [b"connection: close\r\n", b"Connection: Close\r\n"])
def test_a_connection_that_closes_is_not_kept(head):
    reader = ReplyReader(body_limit_bytes=LIMIT)
    assert reader.feed(plain(b"x", head)) is not None
    assert not reader.keeps_alive


def test_bytes_beyond_the_reply_spoil_the_connection():
    reader = ReplyReader(body_limit_bytes=LIMIT)
    assert reader.feed(plain(b"x") + b"HTTP/1.1 200 OK\r\n") is not None
    assert not reader.keeps_alive


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_statuses_without_a_body(status):
    assert read(b"HTTP/1.1 " + status + b"\r\n\r\n").body == b""


def test_a_tunnel_has_no_body():
    assert read(b"HTTP/1.1 200 Connection established\r\n\r\n", is_tunnel=True).status == 200


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, zlib.compress, lambda data: gzip.compress(data[:3], mtime=0) + gzip.compress(data[3:], mtime=0)],
)
def test_inflates(pack):
    assert read(plain(pack(b"hello"), b"content-encoding: gzip\r\n")).body == b"hello"


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"x" * 1001, mtime=0),
        gzip.compress(b"x" * 600, mtime=0) * 2,
        gzip.compress(b"hello", mtime=0)[:-9],
    ],
)
def test_a_bomb_or_a_stump_is_refused(data):
    with pytest.raises(ProtocolViolation):
        inflate(data, limit_bytes=LIMIT)
