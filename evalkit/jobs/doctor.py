"""`evalkit doctor`: what would run here, what would not, and the command that mends it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

from evalkit import __version__
from evalkit.backends.local import missing_packages
from evalkit.backends.local.weights import PACKAGED, find_weights
from evalkit.backends.outputs import recorded_ids
from evalkit.backends.vllm.engine import INSTALL, PYTHON, hardware_here
from evalkit.backends.vllm.flags import Hardware
from evalkit.backends.vllm.weights import find_adapter, find_model
from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.running.run import load_all
from evalkit.plugins import make_backend, plugins
from evalkit.store.checkup import journal_problem
from evalkit.store.home import home
from evalkit.types import ModelIdentity, ModelSpec, Suite

State = Literal["ok", "warning", "missing"]
ENDPOINT_TIMEOUT_S = 5.0
LOW_DISK_BYTES = 1_000_000_000
NO_DISK_BYTES = 50_000_000
_GPU_TIMEOUT_S = 10.0


class Check(Struct, frozen=True, kw_only=True):
    """One thing looked at."""

    what: str
    state: State
    """`missing`: something that is needed is not there, and a run would fail."""
    told: str
    mend: str | None = None
    """The command or the change that mends it; several commands on as many lines."""


def doctor(suite_path: Path | None = None, overrides: tuple[str, ...] = ()) -> tuple[Check, ...]:
    """Every check of this machine, and of a named suite's sides and `checks.semantic`. Raises UsageError for a bad one.

    Asks each endpoint for its list of models and sends nothing else; starts no engine.
    """
    suite = None if suite_path is None else load_all(suite_path, overrides=overrides).main
    needs_engine = suite is not None and any(spec.backend == "local" for _, _, spec in _models(suite))
    vllm = hardware_here()
    checks = [
        *_versions(),
        _engine(is_needed=needs_engine),
        *_weights(),
        _vllm(vllm),
        _gpu(),
        _machine(),
        *_disk(),
        *_plugins(),
    ]
    if suite is not None:
        checks.append(
            Check(what="suite", state="ok", told=f"{suite_path}: {suite.name}, {len(suite.samples):,} samples")
        )
        for what, key, spec in _models(suite):
            checks += _side(what, key, spec, suite, vllm)
    return tuple(checks)


def _versions() -> Iterator[Check]:
    yield Check(what="evalkit", state="ok", told=__version__)
    yield Check(
        what="Python", state="ok", told=f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )


def _engine(*, is_needed: bool) -> Check:
    """The engine alone; the weights have a line of their own."""
    missing = missing_packages("")
    if missing:
        told = "not installed; backend local needs it"
        return Check(what="local engine", state="missing" if is_needed else "warning", told=told, mend=missing[0])
    return Check(what="local engine", state="ok", told=f"xllamacpp {importlib.metadata.version('xllamacpp')}")


def _weights() -> Iterator[Check]:
    """The bundled weights; a suite that needs them and has them not is told at its side."""
    for name, packaged in PACKAGED.items():
        what = "bundled model"
        try:
            found = find_weights(name, None)
        except ExecutionError as error:
            yield Check(what=what, state="warning", told=str(error).partition("; run")[0], mend=packaged.install)
        else:
            yield Check(what=what, state="ok", told=f"{name}, sha256 {found.model_sha256[:12]}…, {found.model}")


def _vllm(found: Hardware | None) -> Check:
    """A side that needs it has a line of its own."""
    if found is None:
        return Check(what="vLLM", state="ok", told=f"not installed; backend vllm starts an engine with it: {INSTALL}")
    where = f"{found.gpus} GPU{'s' if found.gpus > 1 else ''}" if not found.is_cpu else "the CPU"
    slow = "" if found.has_bf16 or not found.is_cpu else ", in float32: it has no bfloat16 arithmetic"
    place = f", in {os.environ[PYTHON]} ({PYTHON})" if os.environ.get(PYTHON) else ""
    return Check(what="vLLM", state="ok", told=f"{found.distribution} {found.version} on {where}{slow}{place}")


def _gpu() -> Check:
    program = shutil.which("nvidia-smi")
    if program is None:
        return Check(what="GPU", state="ok", told="no nvidia-smi here, and none is needed")
    command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_TIMEOUT_S, check=True)  # noqa: S603 - a fixed command
    except (OSError, subprocess.SubprocessError) as error:
        return Check(what="GPU", state="warning", told=f"nvidia-smi fails ({type(error).__name__}); none is needed")
    return Check(what="GPU", state="ok", told="; ".join(said.stdout.split("\n")).strip("; ") or "none")


def _machine() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = ""
    with contextlib.suppress(OSError, ValueError):
        total, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        memory = f", {total * page / 1e9:.1f} GB of memory"
    return Check(what="machine", state="ok", told=f"{cores} CPU core{'s' if cores > 1 else ''}{memory}")


def _disk() -> Iterator[Check]:
    folder = home().absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    elsewhere = "export EVALKIT_HOME=/a/folder/on/a/local/disk"
    free = shutil.disk_usage(folder).free
    state: State = "missing" if free < NO_DISK_BYTES else "warning" if free < LOW_DISK_BYTES else "ok"
    mend = None if state == "ok" else f"free some space, or {elsewhere}"
    yield Check(what="disk", state=state, told=f"{free / 1e9:.1f} GB free for {home()} (EVALKIT_HOME)", mend=mend)
    problem = journal_problem(folder)
    if problem is None:
        yield Check(what="journal", state="ok", told=f"can be written below {folder}")
    else:
        yield Check(what="journal", state="missing", told=problem, mend=elsewhere)


def _plugins() -> Iterator[Check]:
    found = plugins()
    if not found:
        yield Check(what="plug-ins", state="ok", told="none installed")
    for plugin in found:
        what = f"plug-in {plugin.name}"
        if plugin.problem is None:
            yield Check(what=what, state="ok", told=f"from {plugin.origin}")
        else:
            told = f"from {plugin.origin} cannot be loaded: {plugin.problem}"
            package = plugin.origin.split(" ")[0]
            yield Check(what=what, state="warning", told=told, mend=f"pip install --upgrade {package}")


def _models(suite: Suite) -> Iterator[tuple[str, str, ModelSpec]]:
    """(what it is called here, its key in the suite, the entry) of each side and of the models of `checks.semantic`."""
    yield from ((spec.role, spec.place, spec) for spec in suite.models.values())
    asked = suite.hygiene.semantic
    if asked is not None:
        yield "embeddings", "checks.semantic.embeddings", asked.embeddings
        if asked.judge is not None:
            yield "semantic judge", "checks.semantic.judge", asked.judge


def _side(what: str, entry: str, spec: ModelSpec, suite: Suite, vllm: Hardware | None) -> Iterator[Check]:
    place = f"{entry}, {suite.path.name}:{spec.line}" if spec.line else entry
    key = spec.api_key_env
    if key is not None:
        if not os.environ.get(key, "").strip():
            yield Check(what=what, state="missing", told=f"the key {key} is not set", mend=f"export {key}=…")
            return
        yield Check(what=what, state="ok", told=f"the key {key} is set (its value is never shown)")
    match spec.backend:
        case "local":
            yield _local(spec, what)
        case "outputs":
            yield _recorded(spec, suite, what)
        case "vllm" if spec.base_url is None:
            yield _own_engine(spec, what, vllm)
        case "openai_compatible" | "vllm":
            yield _endpoint(spec, what, place)
        case "openai" | "anthropic":
            yield from _hosted(spec, what, place)
        case _:
            yield _other(spec, what)


def _local(spec: ModelSpec, what: str) -> Check:
    model = str(spec.model)
    missing = missing_packages(model)
    if missing:
        return Check(what=what, state="missing", told=f"{model} needs packages", mend="\n".join(missing))
    try:
        found = find_weights(model, spec.adapter)
    except ExecutionError as error:
        return Check(what=what, state="missing", told=str(error))
    adapter = f", adapter {found.adapter.name} fits (sha256 {str(found.adapter_sha256)[:12]}…)" if found.adapter else ""
    return Check(what=what, state="ok", told=f"local {found.alias}{adapter}")


def _own_engine(spec: ModelSpec, what: str, vllm: Hardware | None) -> Check:
    if vllm is None:
        return Check(what=what, state="missing", told="backend vllm needs vLLM, which is not installed", mend=INSTALL)
    try:
        model = find_model(str(spec.model))
        adapter = None if spec.adapter is None else find_adapter(spec.adapter, model)
    except ExecutionError as error:
        return Check(what=what, state="missing", told=str(error))
    fits = "" if adapter is None else f", adapter fits (rank {adapter.rank}, sha256 {adapter.sha256[:12]}…)"
    return Check(what=what, state="ok", told=f"vLLM would serve {model.name}{fits}; this check starts no engine")


def _recorded(spec: ModelSpec, suite: Suite, what: str) -> Check:
    known = {sample.id for sample in suite.samples}
    rows = known & set(recorded_ids(spec.path)) if spec.path is not None else set()
    told = f"recorded answers for {len(rows):,} of {len(known):,} samples in {spec.path.name if spec.path else '?'}"
    if len(rows) == len(known):
        return Check(what=what, state="ok", told=told)
    return Check(what=what, state="warning", told=told, mend="the others count as missing evidence: record them too")


def _endpoint(spec: ModelSpec, what: str, place: str) -> Check:
    try:
        identity = asyncio.run(_reached(spec))
    except TimeoutError:
        told = f"{spec.base_url or spec.backend} gave no answer within {ENDPOINT_TIMEOUT_S:g} s"
        return Check(what=what, state="missing", told=told, mend=f"start the server, or correct base_url ({place})")
    except ExecutionError as error:
        return Check(what=what, state="missing", told=str(error), mend=f"look at {place}")
    if identity.served_model is None:
        told = f"{identity.endpoint} answers, but lists no models: whether it serves {spec.model!r} shows in a run"
        return Check(what=what, state="warning", told=told)
    return Check(what=what, state="ok", told=f"{identity.endpoint} serves {spec.model!r}")


def _hosted(spec: ModelSpec, what: str, place: str) -> Iterator[Check]:
    """The vendor's SDK, and then the vendor."""
    mend = f'pip install "evalkit-gate[{spec.backend}]"'
    try:
        version = importlib.metadata.version(spec.backend)
        importlib.import_module(spec.backend)  # takes seconds that are not the endpoint's
    except importlib.metadata.PackageNotFoundError:
        yield Check(what=what, state="missing", told=f"backend {spec.backend} needs its SDK", mend=mend)
    except ImportError as error:
        told = f"{spec.backend} {version} cannot be loaded: {error}"
        yield Check(what=what, state="missing", told=told, mend=mend.replace("install", "install --upgrade"))
    else:
        yield Check(what=what, state="ok", told=f"{spec.backend} SDK {version}")
        yield _endpoint(spec, what, place)


async def _reached(spec: ModelSpec) -> ModelIdentity:
    """What the endpoint says when it is asked for its models."""
    backend = make_backend(spec, timeout_s=ENDPOINT_TIMEOUT_S)
    try:
        async with asyncio.timeout(ENDPOINT_TIMEOUT_S):
            return await backend.open()
    finally:
        await backend.close()


def _other(spec: ModelSpec, what: str) -> Check:
    try:
        make_backend(spec, timeout_s=ENDPOINT_TIMEOUT_S)
    except (UsageError, ExecutionError) as error:
        return Check(what=what, state="missing", told=str(error))
    return Check(what=what, state="ok", told=f"backend {spec.backend} is installed; it is not opened by this check")
