"""The answers of a scripted server as server-sent events, the way vLLM and Anthropic's API send them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.testing.behaviours import MESSAGES_PATH, Asked, Behaviour, reply_body

EVENTS = "text/event-stream; charset=utf-8"
_PIECES = re.compile(r"\s*\S+|\s+$")
"""A word with the blanks before it: what stands for a token."""


def is_streamed(behaviour: Behaviour, asked: Asked) -> bool:
    """The request asks for events, and the script has an answer in words and no bytes of its own."""
    return asked.payload.get("stream") is True and behaviour.body is None and behaviour.status == 200  # noqa: PLR2004 - HTTP's own number


def event_bytes(behaviour: Behaviour, asked: Asked) -> bytes:
    """The body of the streamed reply: a word an event, then how it ended, then the counts if they were asked for."""
    whole = json.loads(reply_body(behaviour, asked))
    if asked.path == MESSAGES_PATH:
        return b"".join(
            b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
            for event in _message_events(whole)
        )
    wants_usage = (asked.payload.get("stream_options") or {}).get("include_usage") is True
    events = [json.dumps(event).encode() for event in _chat_events(whole, wants_usage=wants_usage)]
    return b"".join(b"data: %b\n\n" % event for event in [*events, b"[DONE]"])


def _chat_events(whole: dict[str, Any], *, wants_usage: bool) -> Iterator[dict[str, Any]]:
    choice, common = whole["choices"][0], {key: whole[key] for key in ("id", "created", "model")}
    message = choice["message"]

    def event(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        made: dict[str, Any] = {"index": 0, "delta": dict(delta), "finish_reason": finish}
        return {**common, "object": "chat.completion.chunk", "choices": [made]}

    content = message.get("content")
    yield event({"role": "assistant", "content": ""})
    if content is None:  # what a reply that is not streamed has where the model thought and then said nothing
        yield event({"reasoning_content": "hm"})
    for piece in _PIECES.findall(content or ""):
        yield event({"content": piece})
    if message.get("refusal"):
        yield event({"refusal": message["refusal"]})
    for index, call in enumerate(message.get("tool_calls") or ()):
        said = call["function"]["arguments"]
        head = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield event({"tool_calls": [head]})
        for half in (said[: len(said) // 2], said[len(said) // 2 :]):
            yield event({"tool_calls": [{"index": index, "function": {"arguments": half}}]})
    yield event({}, choice["finish_reason"])
    if wants_usage and "usage" in whole:
        yield {**common, "object": "chat.completion.chunk", "choices": [], "usage": whole["usage"]}


def _message_events(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    usage = whole.get("usage")
    began = {**whole, "content": None if whole["content"] is None else [], "stop_reason": None}
    yield {"type": "message_start", "message": began | ({"usage": {**usage, "output_tokens": 1}} if usage else {})}
    for index, block in enumerate(whole["content"] or ()):
        is_tool = block["type"] == "tool_use"
        said = json.dumps(block["input"]) if is_tool else block["text"]
        empty: dict[str, Any] = {"input": {}} if is_tool else {"text": ""}
        yield {"type": "content_block_start", "index": index, "content_block": block | empty}
        yield {"type": "ping"}
        for piece in _PIECES.findall(said):
            delta = {"type": "input_json_delta", "partial_json": piece}
            delta = delta if is_tool else {"type": "text_delta", "text": piece}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": whole["stop_reason"]}}
    yield ending | ({"usage": {"output_tokens": usage["output_tokens"]}} if usage else {})
    yield {"type": "message_stop"}
