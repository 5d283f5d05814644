"""A vendor's hosted model behind its SDK: what OpenAI's and Anthropic's have in common."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import ClassVar

from msgspec import structs

from evalkit.backends.chat_http import json_bytes
from evalkit.backends.chat_reply import Answer, Secrets, error_for
from evalkit.backends.chat_stream import streamed
from evalkit.backends.hosted.sdk import Account, Door
from evalkit.backends.http.events import EventStream
from evalkit.backends.http.pool import BODY_LIMIT_BYTES
from evalkit.backends.http.reply import Reply
from evalkit.backends.served import listed_models, not_served
from evalkit.errors import BackendError, ExecutionError, ModelNotFound
from evalkit.types import JsonValue, ModelIdentity, Request, Response

CONCURRENCY = 32
OPEN_TIMEOUT_S = 15.0
OK = 200
FILE_LIMIT_BYTES = 1_000_000_000
"""The largest file of a batch's answers that is read."""


class Hosted(ABC):
    """One hosted model. Sends each request once; the engine decides about another attempt."""

    concurrency = CONCURRENCY
    engine: ClassVar[str]
    """The backend's name in a suite."""
    answers_path: ClassVar[str]
    models_path: ClassVar[str]
    streamed: ClassVar[dict[str, JsonValue]]
    """What a body has besides when its answer is to be streamed."""

    def __init__(self, account: Account, model: str, *, timeout_s: float) -> None:
        self.account = account
        self.model = model
        self.timeout_s = timeout_s
        self._door: Door | None = None
        self._transfers: Door | None = None

    @abstractmethod
    def wire(self, request: Request) -> dict[str, JsonValue]:
        """The body that is sent. What the model refuses is not in it, so it is not in a fingerprint."""

    @abstractmethod
    def answer_in(self, reply: Reply, *, secrets: Secrets, now: float) -> Answer:
        """What a reply says. Raises BackendError where it holds no answer."""

    @abstractmethod
    def new_door(self, *, body_limit_bytes: int) -> Door:
        """A client of the vendor's SDK that reads replies up to that size. Raises ExecutionError where it cannot."""

    async def open(self) -> ModelIdentity:
        """Asks for the list of models and returns the identity.

        Raises ExecutionError when the SDK or the key is missing, nothing answers, the key is refused or the model is
        not there for this account.
        """
        try:
            return await self._identified()
        except ExecutionError:
            await self.close()
            raise

    async def _identified(self) -> ModelIdentity:
        endpoint = self.account.endpoint
        listed = await listed_models(self.get, endpoint, has_key=True, path=self.models_path)
        if listed and self.model not in listed and not await self._is_there():
            raise ExecutionError(not_served(endpoint, self.model, listed))
        return ModelIdentity(served_model=self.model if listed else None, engine=self.engine, endpoint=endpoint.url)

    async def _is_there(self) -> bool:
        """Whether the model may be known by a name that no list has, as aliases are."""
        try:
            await self.get(f"{self.models_path.partition('?')[0]}/{self.model}")
        except ModelNotFound:
            return False
        except BackendError:  # busy, or without such a page: answering will tell
            return True
        return True

    async def answer(self, request: Request) -> Response:
        """One attempt. Raises BackendError with a text that holds neither the key nor the prompt."""
        wire, stream = self.wire(request), self.new_stream()
        body = json_bytes(wire if stream is None else streamed(wire, self.streamed))
        door = self.door()
        started = time.perf_counter()
        reply = await door.post(self.answers_path, body, timeout_s=self.timeout_s, stream=stream)
        latency_s = time.perf_counter() - started
        if stream is None:
            return self.response(reply, request, latency_s=latency_s)
        answer = self.response(reply, request, latency_s=stream.latency_s(started, latency_s))
        return structs.replace(answer, ttft_s=stream.ttft_s(started))

    def new_stream(self) -> EventStream | None:
        """What puts a streamed answer together; None where answers are not streamed."""
        return None

    def response(self, reply: Reply, request: Request, *, latency_s: float | None) -> Response:
        """What `reply` says to `request`; `latency_s` is None where none was measured. Raises BackendError."""
        now = time.time()
        prompts: tuple[str, ...] = ()
        if reply.status != OK or b'"error"' in reply.body:  # only errors can echo the prompt
            prompts = tuple(m.content for m in request.messages)
        answer = self.answer_in(reply, secrets=Secrets(key=self.account.key, prompts=prompts), now=now)
        return Response(
            text=answer.text,
            finish=answer.finish,
            usage=answer.usage,
            served_model=answer.served_model,
            latency_s=latency_s,
            at=now,
        )

    def door(self) -> Door:
        """The SDK's client, made when it is first needed. Raises ExecutionError where it cannot be."""
        if self._door is None:
            self._door = self.new_door(body_limit_bytes=BODY_LIMIT_BYTES)
        return self._door

    def transfers(self) -> Door:
        """Another client, for replies as large as a batch's file of answers."""
        if self._transfers is None:
            self._transfers = self.new_door(body_limit_bytes=FILE_LIMIT_BYTES)
        return self._transfers

    async def get(self, path: str) -> Reply:
        """The 200 reply to GET `path`. Raises BackendError for any other."""
        return self.checked(await self.door().get(path, timeout_s=min(self.timeout_s, OPEN_TIMEOUT_S)))

    def checked(self, reply: Reply) -> Reply:
        """The reply, if its status is 200. Raises BackendError for any other."""
        if reply.status != OK:
            raise error_for(reply, secrets=Secrets(key=self.account.key), now=time.time())
        return reply

    async def close(self) -> None:
        """Closes all connections."""
        for door in (self._door, self._transfers):
            if door is not None:
                await door.close()
