"""`openai`: OpenAI's chat completions through OpenAI's own SDK.

What reasoning models refuse is told in OpenAI's guide to them: `max_tokens`, `temperature`, `top_p` and penalties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from evalkit.backends.chat_reply import Answer, Secrets, read_answer
from evalkit.backends.chat_stream import STREAMED, ChatStream
from evalkit.backends.hosted import Hosted
from evalkit.backends.hosted.sdk import Account, Door, openai_door
from evalkit.backends.http.events import EventStream
from evalkit.backends.http.reply import Reply
from evalkit.types import JsonValue, Request

_REASONING = re.compile(r"(?:ft:)?(?:o\d|gpt-(?:[5-9]|[1-9]\d))(?!.*-chat\b)")
"""o1, o3, o4-mini …, gpt-5 and what came after it; the models called `-chat` do not reason."""

Reasoning = Literal["auto"] | bool


class OpenAIOptions(Struct, frozen=True, kw_only=True):
    """What a model entry may say about the body of its requests."""

    reasoning: Reasoning = "auto"
    """Whether the model thinks first, and so refuses `max_tokens` and `temperature`; auto: told by its name."""
    leave_out: frozenset[str] = frozenset()
    """Fields of the body that this model refuses besides."""
    extra_body: Mapping[str, JsonValue] = field(default_factory=dict)
    """Merged into every request's body: `tools`, `tool_choice`, `logprobs`, `reasoning_effort` …"""
    stream: bool = False
    """Answers come in pieces, and the time to the first one is taken."""


class OpenAI(Hosted):
    """One of OpenAI's models, a fine-tuned one included."""

    engine = "openai"
    answers_path = "/chat/completions"
    models_path = "/models"
    streamed = STREAMED

    def __init__(self, account: Account, model: str, options: OpenAIOptions, *, timeout_s: float) -> None:
        super().__init__(account, model, timeout_s=timeout_s)
        self._options = options

    def wire(self, request: Request) -> dict[str, JsonValue]:
        """The body of POST /chat/completions."""
        return chat_body(self.model, request, self._options)

    def new_stream(self) -> EventStream | None:
        """What puts a streamed chat completion together."""
        return ChatStream() if self._options.stream else None

    def answer_in(self, reply: Reply, *, secrets: Secrets, now: float) -> Answer:
        """What a chat completion says. Raises BackendError where it holds no answer."""
        return read_answer(reply, secrets=secrets, now=now)

    def new_door(self, *, body_limit_bytes: int) -> Door:
        """OpenAI's SDK."""
        return openai_door(self.account, body_limit_bytes=body_limit_bytes)


def chat_body(model: str, request: Request, options: OpenAIOptions) -> dict[str, JsonValue]:
    """The body of POST /chat/completions for one request."""
    params = request.params
    thinks = is_reasoning(model, options.reasoning)
    body: dict[str, JsonValue] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "max_completion_tokens" if thinks else "max_tokens": params.max_tokens,
    }
    if not thinks:
        body["temperature"] = params.temperature
    if params.seed is not None:
        body["seed"] = params.seed
    if params.response_schema is not None:
        schema: JsonValue = {"name": "answer", "strict": True, "schema": dict(params.response_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    kept = {name: value for name, value in body.items() if name not in options.leave_out}
    return kept | dict(options.extra_body)


def is_reasoning(model: str, asked: Reasoning) -> bool:
    """Whether the model takes the parameters of a reasoning model.

    >>> [is_reasoning(name, "auto") for name in ("gpt-4.1", "o4-mini", "ft:gpt-5-mini:acme::b1", "gpt-5-chat-latest")]
    [False, True, True, False]
    """
    return _REASONING.match(model) is not None if asked == "auto" else asked
