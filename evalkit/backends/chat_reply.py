"""What a chat-completions reply means: a Response, or the typed error it stands for. Pure.

Shapes: OpenAI's `POST /v1/chat/completions` and `{"error": {"message", "type", "param", "code"}}`, as vLLM,
llama-server and the gateways in front of them speak it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, structs

from evalkit.backends.chat_stream import status_of, text_of
from evalkit.backends.counts import believable, count, within
from evalkit.backends.http.redact import redact
from evalkit.backends.http.reply import Reply
from evalkit.backends.http.retry_after import asked_pause_s
from evalkit.errors import (
    AuthFailed,
    BackendError,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    ModelNotFound,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    TimedOut,
)
from evalkit.types import Finish, JsonValue, Usage

_FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refusal",
    "refusal": "refusal",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
_GAVE_UP = frozenset({"abort", "error", "insufficient_system_resource"})
_TOO_LONG = (
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "context size",
    "input_tokens",
    "prompt is too long",
    "exceeds the context length",  # Ollama of a text to embed
    "`inputs` must have less than",  # Text Embeddings Inference: "… 512 tokens", with a 413
    "max_tokens_per_request",  # OpenAI of all texts to embed together
)
_FILTERED = (
    "content_filter",  # Azure's and OpenAI's code
    "content_policy_violation",  # OpenAI's code for images, and LiteLLM's for all vendors
    "responsibleaipolicyviolation",  # Azure's inner code
    "violating our usage policy",  # OpenAI's words beside its code invalid_prompt
    "content filtering policy",  # Anthropic: "Output blocked by content filtering policy", an invalid_request_error
    "requires moderation",  # OpenRouter's words for its 403
    "content exists risk",  # DeepSeek
    "datainspectionfailed",  # Alibaba, in either spelling
    "data_inspection_failed",
)
"""By what vendors say, in lower case, that a filter of theirs withholds the answer."""


class _Message(msgspec.Struct):
    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    """Read by hand: odd counts are no reason to lose the answer beside them."""
    model: str | None = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Completion)


class Answer(Struct, frozen=True, kw_only=True):
    """The part of a Response that the reply itself carries."""

    text: str
    finish: Finish
    usage: Usage
    served_model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What may not be repeated in an error text."""

    key: str | None = field(default=None, repr=False)
    prompts: tuple[str, ...] = ()


def read_answer(reply: Reply, *, secrets: Secrets, now: float) -> Answer:
    """The model's answer, also when it is empty or a refusal in words. Raises BackendError where there is none."""
    if reply.status != 200:  # noqa: PLR2004 - HTTP's own number
        raise error_for(reply, secrets=secrets, now=now)
    completion = _completion(reply.body)
    if completion.error:
        if (status := status_of(completion.error)) != reply.status:  # gateways pass on what their upstream said
            raise error_for(structs.replace(reply, status=status), secrets=secrets, now=now)
        raise error_within(reply, secrets=secrets)
    choice = completion.choices[0] if completion.choices else None
    if choice is None or choice.message is None:
        raise ProtocolViolation("the reply holds no answer (no choices)", status=200)
    text, finish = _text_and_finish(choice.message, choice.finish_reason)
    return Answer(text=text, finish=finish, usage=_usage(completion.usage), served_model=completion.model)


def error_within(reply: Reply, *, secrets: Secrets) -> BackendError:
    """What an error in a reply whose status is 200, and that names no other, stands for."""
    message, code = _error_parts(reply.body)
    words = redact(message or "no text", key=secrets.key, prompts=secrets.prompts)
    text = f"the reply is an error although its status is 200: {words}"
    is_filtered = _is_filtered(f"{code} {message}".lower())
    return ContentFiltered(text, status=200) if is_filtered else ProtocolViolation(text, status=200)


def error_for(reply: Reply, *, secrets: Secrets, now: float) -> BackendError:  # noqa: PLR0911 - a table of statuses
    """The typed error that a reply with a status other than 200 stands for."""
    status = reply.status
    message, code = _error_parts(reply.body)
    words = redact(message, key=secrets.key, prompts=secrets.prompts) or "no explanation given"
    text = f"HTTP {status}: {words}"
    pause_s = asked_pause_s(reply.headers, now=now)
    hints = f"{code} {message}".lower()
    match status:
        case 429 if "insufficient_quota" in hints:
            return AuthFailed(f"the account's quota is used up: {text}", status=status)
        case 429:
            return RateLimited(text, status=status, retry_after_s=pause_s)
        case 401 | 403:
            return _denied(text, status, hints)
        case 404:
            return _not_found(text, status, hints)
        case 408:
            return TimedOut(text, status=status)
        case 409 | 425:
            return Overloaded(text, status=status, retry_after_s=pause_s)
        case _ if status >= 500:  # noqa: PLR2004 - HTTP's own number
            return _broken(text, status, hints, pause_s)
        case _ if status >= 400:  # noqa: PLR2004 - HTTP's own number
            return _refused(text, status, hints)
        case _ if status >= 300:  # noqa: PLR2004 - HTTP's own number
            return ProtocolViolation(_redirected(reply, secrets), status=status)
        case _:
            return ProtocolViolation(f"HTTP {status} where 200 was expected", status=status)


def _redirected(reply: Reply, secrets: Secrets) -> str:
    """Where to, without what may be a secret: user, password and query of the address."""
    text = f"HTTP {reply.status}: a redirect, and evalkit follows none"
    try:
        there = urlsplit(reply.headers.get("location", ""))
    except ValueError:  # "http://[" is no address
        return text
    place = redact(f"{there.netloc.rpartition('@')[2]}{there.path}", key=secrets.key, prompts=secrets.prompts)
    if not place:
        return text
    scheme = f"{there.scheme}://" if there.netloc and there.scheme else ""
    return f"{text}; it leads to {scheme}{place} (if that is the model's server, name it as base_url)"


def _not_found(text: str, status: int, hints: str) -> BackendError:
    """Of a reply that says nothing of a model, the address is the likelier culprit."""
    told = text if "model" in hints else f"{text} (is base_url whole? It mostly ends in /v1)"
    return ModelNotFound(told, status=status)


def _is_filtered(hints: str) -> bool:
    return any(word in hints for word in _FILTERED)


def _denied(text: str, status: int, hints: str) -> BackendError:
    """OpenRouter's filter says 403, as a key that may not does, and is about this one prompt."""
    return ContentFiltered(text, status=status) if _is_filtered(hints) else AuthFailed(text, status=status)


def _broken(text: str, status: int, hints: str, pause_s: float | None) -> BackendError:
    if "too large to process" in hints:  # llama.cpp says so of a text to embed, however often it is asked
        return ContextTooLong(text, status=status)
    return Overloaded(text, status=status, retry_after_s=pause_s)


def _refused(text: str, status: int, hints: str) -> BackendError:
    if _is_filtered(hints):
        return ContentFiltered(text, status=status)
    if "credit balance is too low" in hints:  # Anthropic says so with a 400
        return AuthFailed(f"the account's credit is used up: {text}", status=status)
    if any(word in hints for word in _TOO_LONG):
        return ContextTooLong(text, status=status)
    if "model_not_found" in hints:
        return ModelNotFound(text, status=status)
    return BadRequest(text, status=status)


def _completion(body: bytes) -> _Completion:
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(f"the reply is JSON, but no chat completion: {error}", status=200) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    # msgspec refuses lone surrogates (an answer cut inside an emoji has them), which json keeps.
    try:
        return msgspec.convert(json.loads(body), _Completion)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(f"the reply is JSON, but no chat completion: {error}", status=200) from error
    except UnicodeDecodeError as error:
        raise ProtocolViolation("the reply is not UTF-8 text, as JSON has to be", status=200) from error
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(why_not_json(body), status=200) from error


def why_not_json(body: bytes) -> str:
    """In words, what a reply is that should have been JSON."""
    start = body[:64].lstrip().lower()
    if not start:
        return "the reply's body is empty"
    if start.startswith((b"<!doctype", b"<html")):
        return "the reply is an HTML page, not JSON: something other than the model's server answered"
    return "the reply's JSON is broken or cut off"


def _text_and_finish(message: _Message, reason: str | None) -> tuple[str, Finish]:
    if reason in _GAVE_UP:
        raise Overloaded(f"the server gave up on this answer (finish_reason {reason!r})", status=200)
    # Some servers leave the reason out of whole answers; an unknown word is named rather than guessed at.
    finish = _FINISH.get("stop" if reason is None else reason)
    if finish is None:
        raise ProtocolViolation(f"the reply ends with an unknown finish_reason: {str(reason)[:40]!r}", status=200)
    content = message.content
    if isinstance(content, list):
        content = text_of(content)
    if message.refusal:
        return message.refusal, "refusal"
    if message.tool_calls and not content:
        return json.dumps(message.tool_calls, ensure_ascii=False), "tool_calls"
    if content is None and finish not in {"length", "refusal"}:
        raise ProtocolViolation("the reply holds no answer (content is null)", status=200)
    return content or "", finish


def _usage(usage: object) -> Usage:
    asked, said = count(within(usage, "prompt_tokens")), count(within(usage, "completion_tokens"))
    thought = count(within(within(usage, "completion_tokens_details"), "reasoning_tokens"))
    # xAI's models count thoughts beside the answer, not in it; the total tells which it is.
    # https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/grok/capabilities/reasoning
    if (
        asked is not None
        and said is not None
        and thought
        and count(within(usage, "total_tokens")) == (asked + said + thought)
    ):
        said += thought
    return believable(
        Usage(
            input_tokens=asked,
            output_tokens=said,
            cached_tokens=count(within(within(usage, "prompt_tokens_details"), "cached_tokens")),
            reasoning_tokens=thought,
        )
    )


def _error_parts(body: bytes) -> tuple[str, str]:
    """Message and codes of an error body; a body that is no JSON gives its own start, HTML nothing."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        start = body[:2000].decode("utf-8", "replace").strip()
        return ("an HTML page" if start.startswith("<") else start), ""
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed
    if not isinstance(error, dict):
        return _message(error), ""
    # llama-server's code is a number and its type the word; Azure keeps the word one level deeper.
    inner = error.get("innererror")
    words = [error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, dict) else None]
    return _message(error), " ".join(str(word) for word in words if word)


def _message(error: JsonValue) -> str:
    if isinstance(error, dict):
        found = error.get("message") or error.get("detail") or error.get("error") or error.get("code")
        return found if isinstance(found, str) else json.dumps(found or error)
    return error if isinstance(error, str) else json.dumps(error)
