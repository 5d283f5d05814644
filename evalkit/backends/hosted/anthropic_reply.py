"""What a reply of Anthropic's Messages API means: a Response, or the typed error it stands for. Pure.

Shapes: `POST /v1/messages` (content blocks, `stop_reason`, `usage`) and `{"type": "error", "error": {"type",
"message"}}`, as the API's reference describes them and gateways and vLLM speak them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from evalkit.backends.chat_reply import Answer, Secrets, error_for, error_within, why_not_json
from evalkit.backends.counts import believable, count, within
from evalkit.backends.http.reply import Reply
from evalkit.errors import Overloaded, ProtocolViolation
from evalkit.types import Finish, Usage

ANSWER_TOOL = "answer"
"""The one tool a model is made to use where an answer has to keep to a schema."""
_OK = 200
_FINISH: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
    "tool_use": "tool_calls",
}
_GAVE_UP = frozenset({"abort", "error"})


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    name: str = ""
    input: Any = None
    id: str = ""


class _Message(msgspec.Struct):
    content: list[_Block] | None = None
    stop_reason: str | None = None
    usage: Any = None
    """Read by hand: odd counts are no reason to lose the answer beside them."""
    model: str | None = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Message)


def read_message(reply: Reply, *, secrets: Secrets, now: float) -> Answer:
    """The model's answer, also when it is empty or a refusal. Raises BackendError where there is none."""
    if reply.status != _OK:
        raise error_for(reply, secrets=secrets, now=now)
    message = _message(reply.body)
    if message.error:
        raise error_within(reply, secrets=secrets)
    text, finish = _text_and_finish(message)
    return Answer(text=text, finish=finish, usage=_usage(message.usage), served_model=message.model)


def _message(body: bytes) -> _Message:
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(f"the reply is JSON, but no message: {error}", status=_OK) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:  # msgspec refuses lone surrogates, which json keeps
        return msgspec.convert(json.loads(body), _Message)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(f"the reply is JSON, but no message: {error}", status=_OK) from error
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(why_not_json(body), status=_OK) from error


def _text_and_finish(message: _Message) -> tuple[str, Finish]:
    reason = message.stop_reason
    if reason in _GAVE_UP:
        raise Overloaded(f"the server gave up on this answer (stop_reason {reason!r})", status=_OK)
    if reason == "pause_turn":
        raise ProtocolViolation("the model paused its turn for a tool of the vendor's: there is no answer", status=_OK)
    finish = _FINISH.get("end_turn" if reason is None else reason)
    if finish is None:
        raise ProtocolViolation(f"the reply ends with an unknown stop_reason: {str(reason)[:40]!r}", status=_OK)
    if message.content is None and finish not in {"length", "refusal"}:
        raise ProtocolViolation("the reply holds no answer (no content)", status=_OK)
    blocks = message.content or []
    text = "".join(block.text for block in blocks if block.type == "text")
    used = [block for block in blocks if block.type == "tool_use"]
    if len(used) == 1 and used[0].name == ANSWER_TOOL:
        return json.dumps(used[0].input, ensure_ascii=False), "stop" if finish == "tool_calls" else finish
    if used and not text:
        calls = [{"id": block.id, "name": block.name, "input": block.input} for block in used]
        return json.dumps(calls, ensure_ascii=False), finish
    return text, finish


def _usage(usage: object) -> Usage:
    """The counts; Anthropic tells the cached parts of a prompt apart from `input_tokens`, and here they are in it."""
    read, written = (count(within(usage, key)) for key in ("cache_read_input_tokens", "cache_creation_input_tokens"))
    fresh = count(within(usage, "input_tokens"))
    return believable(
        Usage(
            input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
            output_tokens=count(within(usage, "output_tokens")),
            cached_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=count(within(within(usage, "output_tokens_details"), "thinking_tokens")),
        )
    )
