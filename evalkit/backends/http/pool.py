"""Keep-alive connections to one origin: bytes of a request in, a whole reply or a typed error out."""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from collections import deque
from typing import cast
from urllib.parse import urlsplit

from evalkit.backends.http.deadlines import Deadlines
from evalkit.backends.http.endpoint import Endpoint
from evalkit.backends.http.events import LINGER_S, EventStream, StreamReader
from evalkit.backends.http.reply import Reply, ReplyReader
from evalkit.errors import BackendError, ConnectionLost, TimedOut

CONNECT_TIMEOUT_S = 5.0
SILENCE_S = 60.0
"""A reply that has begun must go on: so long without a byte, and it is given up."""
BODY_LIMIT_BYTES = 10_000_000
_IDLE_LIMIT_S = 4.0
"""uvicorn and node close idle connections after 5 s; reusing one in that moment would lose the request."""
_RECEIVE_BYTES = 65_536


class HttpPool:
    """Sends requests to one endpoint, each once. Opens as many connections as there are requests at a time."""

    def __init__(self, endpoint: Endpoint, *, body_limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        self._endpoint = endpoint
        self._body_limit_bytes = body_limit_bytes
        self._idle: deque[tuple[float, _Connection]] = deque()
        self._open: set[_Connection] = set()
        self._tls: ssl.SSLContext | None = None
        self._deadlines = Deadlines[_Connection](_Connection.expire)
        self._long = _LongReplies()
        # One for all connections: the event loop fills it and hands it over before it serves another.
        self._received = memoryview(bytearray(_RECEIVE_BYTES))

    async def send(self, request: bytes, *, timeout_s: float, stream: EventStream | None = None) -> Reply:
        """The reply to one request, connecting included. Raises TimedOut, ConnectionLost or ProtocolViolation.

        Server-sent events go to `stream` as they come, which puts the reply's body together.
        """
        ends_at = asyncio.get_running_loop().time() + timeout_s
        connection = self._reusable() or await self._connect(timeout_s)
        try:
            reply = await connection.exchange(request, ends_at=ends_at, timeout_s=timeout_s, stream=stream)
        finally:
            if connection.is_reusable:
                self._idle.append((asyncio.get_running_loop().time(), connection))
            else:
                self._open.discard(connection)
                connection.abort()
        return reply

    async def close(self) -> None:
        """Closes every connection; requests under way end in ConnectionLost."""
        self._deadlines.close()
        self._idle.clear()
        while self._open:
            self._open.pop().abort()
        await asyncio.sleep(0)  # lets the transports run their close callbacks

    def _reusable(self) -> _Connection | None:
        """The connection used last, as long as it is young and alive."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, connection = self._idle.pop()
            if connection.is_reusable and now - since < _IDLE_LIMIT_S:
                return connection
            self._open.discard(connection)
            connection.abort()
        return None

    async def _connect(self, timeout_s: float) -> _Connection:
        endpoint = self._endpoint
        limit_s = min(CONNECT_TIMEOUT_S, timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                connection = await self._dial()
        except TimeoutError as error:
            raise ConnectionLost(f"no connection to {endpoint.netloc} within {limit_s:g} s") from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConnectionLost(f"no connection to {endpoint.netloc}: {reason}") from error
        self._open.add(connection)
        return connection

    async def _dial(self) -> _Connection:
        loop = asyncio.get_running_loop()
        endpoint = self._endpoint
        proxy = None if endpoint.is_loopback else _proxy(endpoint)
        host, port = proxy or (endpoint.host, endpoint.port)
        tls = self._tls_context() if endpoint.scheme == "https" else None
        _, connection = await loop.create_connection(
            lambda: _Connection(self._received, self._deadlines, self._long, self._body_limit_bytes),
            host,
            port,
            ssl=None if proxy else tls,
        )
        if proxy and tls:
            try:
                await connection.tunnel(endpoint, tls)
            except BaseException:
                connection.abort()
                raise
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _proxy(endpoint: Endpoint) -> tuple[str, int] | None:
    """The proxy that the environment names for this endpoint (HTTPS_PROXY, NO_PROXY), https only."""
    named = urllib.request.getproxies().get("https")
    if endpoint.scheme != "https" or not named or urllib.request.proxy_bypass(endpoint.host):
        return None
    parts = urlsplit(named if "//" in named else f"http://{named}")
    return (parts.hostname, parts.port or 80) if parts.hostname else None


class _LongReplies:
    """Whose long reply is read now, and whose is next."""

    def __init__(self) -> None:
        self._reading: _Connection | None = None
        self._waiting: deque[_Connection] = deque()

    def is_turn_of(self, connection: _Connection) -> bool:
        """True when that connection may read on; else it is told when it may."""
        if self._reading is None:
            self._reading = connection
        elif self._reading is not connection:
            self._waiting.append(connection)
        return self._reading is connection

    def leave(self, connection: _Connection) -> None:
        """That connection's reply is over, however it ended."""
        if self._reading is connection:
            self._reading = self._waiting.popleft() if self._waiting else None
            if self._reading is not None:
                self._reading.read_on()
        elif connection in self._waiting:
            self._waiting.remove(connection)


class _Connection(asyncio.BufferedProtocol):
    """One connection, one request at a time."""

    def __init__(
        self, received: memoryview, deadlines: Deadlines[_Connection], long: _LongReplies, body_limit_bytes: int
    ) -> None:
        self._received = received
        self._deadlines = deadlines
        self._long = long
        self._body_limit_bytes = body_limit_bytes
        self._transport: asyncio.Transport | None = None
        self._reader: ReplyReader | None = None
        self._waiter: asyncio.Future[Reply] | None = None
        self._ends_at = 0.0
        self._timeout_s = 0.0
        self._is_late = True
        """What the deadline stands for: the end of all patience, or else of the silence amid a reply."""
        self._is_long = False
        self.is_reusable = False

    async def exchange(
        self,
        request: bytes,
        *,
        ends_at: float,
        timeout_s: float,
        is_tunnel: bool = False,
        stream: EventStream | None = None,
    ) -> Reply:
        """The reply to `request`, which must be there at `ends_at` of the loop's time; `timeout_s` is for the words.

        When it raises, or is cancelled, the connection is of no further use.
        """
        self.is_reusable = False
        if self._transport is None or self._transport.is_closing():
            raise ConnectionLost("the server closed the connection without an answer")
        limit = self._body_limit_bytes
        self._reader = (
            ReplyReader(body_limit_bytes=limit, is_tunnel=is_tunnel)
            if stream is None
            else StreamReader(stream, body_limit_bytes=limit)
        )
        self._waiter = asyncio.get_running_loop().create_future()
        self._ends_at, self._timeout_s, self._is_late = ends_at, timeout_s, True
        self._deadlines.set(self, ends_at)
        self._transport.write(request)
        try:
            reply = await self._waiter
            self.is_reusable = self._reader.keeps_alive and not self._transport.is_closing()
        finally:
            self._waiter = self._reader = None  # an error's traceback must not keep 10 MB alive
            if stream is not None:
                stream.forget()
            self._deadlines.drop(self)
            if self._is_long:
                self._is_long = False
                self._long.leave(self)
        return reply

    async def tunnel(self, endpoint: Endpoint, tls: ssl.SSLContext) -> None:
        """Asks the proxy at the other end for a way to `endpoint` and speaks TLS with it from then on."""
        target = f"{endpoint.host}:{endpoint.port}"
        loop = asyncio.get_running_loop()
        reply = await self.exchange(
            f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n".encode(),
            ends_at=loop.time() + CONNECT_TIMEOUT_S,
            timeout_s=CONNECT_TIMEOUT_S,
            is_tunnel=True,
        )
        if reply.status // 100 != 2:  # noqa: PLR2004 - any 2xx
            raise ConnectionLost(f"the proxy refused a connection to {target} (HTTP {reply.status})")
        transport = cast("asyncio.Transport", self._transport)
        self._transport = await loop.start_tls(transport, self, tls, server_hostname=endpoint.host)

    def expire(self) -> None:
        """Gives up on the reply: its time is over."""
        if self._waiter is not None and not self._waiter.done():
            if self._reader is not None and self._reader.is_over:
                self._end()
                return
            late, silent = f"no whole answer within {self._timeout_s:g} s", f"the answer stopped for {SILENCE_S:g} s"
            self._waiter.set_exception(TimedOut(late if self._is_late else silent))
        self.abort()

    def abort(self) -> None:
        """Closes the connection at once."""
        self.is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return self._received

    def buffer_updated(self, nbytes: int) -> None:
        if self._waiter is None or self._waiter.done() or self._reader is None:
            self.abort()  # bytes nobody asked for: whatever they are, they are not the next answer
            return
        try:
            reply = self._reader.feed(bytes(self._received[:nbytes]))
        except BackendError as error:
            self._waiter.set_exception(error.with_traceback(None))
            self.abort()
            return
        if reply is not None:
            self._waiter.set_result(reply)
            return
        if not self._is_long and self._reader.size_bytes > self._reader.long_bytes:
            self._is_long = True
            if self._transport is not None and not self._long.is_turn_of(self):
                self._transport.pause_reading()
                self._is_late = True
                self._deadlines.set(self, self._ends_at)
                return
        self._expect_more()

    def read_on(self) -> None:
        """It is this connection's turn to read a long reply."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._expect_more()

    def _expect_more(self) -> None:
        is_over = self._reader is not None and self._reader.is_over
        silent_at = asyncio.get_running_loop().time() + (LINGER_S if is_over else SILENCE_S)
        self._is_late = self._ends_at <= silent_at
        self._deadlines.set(self, min(self._ends_at, silent_at))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_reusable = False
        if self._waiter is None or self._waiter.done() or self._reader is None:
            return
        if exc is not None and not self._reader.is_over:
            reason = getattr(exc, "strerror", None) or type(exc).__name__
            self._waiter.set_exception(ConnectionLost(f"the connection broke: {reason}"))
            return
        self._end()

    def _end(self) -> None:
        """Nothing more comes: what has arrived is the reply, or says what is missing."""
        if self._waiter is None or self._reader is None:
            return
        try:
            self._waiter.set_result(self._reader.finish())
        except BackendError as error:
            self._waiter.set_exception(error.with_traceback(None))
        self.abort()
