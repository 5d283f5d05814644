"""Server-sent events put together, as they arrive, to the reply they would have been without streaming.

Format: the WHATWG's HTML standard, section 9.2.6: lines of `field: value`, an empty line ends an event, a line that
begins with a colon is a comment. Lines end in LF or CRLF; a lone CR, which no model server sends, ends none.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

from evalkit.backends.http.reply import Reply, ReplyReader
from evalkit.errors import ConnectionLost, ProtocolViolation

OK = 200
STREAM_LIMIT_BYTES = 100_000_000
"""On the wire: an event of 250 bytes a token makes a stream ten and more times as long as its text."""
LINGER_S = 1.0
"""A server that has said that its stream is over gets so long to end its reply too."""
_LONG_BYTES = 262_144
"""What a whole reply holds in 64 KiB took four times as long to say; few answers have so many words."""


class EventStream(ABC):
    """One streamed answer. Feed it the body's bytes; `reply` then gives the whole."""

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._rest = bytearray()
        """A line that is not whole yet."""
        self._searched = 0
        self._data: list[bytes] = []
        """The data lines of an event that is not whole yet."""
        self._coming = 0
        """Bytes of that event."""
        self._held = 0
        """Bytes kept of whole events."""
        self._now = 0.0
        self.first_token_at: float | None = None
        """When the first text came, by `time.perf_counter`; None while there is none."""
        self.ended_at: float | None = None
        """When the stream said it was over; None while it has not."""

    @property
    def is_over(self) -> bool:
        """Nothing more is needed: the server said so, or told of an error."""
        return self.ended_at is not None

    @property
    def size_bytes(self) -> int:
        """What is held of the stream so far."""
        return self._held + self._coming + len(self._rest)

    def feed(self, data: bytes) -> None:
        """Takes in what has arrived. Raises ProtocolViolation for what is no such stream, or too large."""
        if self.is_over:
            return
        self._now = time.perf_counter()
        self._rest += data
        start, end = 0, self._rest.find(b"\n", self._searched)
        while end >= 0 and not self.is_over:
            self._line(bytes(self._rest[start:end]).removesuffix(b"\r"))
            start = end + 1
            end = self._rest.find(b"\n", start)
        del self._rest[:start]
        self._searched = len(self._rest)
        self.keep(0)

    def reply(self, headers: Mapping[str, str]) -> Reply:
        """The whole answer as a reply, now that no more comes. Raises ConnectionLost where its end is missing."""
        if self._data or self._rest:  # the last event lacks its empty line, as some servers have it
            self.feed(b"\n\n")
        status, body = self.whole()
        return Reply(status=status, headers=headers, body=body)

    def keep(self, size_bytes: int) -> None:
        """Counts what is kept of an event. Raises ProtocolViolation once that is too much."""
        self._held += size_bytes
        if self.size_bytes > self._limit:
            raise ProtocolViolation(f"the streamed answer is larger than {self._limit:,} bytes")

    def text_came(self) -> None:
        """The event being taken holds text of the answer."""
        if self.first_token_at is None:
            self.first_token_at = self._now

    def over(self) -> None:
        """The event being taken is the last one."""
        self.ended_at = self._now

    def ttft_s(self, started: float) -> float | None:
        """Seconds from `started`, of `time.perf_counter`, to the first text; None where there was none."""
        return None if self.first_token_at is None else self.first_token_at - started

    def latency_s(self, started: float, otherwise: float) -> float:
        """Seconds from `started` to the stream's own end; `otherwise`, where it named none."""
        return otherwise if self.ended_at is None else self.ended_at - started

    @abstractmethod
    def take(self, event: bytes) -> None:
        """One event's data."""

    def forget(self) -> None:
        """Lets go of all text: an error's traceback keeps the stream alive, and must not keep 10 MB."""
        self._rest, self._data = bytearray(), []
        self.clear()

    @abstractmethod
    def clear(self) -> None:
        """Lets go of what `take` kept."""

    @abstractmethod
    def whole(self) -> tuple[int, bytes]:
        """(status, body) of the reply this would have been. Raises ConnectionLost where the end is missing."""

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
            self._coming += len(line)
        elif not line and self._data:
            event, self._data, self._coming = b"\n".join(self._data), [], 0
            self.take(event)


def cut_off() -> ConnectionLost:
    """What an answer comes to whose stream stopped early: nothing of it is used."""
    return ConnectionLost("the stream ended before the answer was whole")


class StreamReader(ReplyReader):
    """Reads one response and hands its events to `stream` as they come; what is no event stream is read as a whole."""

    long_bytes = _LONG_BYTES

    def __init__(self, stream: EventStream, *, body_limit_bytes: int) -> None:
        super().__init__(body_limit_bytes=body_limit_bytes)
        self._stream = stream
        self._passed = 0

    @property
    def size_bytes(self) -> int:
        """What is held of the reply so far."""
        return super().size_bytes + self._stream.size_bytes

    @property
    def is_over(self) -> bool:
        """The stream said it was over."""
        return self._stream.is_over

    def feed(self, data: bytes) -> Reply | None:
        """The reply once it is whole."""
        reply = super().feed(data)
        if reply is None and self._has_events:
            self._hand_over()
        return reply

    def finish(self) -> Reply:
        """The reply, now that nothing more comes. Raises ConnectionLost when a part is missing."""
        return self._reply() if self._stream.is_over else super().finish()

    @property
    def _has_events(self) -> bool:
        return self._status == OK and self._headers.get("content-type", "").lower().startswith("text/event-stream")

    def _hand_over(self) -> None:
        if self._headers.get("content-encoding", "identity").lower() != "identity":
            raise ProtocolViolation("the stream is compressed, which nobody asked for")
        if self._body:
            self._passed += len(self._body)
            self._stream.feed(bytes(self._body))
            self._body.clear()

    def _check_size(self, size: int) -> None:
        super()._check_size(size)
        if self._passed + size > STREAM_LIMIT_BYTES:
            raise ProtocolViolation(f"the stream is longer than {STREAM_LIMIT_BYTES:,} bytes")

    def _reply(self) -> Reply:
        if not self._has_events:
            return super()._reply()
        self._hand_over()
        return self._stream.reply(self._headers)
