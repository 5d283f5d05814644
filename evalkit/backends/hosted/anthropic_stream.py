"""A streamed message of Anthropic's Messages API put together to the one it would have been.

Events, as the API's reference on streaming describes them: `message_start`, for each block of content
`content_block_start`, `content_block_delta` … and `content_block_stop`, then `message_delta` and `message_stop`; `ping`
and `error` in between.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from evalkit.backends.chat_stream import status_of
from evalkit.backends.http.events import OK, EventStream, cut_off
from evalkit.backends.http.pool import BODY_LIMIT_BYTES
from evalkit.errors import ProtocolViolation
from evalkit.types import JsonValue

_PIECES = {"text_delta": "text", "input_json_delta": "partial_json"}
"""Kinds of delta that belong to the answer → where their text stands; thoughts and signatures do not."""
_PIECE_BYTES = 64
"""What Python takes for one more string in a list."""


class _Event(msgspec.Struct):
    type: str
    message: dict[str, Any] | None = None
    index: int = 0
    content_block: dict[str, Any] | None = None
    delta: dict[str, Any] | None = None
    usage: Any = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Event)


class MessageStream(EventStream):
    """The events of one streamed message."""

    def __init__(self, *, limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        super().__init__(limit_bytes=limit_bytes)
        self.clear()
        self._usage: dict[str, Any] = {}
        self._stop_reason: str | None = None

    def clear(self) -> None:
        """Lets go of the answer's text."""
        self._message: dict[str, Any] | None = None
        self._blocks: dict[int, tuple[dict[str, Any], list[str]]] = {}
        """Index → (the block as it began, pieces of its text or of its input's JSON)."""
        self._error: tuple[int, bytes] | None = None

    def take(self, event: bytes) -> None:
        """One event."""
        said = _event(event)
        match said.type:
            case "message_start":
                self._message = said.message or {}
                self._count(self._message.get("usage"))
                self._usage.pop("output_tokens", None)  # a placeholder, told before anything was written
            case "content_block_start":
                self._blocks[said.index] = (dict(said.content_block or {}), [])
                self.keep(len(event))
            case "content_block_delta" if said.delta is not None:
                self._add(said.index, said.delta)
            case "message_delta":
                self._stop_reason = (said.delta or {}).get("stop_reason") or self._stop_reason
                self._count(said.usage)
            case "message_stop":
                self.over()
            case "error":
                self._error = (status_of(said.error), event)
                self.over()

    def whole(self) -> tuple[int, bytes]:
        """(status, body) of the message. Raises ConnectionLost where no word of its end came."""
        if self._error is not None:
            return self._error
        if self._message is None or not (self.is_over or self._stop_reason):
            raise cut_off()
        blocks: list[JsonValue] = [_block(*self._blocks[index]) for index in sorted(self._blocks)]
        content = blocks or self._message.get("content", [])
        body = {"model": self._message.get("model"), "content": content, "stop_reason": self._stop_reason}
        return OK, json.dumps(body | ({"usage": self._usage} if self._usage else {})).encode("ascii")

    def _count(self, usage: object) -> None:
        """Later counts replace earlier ones; one that is null takes nothing back."""
        if isinstance(usage, dict):
            self._usage |= {key: value for key, value in usage.items() if value is not None}

    def _add(self, index: int, delta: dict[str, Any]) -> None:
        text = delta.get(_PIECES.get(str(delta.get("type")), ""))
        if isinstance(text, str) and text:
            self._blocks.setdefault(index, ({"type": "text"}, []))[1].append(text)
            self.keep(len(text) + _PIECE_BYTES)
            self.text_came()


def _block(began: dict[str, Any], pieces: list[str]) -> dict[str, Any]:
    text = "".join(pieces)
    if began.get("type") != "tool_use":
        return began | {"text": str(began.get("text") or "") + text}
    try:
        return began | ({"input": json.loads(text)} if text else {})
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation("the stream's tool input is no JSON") from error


def _event(event: bytes) -> _Event:
    try:
        return _DECODER.decode(event)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(f"the stream holds JSON that is no part of a message: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:  # msgspec refuses lone surrogates, which json keeps
        return msgspec.convert(json.loads(event), _Event)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(f"the stream holds JSON that is no part of a message: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation("the stream holds an event that is no JSON") from error
