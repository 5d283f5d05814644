"""`openai_compatible`: any server that speaks chat completions. Bytes in, msgspec out, nothing in between."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping

import msgspec
from msgspec import Struct, field

from evalkit import __version__
from evalkit.backends.chat_reply import Secrets, error_for, read_answer
from evalkit.backends.chat_stream import ChatStream, streamed
from evalkit.backends.entry import OWN_PLACE
from evalkit.backends.http.endpoint import Endpoint, parse_endpoint
from evalkit.backends.http.pool import HttpPool
from evalkit.backends.http.reply import Reply
from evalkit.backends.served import listed_models, not_served
from evalkit.errors import Diagnostic, EntryError, ExecutionError, UsageError
from evalkit.types import JsonValue, ModelIdentity, ModelSpec, Request, Response

CONCURRENCY = 64
_OPEN_TIMEOUT_S = 15.0
_OPTIONS = ("allow_http", "extra_body", "max_tokens_field", "stream")
_VARIABLE = re.compile(r"(?!(?:sk|pk|hf|gsk|xai|key)_)[A-Za-z_][A-Za-z0-9_]{0,63}")
"""A name, and no vendor's key."""
_encode = msgspec.json.Encoder().encode


class ChatOptions(Struct, frozen=True, kw_only=True):
    """What a model entry may say beyond the common keys."""

    allow_http: bool = False
    """Plain http to another machine."""
    extra_body: Mapping[str, JsonValue] = field(default_factory=dict)
    """Merged into every request's body."""
    max_tokens_field: str = "max_tokens"
    """OpenAI's reasoning models want `max_completion_tokens`."""
    stream: bool = False
    """Answers come in pieces, and the time to the first one is taken."""


class ChatHttp:
    """One model behind one endpoint. Sends each request once; the engine decides about another attempt."""

    concurrency = CONCURRENCY

    def __init__(
        self, endpoint: Endpoint, model: str, options: ChatOptions, *, timeout_s: float, key: str | None = None
    ) -> None:
        self._endpoint = endpoint
        self._model = model
        self._options = options
        self._timeout_s = timeout_s
        self._secrets = Secrets(key=key)
        self._pool = HttpPool(endpoint)
        self._post_head = (
            self._head("POST", "/chat/completions") + b"content-type: application/json\r\ncontent-length: "
        )

    @property
    def url(self) -> str:
        """The base URL."""
        return self._endpoint.url

    async def open(self) -> ModelIdentity:
        """Asks the endpoint for its models and returns its identity.

        Raises ExecutionError when nothing answers, the key is refused or the model is not among those listed. An
        endpoint without such a list, or too busy to give it, is left to prove itself by answering.
        """
        try:
            listed = await listed_models(self.get, self._endpoint, has_key=self._secrets.key is not None)
        except ExecutionError:
            await self.close()
            raise
        if listed and self._model not in listed:
            await self.close()
            raise ExecutionError(not_served(self._endpoint, self._model, listed))
        return ModelIdentity(
            served_model=self._model if listed else None, engine="openai_compatible", endpoint=self._endpoint.url
        )

    def wire(self, request: Request) -> dict[str, JsonValue]:
        """The body of POST /chat/completions."""
        return chat_body(self._model, request, self._options)

    async def answer(self, request: Request) -> Response:
        """One attempt. Raises BackendError with a text that holds neither the key nor the prompt."""
        wire, stream = self.wire(request), None
        if self._options.stream:
            wire, stream = streamed(wire), ChatStream()
        body = json_bytes(wire)
        data = b"%b%d\r\n\r\n%b" % (self._post_head, len(body), body)
        started = time.perf_counter()
        reply = await self._pool.send(data, timeout_s=self._timeout_s, stream=stream)
        latency_s = time.perf_counter() - started
        now = time.time()
        secrets = self._secrets
        if reply.status != 200 or b'"error"' in reply.body:  # noqa: PLR2004 - only errors can echo the prompt
            secrets = Secrets(key=secrets.key, prompts=tuple(m.content for m in request.messages))
        answer = read_answer(reply, secrets=secrets, now=now)
        return Response(
            text=answer.text,
            finish=answer.finish,
            usage=answer.usage,
            served_model=answer.served_model,
            latency_s=latency_s if stream is None else stream.latency_s(started, latency_s),
            ttft_s=None if stream is None else stream.ttft_s(started),
            at=now,
        )

    async def get(self, path: str) -> Reply:
        """The 200 reply to GET `path` below the base URL. Raises BackendError for any other."""
        return await self._sent(self._head("GET", path) + b"\r\n")

    async def post(
        self, path: str, body: bytes, *, timeout_s: float = _OPEN_TIMEOUT_S, prompts: tuple[str, ...] = ()
    ) -> Reply:
        """The 200 reply to POST `path` below the base URL with a JSON `body`. Raises BackendError for any other.

        `prompts`: texts in the body that no error may repeat.
        """
        head = self._head("POST", path)
        request = b"%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (head, len(body), body)
        return await self._sent(request, timeout_s=timeout_s, prompts=prompts)

    async def _sent(
        self, request: bytes, *, timeout_s: float = _OPEN_TIMEOUT_S, prompts: tuple[str, ...] = ()
    ) -> Reply:
        reply = await self._pool.send(request, timeout_s=min(self._timeout_s, timeout_s))
        if reply.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise error_for(reply, secrets=Secrets(key=self._secrets.key, prompts=prompts), now=time.time())
        return reply

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()

    def _head(self, method: str, path: str) -> bytes:
        """The request line and headers, up to but without the empty line."""
        lines = [
            f"{method} {self._endpoint.path}{path} HTTP/1.1",
            f"host: {self._endpoint.netloc}",
            f"user-agent: evalkit/{__version__}",
            "accept: application/json",
            "accept-encoding: identity",
        ]
        if self._secrets.key:
            lines.append(f"authorization: Bearer {self._secrets.key}")
        return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def chat_body(model: str, request: Request, options: ChatOptions) -> dict[str, JsonValue]:
    """The body of POST /chat/completions for one request."""
    params = request.params
    body: dict[str, JsonValue] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "temperature": params.temperature,
        options.max_tokens_field: params.max_tokens,
    }
    if params.seed is not None:
        body["seed"] = params.seed
    if params.response_schema is not None:
        schema = dict(params.response_schema)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        }
    body.update(options.extra_body)
    return body


def make(spec: ModelSpec, *, timeout_s: float) -> ChatHttp:
    """The backend for one model entry; sends nothing yet.

    Raises UsageError for an entry that lacks `base_url` or `model` or says what this backend cannot do, and
    ExecutionError for a URL that must not be used or a key that is not set.
    """
    problems = []
    if not spec.base_url:
        problems.append(f"models.{spec.role}: backend openai_compatible needs base_url, e.g. http://127.0.0.1:8000/v1")
    if not spec.model:
        problems.append(f"models.{spec.role}: backend openai_compatible needs model, a name the server lists")
    if spec.adapter is not None:
        problems.append(
            f"models.{spec.role}.adapter: a running server loads its own adapters; "
            "name the adapter as the server lists it in `model`"
        )
    problems += [
        f"models.{spec.role}.{name}: unknown key for openai_compatible (known: {', '.join(_OPTIONS)})"
        for name in spec.options
        if name not in _OPTIONS
    ]
    options = spec.options
    extra_body = options.get("extra_body", {})
    max_tokens_field = options.get("max_tokens_field", "max_tokens")
    if not isinstance(extra_body, Mapping):
        problems.append(f"models.{spec.role}.extra_body: must be a mapping")
    else:
        problems += [
            f"models.{spec.role}.extra_body.{name}: {words}" for name, words in OWN_PLACE.items() if name in extra_body
        ]
    if not isinstance(max_tokens_field, str) or not max_tokens_field:
        problems.append(f"models.{spec.role}.max_tokens_field: must be the name of a field")
    problems += [
        f"models.{spec.role}.{name}: must be true or false"
        for name in ("allow_http", "stream")
        if not isinstance(options.get(name, False), bool)
    ]
    if problems or not spec.base_url or not spec.model or not isinstance(extra_body, Mapping):
        raise UsageError(diagnostics=tuple(Diagnostic(message=text, line=spec.line) for text in problems))
    chat_options = ChatOptions(
        allow_http=options.get("allow_http") is True,
        extra_body=dict(extra_body),
        max_tokens_field=str(max_tokens_field),
        stream=options.get("stream") is True,
    )
    endpoint = parse_endpoint(spec.base_url, allow_http=chat_options.allow_http)
    key = key_from(spec.api_key_env) if spec.api_key_env else None
    return ChatHttp(endpoint, spec.model, chat_options, timeout_s=timeout_s, key=key)


def key_from(variable: str) -> str:
    """The key in that environment variable. Raises ExecutionError, naming the variable only, when there is none."""
    if _VARIABLE.fullmatch(variable) is None:
        raise ExecutionError(
            "api_key_env must be the name of an environment variable, such as OPENAI_API_KEY; what stands there looks "
            "like the key itself. Take it out of the file, and renew it if the file was shared"
        )
    key = os.environ.get(variable, "").strip()
    if not key:
        why = f"the environment variable {variable} is not set; it is to hold the key: export {variable}=…"
        raise EntryError(why, key="api_key_env", value=variable)
    if not key.isascii() or not key.isprintable() or " " in key:
        why = f"the environment variable {variable} holds characters that no key has"
        raise EntryError(why, key="api_key_env", value=variable)
    return key


def json_bytes(body: Mapping[str, JsonValue]) -> bytes:
    """`body` as JSON; lone surrogates, which UTF-8 cannot carry, go out escaped."""
    try:
        return _encode(body)
    except UnicodeEncodeError:
        return json.dumps(body, allow_nan=False).encode("ascii")
