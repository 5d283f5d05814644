"""HTTP/1.1 responses from bytes (RFC 9112), bounded in size before and after inflating. No I/O.

Why not a client library: the fast ones run a thread of their own that can abort the interpreter while it exits,
and an exit code is what evalkit is for; the others cost 0.3 to 3 ms of CPU a request.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

from evalkit.errors import ConnectionLost, ProtocolViolation

_HEAD_LIMIT_BYTES = 65_536
_MEMBERS_LIMIT = 64
"""Parts of one compressed body; a body of empty ones alone would keep the event loop busy for hours."""
_LENGTH_DIGITS = 18
_NO_BODY = frozenset({204, 304})


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole response."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; repeated ones joined by a comma."""
    body: bytes


class ReplyReader:
    """Reads one response. Feed it bytes until it returns the Reply."""

    long_bytes = 65_536
    """Longer replies are read one after the other: 256 servers' worth of 10 MB each would fill the memory."""

    def __init__(self, *, body_limit_bytes: int, is_tunnel: bool = False) -> None:
        self._limit = body_limit_bytes
        self._is_tunnel = is_tunnel
        """The answer to CONNECT: a 2xx ends with its head."""
        self._buffer = bytearray()
        self._body = bytearray()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._missing: int | None = None
        """Bytes of the body still to come, where the length is known."""
        self._is_chunked = False
        self._was_http10 = False
        self._head_bytes = 0
        """Of the interim replies before the real one too: they must come to an end."""
        self._searched = 0

    @property
    def size_bytes(self) -> int:
        """What is held of the reply so far."""
        return len(self._body) + len(self._buffer)

    @property
    def is_over(self) -> bool:
        """`finish` has all it needs, although the server has not ended the reply."""
        return False

    @property
    def keeps_alive(self) -> bool:
        """The connection may carry another request, once the reply was returned by `feed`."""
        connection = self._headers.get("connection", "").lower()
        return "close" not in connection and not self._was_http10 and not self._buffer

    def feed(self, data: bytes) -> Reply | None:
        """The reply once it is whole. Raises ProtocolViolation for anything that is no HTTP or is too large."""
        self._buffer += data
        while not self._status:
            if not self._read_head():
                return None
        if self._is_chunked:
            is_whole = self._read_chunks()
        elif self._missing is not None:
            is_whole = self._read_length(self._missing)
        else:
            self._take(len(self._buffer))
            is_whole = False
        return self._reply() if is_whole else None

    def finish(self) -> Reply:
        """The reply, now that the server closed the connection. Raises ConnectionLost when a part is missing."""
        if self._status and self._missing is None and not self._is_chunked:
            return self._reply()
        part = "in the middle of its answer" if self._status or self._buffer else "without an answer"
        raise ConnectionLost(f"the server closed the connection {part}")

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            if self._head_bytes + len(self._buffer) > _HEAD_LIMIT_BYTES:
                raise ProtocolViolation("the reply's headers exceed 64 KiB")
            self._searched = max(0, len(self._buffer) - 3)
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        self._searched = 0
        self._head_bytes += end + 4
        version, _, rest = first.partition(" ")
        code = rest[:3]
        if not version.startswith("HTTP/1.") or len(code) != len("200") or not code.isdecimal() or code < "100":
            raise ProtocolViolation("what answers there does not speak HTTP/1.1")
        if code.startswith("1"):  # an interim response (100 Continue, 103 Early Hints): the real one follows
            return True
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self._status, self._headers, self._was_http10 = int(code), headers, version == "HTTP/1.0"
        self._frame_body()
        return True

    def _frame_body(self) -> None:
        """Decides how the body ends (RFC 9112 §6.3)."""
        length = self._headers.get("content-length")
        if self._status in _NO_BODY or (self._is_tunnel and self._status < 300):  # noqa: PLR2004 - any 2xx
            self._missing = 0
        elif "transfer-encoding" in self._headers:
            if self._headers["transfer-encoding"].lower() != "chunked":
                raise ProtocolViolation("the reply uses a transfer encoding that nobody asked for")
            self._is_chunked = True
        elif length is not None:
            if not length.isdecimal() or len(length) > _LENGTH_DIGITS:
                raise ProtocolViolation("the reply's content-length is no number")
            self._missing = int(length)
            self._check_size(self._missing)

    def _read_length(self, missing: int) -> bool:
        count = min(missing, len(self._buffer))
        self._take(count)
        self._missing = missing - count
        return self._missing == 0

    def _read_chunks(self) -> bool:
        while True:
            line_end = self._buffer.find(b"\r\n", 0, 1024)
            if line_end < 0:
                if len(self._buffer) > 1024:  # noqa: PLR2004 - no chunk size needs a line this long
                    raise ProtocolViolation("the reply's chunks are malformed")
                return False
            size = _chunk_size(bytes(self._buffer[:line_end]))
            self._check_size(len(self._body) + size)
            if size == 0:
                return self._skip_trailer(line_end)
            start, end = line_end + 2, line_end + 2 + size
            if len(self._buffer) < end + 2:
                return False
            self._body += self._buffer[start:end]
            del self._buffer[: end + 2]

    def _skip_trailer(self, line_end: int) -> bool:
        end = self._buffer.find(b"\r\n\r\n", line_end)
        if end < 0:
            if len(self._buffer) > _HEAD_LIMIT_BYTES:
                raise ProtocolViolation("the reply's trailers exceed 64 KiB")
            return False
        del self._buffer[: end + 4]
        return True

    def _take(self, count: int) -> None:
        self._check_size(len(self._body) + count)
        self._body += self._buffer[:count]
        del self._buffer[:count]

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise ProtocolViolation(f"the reply's body is larger than {self._limit:,} bytes")

    def _reply(self) -> Reply:
        encoding = self._headers.get("content-encoding", "identity").lower()
        body = bytes(self._body)
        if encoding in {"gzip", "x-gzip", "deflate"}:
            body = inflate(body, limit_bytes=self._limit)
        elif encoding != "identity":
            raise ProtocolViolation(f"the reply is encoded as {encoding[:40]!r}, which nobody asked for")
        return Reply(status=self._status, headers=self._headers, body=body)


def inflate(data: bytes, *, limit_bytes: int) -> bytes:
    """`data` without gzip or zlib; all members of it. Raises ProtocolViolation above `limit_bytes` or when broken."""
    out = bytearray()
    for _ in range(_MEMBERS_LIMIT):
        if not data:
            return bytes(out)
        # 32 + 15: detect gzip or zlib by its header, largest window (zlib's manual, inflateInit2).
        inflater = zlib.decompressobj(wbits=47)
        try:
            out += inflater.decompress(data, limit_bytes - len(out) + 1)
        except zlib.error as error:
            raise ProtocolViolation("the reply's compressed body is damaged") from error
        if len(out) > limit_bytes:
            raise ProtocolViolation(f"the reply's body inflates to more than {limit_bytes:,} bytes")
        if not inflater.eof:
            raise ProtocolViolation("the reply's compressed body stops in the middle")
        data = inflater.unused_data
    raise ProtocolViolation(f"the reply's compressed body has more than {_MEMBERS_LIMIT} parts")


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        size = int(digits, 16)
    except ValueError as error:
        raise ProtocolViolation("the reply's chunks are malformed") from error
    if size < 0:
        raise ProtocolViolation("the reply's chunks are malformed")
    return size
