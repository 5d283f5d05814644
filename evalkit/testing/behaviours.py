"""What a scripted server does with a request: answer, refuse, dawdle, lie or hang up. All data, all frozen."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

CHAT_PATH = "/v1/chat/completions"
MESSAGES_PATH = "/v1/messages"
"""The same model asked by Anthropic's Messages API: rules for CHAT_PATH hold for it too."""
ANSWER_PATHS = frozenset({CHAT_PATH, MESSAGES_PATH})
MODELS_PATH = "/v1/models"
EMBEDDINGS_PATH = "/v1/embeddings"
"""Nothing is embedded without a rule for this path."""
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use"}


class Asked(Struct, frozen=True, kw_only=True):
    """One request as the server received it."""

    number: int
    """0-based, in order of arrival, over all paths."""
    attempt: int
    """1 for the first request with this path and body, 2 for its first repetition …"""
    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    body_sha256: str
    payload: Mapping[str, Any]
    """The body as JSON; empty when it was none."""

    @property
    def model(self) -> str:
        """The model asked for; empty when none was named."""
        return str(self.payload.get("model", ""))

    @property
    def messages(self) -> tuple[tuple[str, str], ...]:
        """The conversation as (role, content) pairs; a system prompt apart comes first."""
        system = self.payload.get("system")
        turns = [{"role": "system", "content": system}] if system else []
        return tuple(
            (str(m.get("role")), _words(m.get("content"))) for m in [*turns, *self.payload.get("messages", ())]
        )

    @property
    def prompt(self) -> str:
        """The content of the last user turn; empty when there is none."""
        return next((content for role, content in reversed(self.messages) if role == "user"), "")


class Behaviour(Struct, frozen=True, kw_only=True):
    """One way to treat a request. The functions below build the usual ones."""

    kind: str = "answer"
    """How the ledger calls it."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | Callable[[Asked], str] = "ok"
    """The model's words."""
    body: bytes | Callable[[Asked], bytes] | None = None
    """Sent as it is instead of a chat completion."""
    content_type: str = "application/json"
    finish_reason: str | None = "stop"
    model: str | None = None
    """The model named in the reply; None = the one asked for."""
    usage: Mapping[str, Any] | None = None
    """None = words of the prompt and of the answer; an empty mapping = the reply says nothing."""
    message: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the reply's message object (`content: None`, `refusal`, `tool_calls` …)."""
    delay_s: float | Callable[[Asked], float] = 0.0
    """Before the first byte."""
    drip_s: float = 0.0
    """Pause between pieces of `drip_bytes` bytes; 0 = all at once."""
    drip_bytes: int = 1
    cut_after: int | None = None
    """Close the connection after so many bytes of the response, head included."""
    is_reset: bool = False
    """Reset the connection instead of answering."""
    is_hanging: bool = False
    """Never answer."""
    is_endless: bool = False
    """Send `body` over and over until the client hangs up."""


class Rule(Struct, frozen=True, kw_only=True):
    """`behaviour` for the requests that match. The first rule that applies wins; without one, the answer is `ok`."""

    behaviour: Behaviour
    match: Callable[[Asked], bool] | None = None
    """None = every request to `path`."""
    path: str = CHAT_PATH
    times: int | None = None
    """Applies to so many requests in all."""
    times_each: int | None = None
    """Applies to the first so many attempts at each distinct request."""
    probability: float = 1.0
    """Drawn per request body and attempt from the server's seed: the same faults in any order of arrival."""


def answers(text: str | Callable[[Asked], str] = "ok", **changes: Any) -> Behaviour:
    """A whole answer. `changes` are fields of Behaviour (`finish_reason`, `delay_s`, `model`, `usage` …)."""
    return Behaviour(text=text, **changes)


def echoes(**changes: Any) -> Behaviour:
    """An answer that repeats the last user turn: shows which answer belongs to which question."""
    return Behaviour(kind="echo", text=lambda asked: asked.prompt, **changes)


def embeds(vector: Callable[[str], Sequence[float]], **changes: Any) -> Behaviour:
    """An embedding for each text that was sent, as `vector` makes it of the text. For rules on EMBEDDINGS_PATH."""

    def body(asked: Asked) -> bytes:
        rows = [{"index": i, "embedding": list(vector(text))} for i, text in enumerate(asked.payload["input"])]
        return json.dumps({"object": "list", "model": asked.model, "data": rows}).encode()

    return Behaviour(kind="embeds", body=body, **changes)


def fails(
    status: int, message: str = "scripted failure", *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Behaviour:
    """An error in OpenAI's shape, with any status and headers (`{"retry-after": "2"}`)."""
    error = {"error": {"message": message, "type": "scripted", "param": None, "code": code}}
    return Behaviour(kind=f"status_{status}", status=status, headers=headers or {}, body=json.dumps(error).encode())


def html(status: int = 200) -> Behaviour:
    """A gateway's HTML page where JSON was promised."""
    page = b"<!doctype html><html><body><h1>Bad gateway</h1></body></html>"
    return Behaviour(kind="html", status=status, body=page, content_type="text/html; charset=utf-8")


def half_json() -> Behaviour:
    """A complete HTTP response whose JSON stops in the middle."""
    return Behaviour(kind="half_json", body=b'{"id": "x", "choices": [{"index": 0, "message": {"role": "assi')


def error_in_200(message: str = "upstream gave up", *, code: str | None = None) -> Behaviour:
    """Status 200, and an error object inside."""
    body = json.dumps({"error": {"message": message, "type": "upstream", "code": code}}).encode()
    return Behaviour(kind="error_in_200", body=body)


def empty_body(status: int = 200) -> Behaviour:
    """A response without a body."""
    return Behaviour(kind="empty_body", status=status, body=b"")


def hangs() -> Behaviour:
    """The request is read and never answered."""
    return Behaviour(kind="hang", is_hanging=True)


def resets() -> Behaviour:
    """The connection is reset (TCP RST) once the request has been read."""
    return Behaviour(kind="reset", is_reset=True)


def cuts(after: int, text: str = "this answer never arrives whole") -> Behaviour:
    """The connection is closed after `after` bytes of the response, head included."""
    return Behaviour(kind="cut", text=text, cut_after=after)


def drips(text: str = "slow", *, pause_s: float = 0.05, piece_bytes: int = 1) -> Behaviour:
    """A whole answer, a few bytes at a time."""
    return Behaviour(kind="drip", text=text, drip_s=pause_s, drip_bytes=piece_bytes)


def endless() -> Behaviour:
    """A body that never ends."""
    return Behaviour(kind="endless", body=b" " * 65536, is_endless=True)


def gzip_bomb(size_bytes: int = 200_000_000) -> Behaviour:
    """A small gzip body that inflates to `size_bytes` spaces."""
    # Concatenated gzip members inflate to the concatenated text (RFC 1952 §2.2), so one megabyte is packed once.
    body = gzip.compress(b" " * 1_000_000) * max(1, size_bytes // 1_000_000)
    return Behaviour(kind="gzip_bomb", body=body, headers={"content-encoding": "gzip"})


def reply_body(behaviour: Behaviour, asked: Asked) -> bytes:
    """The bytes of the response's body: `behaviour.body`, or a chat completion or a message around its text."""
    if behaviour.body is not None:
        return behaviour.body if isinstance(behaviour.body, bytes) else behaviour.body(asked)
    text = behaviour.text if isinstance(behaviour.text, str) else behaviour.text(asked)
    usage = behaviour.usage
    if usage is None:
        spoken, said = sum(len(content.split()) for _, content in asked.messages), len(text.split())
        usage = {"prompt_tokens": spoken, "completion_tokens": said, "total_tokens": spoken + said}
    if asked.path == MESSAGES_PATH:
        return json.dumps(_message(behaviour, asked, text, usage)).encode()
    reply = {
        "id": f"chatcmpl-{asked.number}",
        "object": "chat.completion",
        "created": 0,
        "model": asked.model if behaviour.model is None else behaviour.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **behaviour.message},
                "finish_reason": behaviour.finish_reason,
            }
        ],
    }
    if usage:
        reply["usage"] = usage
    return json.dumps(reply).encode()


def _message(behaviour: Behaviour, asked: Asked, text: str, usage: Mapping[str, Any]) -> dict[str, Any]:
    """The same answer in the shape of Anthropic's `POST /v1/messages`."""
    refusal = behaviour.message.get("refusal")
    reason = "refusal" if refusal else behaviour.finish_reason
    content: Any = [{"type": "text", "text": refusal or text}]
    if "tool_calls" in behaviour.message:
        content = [
            {
                "type": "tool_use",
                "id": call["id"],
                "name": call["function"]["name"],
                "input": json.loads(call["function"]["arguments"]),
            }
            for call in behaviour.message["tool_calls"]
        ]
    elif "content" in behaviour.message and not refusal:
        content = behaviour.message["content"]
    reply: dict[str, Any] = {
        "id": f"msg_{asked.number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model if behaviour.model is None else behaviour.model,
        "content": content,
        "stop_reason": _STOP_REASONS.get(reason, reason) if reason else None,
        "stop_sequence": None,
    }
    if usage:
        cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        reply["usage"] = {
            "input_tokens": usage["prompt_tokens"] - cached,
            "output_tokens": usage["completion_tokens"],
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": 0,
        }
    return reply


def _words(content: object) -> str:
    """A turn's text, also where it comes in blocks."""
    if isinstance(content, list):
        return "".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
    return str(content)
