"""A streamed chat completion put together to the one it would have been, by OpenAI's and by vLLM's chunks.

Shapes: `{"choices": [{"index", "delta": {"content", "refusal", "tool_calls"}, "finish_reason"}], "usage"}`, the last
one followed by `[DONE]`; an error may come in between as `{"error": {"message", "type", "code"}}`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from evalkit.backends.http.events import OK, EventStream, cut_off
from evalkit.backends.http.pool import BODY_LIMIT_BYTES
from evalkit.errors import ProtocolViolation
from evalkit.types import JsonValue

STREAMED: dict[str, JsonValue] = {"stream": True, "stream_options": {"include_usage": True}}
"""What a body has besides when its answer is to be streamed. Not part of a fingerprint: it changes no answer."""
_DONE = b"[DONE]"
_TEXT_PARTS = ("text", "output_text")
_PIECE_BYTES = 64
"""What Python takes for one more string in a list."""
_STATUS_OF_WORDS = (("rate_limit", 429), ("overloaded", 529), ("server_error", 500), ("api_error", 500))
"""Parts of an error's type or code → the status it would have come with, had it come before the first token."""
_encode = msgspec.json.Encoder().encode


def streamed(wire: Mapping[str, JsonValue], besides: Mapping[str, JsonValue] = STREAMED) -> dict[str, JsonValue]:
    """The body that asks for the same answer in pieces; `stream_options: null` in it leaves those out."""
    body = {**besides, **wire}
    if body.get("stream_options", True) is None:
        del body["stream_options"]
    return body


class _Delta(msgspec.Struct):
    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    reasoning: Any = None
    reasoning_content: Any = None
    """vLLM's newer and older word for thoughts; they are no part of the answer."""


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    model: str | None = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Chunk)


class ChatStream(EventStream):
    """The chunks of one streamed chat completion."""

    def __init__(self, *, limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        super().__init__(limit_bytes=limit_bytes)
        self.clear()
        self._model: str | None = None
        self._usage: Any = None
        self._finish_reason: str | None = None
        self._has_choice = self._has_text = self._has_thoughts = False

    def clear(self) -> None:
        """Lets go of the answer's text."""
        self._text, self._refusal = io.StringIO(), io.StringIO()
        self._calls: dict[int, _Call] = {}
        self._error: tuple[int, bytes] | None = None

    def take(self, event: bytes) -> None:
        """One chunk."""
        if event.strip() == _DONE:
            self.over()
            return
        chunk = _chunk(event)
        if chunk.error:
            self._error = (status_of(chunk.error), event)
            self.over()
            return
        self._model = chunk.model or self._model
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices or ():
            if choice.index == 0:
                self._has_choice = True
                self._finish_reason = choice.finish_reason or self._finish_reason
                if choice.delta is not None:
                    self._add(choice.delta)

    def whole(self) -> tuple[int, bytes]:
        """(status, body) of the chat completion. Raises ConnectionLost where no word of its end came."""
        if self._error is not None:
            return self._error
        if not self.is_over and self._finish_reason is None:
            raise cut_off()
        message: dict[str, JsonValue] = {"role": "assistant", "content": None}
        # No text at all adds up to an empty answer, unless the model only thought or the server gives no reason to end.
        is_empty = self._finish_reason is not None and not (self._calls or self._has_thoughts)
        if self._has_text or is_empty:
            message["content"] = self._text.getvalue()
        if refusal := self._refusal.getvalue():
            message["refusal"] = refusal
        if self._calls:
            message["tool_calls"] = [call.whole() for _, call in sorted(self._calls.items())]
        choices: list[JsonValue] = [{"index": 0, "message": message, "finish_reason": self._finish_reason}]
        body: dict[str, JsonValue] = {"model": self._model, "choices": choices if self._has_choice else []}
        if self._usage is not None:
            body["usage"] = self._usage
        try:
            return OK, _encode(body)
        except UnicodeEncodeError:  # half of a pair of surrogates; escaped, both halves are one letter again
            return OK, json.dumps(body).encode("ascii")

    def _add(self, delta: _Delta) -> None:
        content = delta.content
        if isinstance(content, list):
            content = text_of(content)
        self._has_text |= bool(content)
        self._has_thoughts |= bool(delta.reasoning or delta.reasoning_content)
        for text, kept in ((content, self._text), (delta.refusal, self._refusal)):
            if text:
                kept.write(text)
                self.keep(len(text))
                self.text_came()
        for piece in delta.tool_calls or ():
            self._add_call(piece)

    def _add_call(self, piece: dict[str, Any]) -> None:
        index = piece.get("index")
        if not isinstance(index, int):  # some servers send each call whole and number none
            index = len(self._calls)
        call = self._calls.setdefault(index, _Call())
        self.keep(call.add(piece))
        self.text_came()


class _Call:
    """One tool call, its arguments in pieces."""

    def __init__(self) -> None:
        self._facts: dict[str, JsonValue] = {}
        self._name = ""
        self._arguments: list[str] = []

    def add(self, piece: dict[str, Any]) -> int:
        """Takes in one piece; returns about how many bytes it takes to keep."""
        size = _PIECE_BYTES
        for key in ("id", "type"):
            if isinstance(piece.get(key), str):
                self._facts[key] = piece[key]
        function = piece.get("function")
        if isinstance(function, dict):
            name, arguments = function.get("name"), function.get("arguments")
            if isinstance(name, str) and name:
                self._name = name
                size += len(name)
            if isinstance(arguments, str) and arguments:
                self._arguments.append(arguments)
                size += len(arguments)
        return size

    def whole(self) -> dict[str, JsonValue]:
        """The call as a reply that is not streamed has it."""
        return {**self._facts, "function": {"name": self._name, "arguments": "".join(self._arguments)}}


def text_of(parts: Iterable[Mapping[str, Any]]) -> str:
    """The answer in content that comes as a list of parts; thoughts and pictures among them are none of it."""
    texts = (part.get("text") for part in parts if (part.get("type") or "text") in _TEXT_PARTS)
    return "".join(text for text in texts if isinstance(text, str))


def status_of(error: object) -> int:
    """The HTTP status that an error inside a 200, whole or streamed, stands for; 200 where it does not tell."""
    if not isinstance(error, dict):
        return OK
    words = [str(error.get(key) or "").lower() for key in ("code", "type")]
    for word in words:
        if word.isdecimal() and len(word) == 3 and word[0] in "45":  # noqa: PLR2004 - digits of an HTTP status
            return int(word)
    return next((status for part, status in _STATUS_OF_WORDS if any(part in word for word in words)), OK)


def _chunk(event: bytes) -> _Chunk:
    try:
        return _DECODER.decode(event)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(f"the stream holds JSON that is no part of a chat completion: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:  # msgspec refuses lone surrogates, which json keeps
        return msgspec.convert(json.loads(event), _Chunk)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(f"the stream holds JSON that is no part of a chat completion: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation("the stream holds an event that is no JSON") from error
