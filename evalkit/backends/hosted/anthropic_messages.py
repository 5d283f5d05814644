"""`anthropic`: Anthropic's Messages API through Anthropic's own SDK.

There is no seed. Sampling parameters are refused with a 400 from Claude Opus 4.7 on (Anthropic's migration guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import ClassVar, Literal

from msgspec import Struct, field

from evalkit.backends.chat_reply import Answer, Secrets
from evalkit.backends.hosted import Hosted
from evalkit.backends.hosted.anthropic_reply import ANSWER_TOOL, read_message
from evalkit.backends.hosted.anthropic_stream import MessageStream
from evalkit.backends.hosted.sdk import Account, Door, anthropic_door
from evalkit.backends.http.events import EventStream
from evalkit.backends.http.reply import Reply
from evalkit.types import JsonValue, Message, Request

_OLDER = re.compile(r"claude-(?:[0-3][.-]|instant|(?:opus|sonnet|haiku)-4(?:-[0-6])?(?:-\d{8})?$)")
"""Claude up to 4.6: takes a temperature."""
_BEFORE_SCHEMAS = re.compile(r"claude-(?:[0-3][.-]|instant|(?:opus|sonnet|haiku)-4(?:-[01])?(?:-\d{8})?$)")
"""Claude up to 4.1: knows no schema for its answers, only tools."""
_MARK: Mapping[str, JsonValue] = {"type": "ephemeral"}

Sampling = Literal["auto"] | bool
Structured = Literal["auto", "tool", "schema"]


class AnthropicOptions(Struct, frozen=True, kw_only=True):
    """What a model entry may say about the body of its requests."""

    cache: bool = True
    """Whether the part that all requests share is marked for the provider's prompt cache."""
    sampling: Sampling = "auto"
    """Whether the model takes a temperature; auto: told by its name."""
    structured: Structured = "auto"
    """How an answer is held to a schema: by a tool it has to use, or by the API's own schema; auto: by its name."""
    leave_out: frozenset[str] = frozenset()
    extra_body: Mapping[str, JsonValue] = field(default_factory=dict)
    """Merged into every request's body: `thinking`, `tools`, `tool_choice`, `stop_sequences` …"""
    shots: tuple[Message, ...] = ()
    """The few-shot turns that all requests of the suite begin with."""
    stream: bool = False
    """Answers come in pieces, and the time to the first one is taken."""


class Anthropic(Hosted):
    """One of Anthropic's models, or a model that another server offers by the Messages API."""

    engine = "anthropic"
    answers_path = "/v1/messages"
    models_path = "/v1/models?limit=1000"
    streamed: ClassVar[dict[str, JsonValue]] = {"stream": True}

    def __init__(self, account: Account, model: str, options: AnthropicOptions, *, timeout_s: float) -> None:
        super().__init__(account, model, timeout_s=timeout_s)
        self._options = options

    def wire(self, request: Request) -> dict[str, JsonValue]:
        """The body of POST /v1/messages."""
        return message_body(self.model, request, self._options)

    def new_stream(self) -> EventStream | None:
        """What puts a streamed message together."""
        return MessageStream() if self._options.stream else None

    def answer_in(self, reply: Reply, *, secrets: Secrets, now: float) -> Answer:
        """What a message says. Raises BackendError where it holds no answer."""
        return read_message(reply, secrets=secrets, now=now)

    def new_door(self, *, body_limit_bytes: int) -> Door:
        """Anthropic's SDK."""
        return anthropic_door(self.account, body_limit_bytes=body_limit_bytes)


def message_body(model: str, request: Request, options: AnthropicOptions) -> dict[str, JsonValue]:
    """The body of POST /v1/messages for one request. The seed is not in it: the API has none."""
    params = request.params
    turns = [turn for turn in request.messages if turn.role != "system"]
    system = "\n\n".join(turn.content for turn in request.messages if turn.role == "system")
    has_shots = bool(options.shots) and tuple(turns[: len(options.shots)]) == options.shots
    marked = len(options.shots) - 1 if options.cache and has_shots else None
    body: dict[str, JsonValue] = {
        "model": model,
        "max_tokens": params.max_tokens,
        "messages": list(_alternating(turns, marked)),
    }
    if system:
        body["system"] = [_block(system, is_marked=options.cache)]
    if _OLDER.match(model) or not model.startswith("claude-") if options.sampling == "auto" else options.sampling:
        body["temperature"] = params.temperature
    if params.response_schema is not None:
        body |= _held_to(dict(params.response_schema), by_tool=_uses_tool(model, options.structured))
    kept = {name: value for name, value in body.items() if name not in options.leave_out}
    return kept | dict(options.extra_body)


def _alternating(turns: Sequence[Message], marked: int | None) -> Iterator[JsonValue]:
    """The turns with neighbours of one role joined into blocks of one turn; `marked` ends what is shared."""
    for role, group in groupby(enumerate(turns), key=lambda numbered: numbered[1].role):
        blocks: list[JsonValue] = [_block(turn.content, is_marked=number == marked) for number, turn in group]
        yield {"role": role, "content": blocks}


def _block(text: str, *, is_marked: bool) -> JsonValue:
    block: dict[str, JsonValue] = {"type": "text", "text": text}
    return block | {"cache_control": dict(_MARK)} if is_marked else block


def _uses_tool(model: str, asked: Structured) -> bool:
    if asked == "auto":
        return _BEFORE_SCHEMAS.match(model) is not None or not model.startswith("claude-")
    return asked == "tool"


def _held_to(schema: dict[str, JsonValue], *, by_tool: bool) -> dict[str, JsonValue]:
    if not by_tool:
        return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    tool: dict[str, JsonValue] = {"name": ANSWER_TOOL, "description": "Gives the answer.", "input_schema": schema}
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": ANSWER_TOOL}}
