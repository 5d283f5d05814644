"""A side on a vLLM server: one of ours, or one that runs already at `base_url`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from evalkit.backends.chat_http import ChatHttp, ChatOptions, chat_body, json_bytes
from evalkit.backends.http.endpoint import Endpoint
from evalkit.backends.vllm.engine import CHECK_TIMEOUT_S, Engine, Running, asked_once, served_name
from evalkit.backends.vllm.flags import ANSWER_ARGS, Hardware
from evalkit.backends.vllm.mixing import refuse_mixing
from evalkit.errors import BackendError, ConnectionLost, ExecutionError, ServerDown
from evalkit.types import JsonValue, ModelIdentity, ModelSpec, Request, Response

CONCURRENCY = 64
GPU_CONCURRENCY = 256
"""vLLM's own default for max_num_seqs on a GPU."""
FIRST_TOKENS = 8
HELLO = (("system", "You are a test."), ("user", "Hello"))


class Card(Struct, frozen=True, kw_only=True):
    """One row of the server's list of models."""

    name: str
    parent: str | None
    root: str | None


class Ours:
    """One side of an engine that evalkit starts and ends."""

    concurrency = CONCURRENCY

    def __init__(self, engine: Engine, spec: ModelSpec, name: str, *, timeout_s: float) -> None:
        self._engine = engine
        self._role = spec.role
        self._options = options_of(spec)
        self._base = served_name(str(spec.model))
        self._name = name
        self._timeout_s = timeout_s
        self._chat: ChatHttp | None = None
        self._root: ChatHttp | None = None
        self._key = self._base

    async def open(self) -> ModelIdentity:
        """Starts the engine, or waits for it, and proves that it serves this side's weights.

        Raises ExecutionError, before any sample is sent, when vLLM is not installed or does not start, a file is
        missing or an adapter does not fit.
        """
        running = await self._engine.start()
        if not running.hardware.is_cpu:
            self.concurrency = GPU_CONCURRENCY
        self._key = f"{self._base} ({running.endpoint.url})"
        v1 = structs.replace(running.endpoint, path="/v1")
        self._chat = ChatHttp(v1, self._name, self._options, timeout_s=self._timeout_s, key=running.key)
        self._root = ChatHttp(running.endpoint, self._name, ChatOptions(), timeout_s=self._timeout_s, key=running.key)
        card = await _card(self._chat, self._name)
        adapter = running.adapters.get(self._name)
        if adapter is not None and card.parent != self._base:
            raise ExecutionError(f"vLLM lists {self._name!r} as a model of its own, not as an adapter of {self._base}")
        return ModelIdentity(
            served_model=self._name,
            weights_sha256=running.model.sha256,
            adapter_sha256=None if adapter is None else adapter.sha256,
            engine=f"vLLM ({running.hardware.distribution})",
            engine_version=version_of(running.hardware, running.args),
            has_adapter_applied=None if adapter is None else True,
            facts=await self._facts(running),
        )

    async def _facts(self, running: Running) -> Mapping[str, JsonValue]:
        if self._root is None:
            return {}
        settings: dict[str, JsonValue] = dict(sorted(running.args.items()))
        found: dict[str, JsonValue] = {"engine_args": settings, "engine_start_s": round(running.start_s, 1)}
        if running.adapters:
            found["adapters_kept_apart"] = running.is_apart
        return found | await prompt_facts(self._root, self._name)

    def wire(self, request: Request) -> dict[str, JsonValue]:
        """The body of POST /chat/completions; the same for all sides but for the model's name."""
        return chat_body(self._name, request, ChatOptions())

    async def answer(self, request: Request) -> Response:
        """One attempt. Raises BackendError, and ServerDown with the reason once the engine has died."""
        if self._chat is None:
            raise ConnectionLost("vLLM is not running")
        try:
            return await self._chat.answer(request)
        except ConnectionLost as error:
            ending = self._engine.ending()
            if ending is None:
                raise
            raise ServerDown(f"vLLM died: {ending}") from error

    @property
    def engine_key(self) -> str:
        """The same for all sides on one engine."""
        return self._key

    async def gauges(self) -> Mapping[str, float]:
        """What the engine counts, summed over its parts."""
        return {} if self._root is None else await read_gauges(self._root)

    async def close(self) -> None:
        """Closes the connections; the last side ends the engine."""
        chats, self._chat, self._root = (self._chat, self._root), None, None
        for chat in chats:
            if chat is not None:
                await chat.close()
        await self._engine.release(self._role)


class Theirs(ChatHttp):
    """One side on a vLLM server that runs already."""

    concurrency = CONCURRENCY

    def __init__(self, endpoint: Endpoint, spec: ModelSpec, *, timeout_s: float, key: str | None) -> None:
        super().__init__(endpoint, str(spec.model), options_of(spec), timeout_s=timeout_s, key=key)
        self._adapter = spec.adapter
        root = endpoint.path.removesuffix("/v1")
        self._root = ChatHttp(
            structs.replace(endpoint, path=root), str(spec.model), ChatOptions(), timeout_s=timeout_s, key=key
        )

    async def open(self) -> ModelIdentity:
        """Asks the server what it serves, and under which name it serves the adapter.

        Raises ExecutionError when nothing answers, the key is refused, or the model or the adapter is not there.
        """
        identity = await super().open()
        try:
            cards = await _cards(self)
            version = json.loads((await self._root.get("/version")).body).get("version", "")
        except (BackendError, ValueError, AttributeError) as error:
            await self.close()
            raise ExecutionError(
                f"{identity.endpoint} does not say what vLLM says of itself ({error}); if another engine serves there, "
                "use backend openai_compatible"
            ) from error
        card = next((card for card in cards if card.name == self._model), None)
        apart: dict[str, JsonValue] = {}
        if self._adapter is not None:
            card = _serving(self._adapter, cards, identity.endpoint)
            self._model = card.name
            apart["adapters_kept_apart"] = await self._apart(str(card.parent))
        return structs.replace(
            identity,
            served_model=self._model,
            engine="vLLM",
            engine_version=str(version),
            has_adapter_applied=True if card is not None and card.parent else None,
            facts={**await prompt_facts(self._root, self._model), **apart},
        )

    async def _apart(self, parent: str) -> bool | None:
        """Whether the server keeps this adapter and its base apart. Raises ExecutionError when it does not."""
        base = ChatHttp(self._endpoint, parent, ChatOptions(), timeout_s=CHECK_TIMEOUT_S, key=self._secrets.key)
        chats: dict[str, ChatHttp] = {parent: base, self._model: self}
        try:
            return await refuse_mixing(lambda name, question: asked_once(chats[name], name, question), list(chats))
        except BackendError as error:
            await self.close()
            raise ExecutionError(f"{self._endpoint.url} does not answer a first question: {error}") from error
        except ExecutionError:
            await self.close()
            raise
        finally:
            await base.close()

    @property
    def engine_key(self) -> str:
        """The same for all sides on one engine."""
        return self._root.url

    async def gauges(self) -> Mapping[str, float]:
        """What the engine counts."""
        return await read_gauges(self._root)

    async def close(self) -> None:
        """Closes all connections; the server goes on."""
        await self._root.close()
        await super().close()


def options_of(spec: ModelSpec) -> ChatOptions:
    """What this side's requests have of their own."""
    return ChatOptions(stream=spec.options.get("stream") is True)


def version_of(hardware: Hardware, args: Mapping[str, Any]) -> str:
    """The version of vLLM, and what of its arguments can move an answer."""
    told = [f"{name}={args[name]}" for name in ANSWER_ARGS if args.get(name) not in (None, "auto")]
    return " ".join([hardware.version, *told])


async def prompt_facts(root: ChatHttp, model: str) -> dict[str, JsonValue]:
    """How the engine writes a conversation: the first token ids of a fixed one, and whether its start is doubled."""
    body: dict[str, JsonValue] = {"model": model, "messages": [{"role": role, "content": text} for role, text in HELLO]}
    try:
        reply = json.loads((await root.post("/tokenize", json_bytes(body))).body)
        tokens = [int(token) for token in reply["tokens"]]
    except (BackendError, ValueError, TypeError, KeyError):
        return {}  # servers behind a gateway need not have this route
    return {
        "prompt_first_tokens": list(tokens[:FIRST_TOKENS]),
        "prompt_tokens_of_hello": len(tokens),
        "starts_twice": len(tokens) > 1 and tokens[0] == tokens[1],
    }


async def read_gauges(root: ChatHttp) -> Mapping[str, float]:
    """The server's /metrics, summed over engines and labels; empty where it has none."""
    try:
        text = (await root.get("/metrics")).body.decode("utf-8", "replace")
    except BackendError:
        return {}
    found: dict[str, float] = {"at": time.time()}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name.startswith("vllm:"):
            short = name.partition("{")[0].removeprefix("vllm:")
            if short in GAUGES:
                found[GAUGES[short]] = found.get(GAUGES[short], 0.0) + float(value)
    return found


GAUGES = {
    "prompt_tokens_total": "prompt_tokens",
    "generation_tokens_total": "generation_tokens",
    "num_requests_running": "running",
    "num_requests_waiting": "waiting",
    "prefix_cache_queries_total": "prefix_queries",
    "prefix_cache_hits_total": "prefix_hits",
}
"""vLLM's names → ours."""


async def _card(chat: ChatHttp, name: str) -> Card:
    try:
        cards = await _cards(chat)
    except (BackendError, ValueError) as error:
        raise ExecutionError(f"vLLM does not say what it serves: {error}") from error
    found = next((card for card in cards if card.name == name), None)
    if found is None:
        raise ExecutionError(f"vLLM does not serve {name!r}; it serves {', '.join(card.name for card in cards)}")
    return found


async def _cards(chat: ChatHttp) -> list[Card]:
    rows: Any = json.loads((await chat.get("/models")).body)
    listed = rows.get("data") if isinstance(rows, dict) else None
    return [
        Card(name=str(row["id"]), parent=row.get("parent"), root=row.get("root"))
        for row in listed or ()
        if isinstance(row, dict) and "id" in row
    ]


def _serving(adapter: Path, cards: list[Card], url: str) -> Card:
    """The card of that adapter on a server of others."""
    wanted = adapter.resolve()
    for card in cards:
        if card.parent and card.root and Path(card.root).resolve() == wanted:
            return card
    loaded = ", ".join(f"{card.name} ({card.root})" for card in cards if card.parent) or "none"
    raise ExecutionError(
        f"{url} does not serve the adapter {adapter}; adapters it serves: {loaded}. Start it with --lora-modules "
        f"NAME={adapter}, or leave base_url out and evalkit starts an engine with it"
    )
