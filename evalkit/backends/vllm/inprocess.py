"""A side on vLLM's own Python engine, in evalkit's process: no HTTP, and every answer handed over as it is finished.

Needs vLLM in the same environment. The engine's workers are processes of its own, as always with vLLM.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import jinja2
from msgspec import Struct

from evalkit.backends.chat_http import ChatOptions, chat_body
from evalkit.backends.vllm import process
from evalkit.backends.vllm.engine import INSTALL, EnginePlan, asked_once
from evalkit.backends.vllm.flags import Hardware, engine_args, environment
from evalkit.backends.vllm.mixing import refuse_mixing
from evalkit.backends.vllm.served import CONCURRENCY, FIRST_TOKENS, GPU_CONCURRENCY, HELLO, version_of
from evalkit.backends.vllm.weights import Adapter, Model, find_adapter, find_model
from evalkit.errors import (
    BackendError,
    BadRequest,
    ConnectionLost,
    ContextTooLong,
    ExecutionError,
    ServerDown,
    TimedOut,
)
from evalkit.types import Finish, JsonValue, ModelIdentity, ModelSpec, Request, Response, Usage

_FINISH: Final[Mapping[str, Finish]] = {"stop": "stop", "length": "length"}
_TOO_LONG = ("maximum context length", "max_model_len", "longer than the maximum model length")
_TAIL_LINES = 8
_STARTING = (RuntimeError, ValueError, TypeError, LookupError, AssertionError, OSError, ImportError)
"""What vLLM, torch and the drivers below them raise when an engine cannot start."""


class Loaded(Struct, frozen=True, kw_only=True):
    """The engine, ready to answer."""

    llm: Any
    """vllm.v1.engine.async_llm.AsyncLLM"""
    tokenizer: Any
    model: Model
    adapters: Mapping[str, Adapter]
    hardware: Hardware
    args: Mapping[str, Any]
    start_s: float


class SharedEngine:
    """One engine for all sides of one model."""

    def __init__(self, plan: EnginePlan, users: Sequence[str], tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._users = set(users)
        self._tell = tell
        self._lock = asyncio.Lock()
        self._loaded: Loaded | None = None
        self._failed: ExecutionError | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="evalkit-vllm-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "engine.log"

    async def start(self) -> Loaded:
        """The engine; the first caller loads it. Raises ExecutionError, with the log's end, when it cannot."""
        async with self._lock:
            if self._failed is not None:
                raise self._failed
            if self._loaded is None:
                try:
                    self._loaded = await self._load()
                except ExecutionError as error:
                    self._failed = error
                    raise
            return self._loaded

    async def release(self, user: str) -> None:
        """Ends the engine once all of its users are done with it."""
        self._users.discard(user)
        if self._users:
            return
        if self._loaded is not None:
            loaded, self._loaded = self._loaded, None
            loaded.llm.shutdown()
        self._folder.cleanup()

    async def _load(self) -> Loaded:
        plan, began = self._plan, time.perf_counter()
        model = await asyncio.to_thread(find_model, plan.model)
        adapters = {name: await asyncio.to_thread(find_adapter, path, model) for name, path in plan.adapters.items()}
        said = process.describe()
        if not said["distribution"]:
            raise ExecutionError(f"engine: inprocess needs vLLM in evalkit's own environment: {INSTALL}")
        hardware = Hardware(**{**said, "cores": tuple(said["cores"])})
        args = engine_args(model, list(adapters.values()), hardware, plan.args, engines=plan.engines)
        os.environ.update(environment(hardware, engines=plan.engines))
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")  # what it says would tear the live line
        self._tell(f"vLLM is loading {model.name} in this process, which takes a minute or more")
        with _into(self._log):  # the engine's processes keep writing there
            try:
                llm = _engine(str(model.folder), args)
            except _STARTING as error:
                raise ExecutionError(f"vLLM would not start: {type(error).__name__}: {error}{self.tail()}") from error
        return Loaded(
            llm=llm,
            tokenizer=llm.get_tokenizer(),
            model=model,
            adapters=adapters,
            hardware=hardware,
            args=args,
            start_s=time.perf_counter() - began,
        )

    def tail(self) -> str:
        """The end of the engine's log as a clause; empty when there is none."""
        try:
            lines = self._log.read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        shown = [line.strip()[:400] for line in lines if line.strip()][-_TAIL_LINES:]
        return ". Its log says:\n  " + "\n  ".join(shown) if shown else ""


class InProcess:
    """One side on a shared engine."""

    concurrency = CONCURRENCY

    def __init__(self, engine: SharedEngine, spec: ModelSpec, name: str, *, timeout_s: float) -> None:
        self._engine = engine
        self._role = spec.role
        self._spec = spec
        self._name = name
        self._timeout_s = timeout_s
        self._loaded: Loaded | None = None
        self._lora: Any = None
        self._number = itertools.count()

    async def open(self) -> ModelIdentity:
        """Loads the engine, or waits for it. Raises ExecutionError, in words, when that fails."""
        loaded = self._loaded = await self._engine.start()
        if not loaded.hardware.is_cpu:
            self.concurrency = GPU_CONCURRENCY
        adapter = loaded.adapters.get(self._name)
        if adapter is not None:
            request = importlib.import_module("vllm.lora.request").LoRARequest
            number = 1 + list(loaded.adapters).index(self._name)
            self._lora = request(self._name, number, str(adapter.folder))
            if not await loaded.llm.add_lora(self._lora):
                raise ExecutionError(f"vLLM would not load the adapter {adapter.folder}{self._engine.tail()}")
        facts = self._facts(loaded)
        if adapter is not None:
            facts["adapters_kept_apart"] = await self._apart(loaded)
        return ModelIdentity(
            served_model=self._name,
            weights_sha256=loaded.model.sha256,
            adapter_sha256=None if adapter is None else adapter.sha256,
            engine=f"vLLM in-process ({loaded.hardware.distribution})",
            engine_version=version_of(loaded.hardware, loaded.args),
            has_adapter_applied=None if adapter is None else True,
            facts=facts,
        )

    def _facts(self, loaded: Loaded) -> dict[str, JsonValue]:
        tokens = self._tokens([{"role": role, "content": text} for role, text in HELLO])
        return {
            "engine_args": dict(sorted(loaded.args.items())),
            "engine_start_s": round(loaded.start_s, 1),
            "prompt_first_tokens": list(tokens[:FIRST_TOKENS]),
            "prompt_tokens_of_hello": len(tokens),
            "starts_twice": len(tokens) > 1 and tokens[0] == tokens[1],
        }

    async def _apart(self, loaded: Loaded) -> bool | None:
        """Whether the engine keeps this adapter and its base apart. Raises ExecutionError when it does not."""
        base = InProcess(self._engine, self._spec, loaded.model.name, timeout_s=self._timeout_s)
        base._loaded = loaded
        sides = {base._name: base, self._name: self}
        try:
            return await refuse_mixing(lambda name, question: asked_once(sides[name], name, question), list(sides))
        except BackendError as error:
            raise ExecutionError(f"vLLM does not answer a first question: {error}{self._engine.tail()}") from error

    def wire(self, request: Request) -> dict[str, JsonValue]:
        """What a server would be sent; the same for all sides but for the model's name."""
        return chat_body(self._name, request, ChatOptions())

    async def answer(self, request: Request) -> Response:
        """One attempt. Raises BackendError, and ServerDown once the engine has died."""
        loaded = self._loaded
        if loaded is None:
            raise ConnectionLost("vLLM is not running")
        started = time.perf_counter()
        tokens = self._tokens([{"role": m.role, "content": m.content} for m in request.messages])
        name = f"{self._role}-{next(self._number)}"
        try:
            async with asyncio.timeout(self._timeout_s):
                output = await self._generated(loaded, tokens, request, name)
        except TimeoutError as error:
            await loaded.llm.abort(name)
            raise TimedOut(f"vLLM gave no answer within {self._timeout_s:g} s") from error
        except ValueError as error:  # vLLM's own errors of validation are ValueErrors
            words = str(error)
            kind = ContextTooLong if any(hint in words for hint in _TOO_LONG) else BadRequest
            raise kind(words[:500], status=400) from error
        except RuntimeError as error:
            if loaded.llm.errored:
                raise ServerDown(f"vLLM died: {error}{self._engine.tail()}") from error
            raise ConnectionLost(f"vLLM failed: {error}") from error
        found = output.outputs[0]
        return Response(
            text=found.text,
            finish=_FINISH.get(found.finish_reason, "stop"),
            usage=Usage(
                input_tokens=len(tokens),
                output_tokens=len(found.token_ids),
                cached_tokens=output.num_cached_tokens,
            ),
            served_model=self._name,
            latency_s=time.perf_counter() - started,
            at=time.time(),
        )

    async def _generated(self, loaded: Loaded, tokens: Sequence[int], request: Request, name: str) -> Any:
        settings = importlib.import_module("vllm.sampling_params")
        params = request.params
        schema = params.response_schema
        sampling = settings.SamplingParams(
            **{
                **loaded.llm.model_config.get_diff_sampling_param(),
                "temperature": params.temperature,
                "max_tokens": params.max_tokens,
                "seed": params.seed,
                "output_kind": settings.RequestOutputKind.FINAL_ONLY,
                "structured_outputs": settings.StructuredOutputsParams(json=dict(schema)) if schema else None,
            }
        )
        final = None
        async for output in loaded.llm.generate(
            {"prompt_token_ids": list(tokens)}, sampling, name, lora_request=self._lora
        ):
            final = output
        if final is None or not final.outputs:
            raise ConnectionLost("vLLM ended a request without an answer")
        return final

    def _tokens(self, messages: list[dict[str, str]]) -> list[int]:
        loaded = self._loaded
        if loaded is None:
            raise ConnectionLost("vLLM is not running")
        try:
            text = loaded.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
            return list(loaded.tokenizer.encode(text, add_special_tokens=False))
        except (jinja2.TemplateError, ValueError, TypeError, LookupError) as error:  # a program of the model's authors
            raise BadRequest(f"the model's chat template refuses this conversation: {error}") from error

    async def close(self) -> None:
        """Lets go of the engine; the last side ends it."""
        self._loaded = None
        await self._engine.release(self._role)


def _engine(folder: str, args: Mapping[str, Any]) -> Any:
    settings = importlib.import_module("vllm.engine.arg_utils").AsyncEngineArgs(
        model=folder, disable_log_stats=True, **args
    )
    return importlib.import_module("vllm.v1.engine.async_llm").AsyncLLM.from_engine_args(settings)


@contextlib.contextmanager
def _into(log: Path) -> Iterator[None]:
    """Sends stdout and stderr of this process, and of those it starts, into a file."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for number, _ in kept:
            os.dup2(file, number)
        yield
    finally:
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
        os.close(file)
