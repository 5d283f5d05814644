"""`vllm`: one engine for the base and all of its adapters, ours or one that runs already, over HTTP or in-process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from evalkit.backends.chat_http import key_from
from evalkit.backends.http.endpoint import parse_endpoint
from evalkit.backends.vllm.engine import Engine, EnginePlan, served_name
from evalkit.backends.vllm.flags import problem_with
from evalkit.backends.vllm.inprocess import InProcess, SharedEngine
from evalkit.backends.vllm.served import Ours, Theirs
from evalkit.errors import Diagnostic, UsageError
from evalkit.protocols import Backend
from evalkit.types import ModelSpec

ENGINES = ("server", "inprocess")


def make_together(
    specs: Mapping[str, ModelSpec], *, timeout_s: float, tell: Callable[[str], None]
) -> dict[str, Backend]:
    """The backends of all sides that name `vllm`; sides of one model with equal `args` share an engine.

    Starts nothing yet. Raises UsageError for an entry it cannot act on.
    """
    problems = [found for spec in specs.values() for found in _problems(spec)]
    if problems:
        raise UsageError(diagnostics=tuple(problems))
    found: dict[str, Backend] = {
        role: _theirs(spec, timeout_s) for role, spec in specs.items() if spec.base_url is not None
    }
    shared: dict[str, dict[str, ModelSpec]] = {}
    for role, spec in specs.items():
        if role not in found:
            key = json.dumps([spec.model, spec.options.get("engine"), spec.options.get("args")], sort_keys=True)
            shared.setdefault(key, {})[role] = spec
    for sides in shared.values():
        found |= _ours(sides, len(shared), timeout_s, tell)
    return {role: found[role] for role in specs}


def make(spec: ModelSpec, *, timeout_s: float) -> Backend:
    """The backend of one side alone."""
    return make_together({spec.role: spec}, timeout_s=timeout_s, tell=lambda _: None)[spec.role]


def _theirs(spec: ModelSpec, timeout_s: float) -> Backend:
    endpoint = parse_endpoint(str(spec.base_url), allow_http=spec.options.get("allow_http") is True)
    key = key_from(spec.api_key_env) if spec.api_key_env else None
    return Theirs(endpoint, spec, timeout_s=timeout_s, key=key)


def _ours(
    sides: Mapping[str, ModelSpec], engines: int, timeout_s: float, tell: Callable[[str], None]
) -> dict[str, Backend]:
    first = next(iter(sides.values()))
    base = served_name(str(first.model))
    names = {role: base if spec.adapter is None else f"{base}+{role}" for role, spec in sides.items()}
    adapters = {names[role]: spec.adapter for role, spec in sides.items() if spec.adapter is not None}
    args = first.options.get("args") or {}
    plan = EnginePlan(
        model=str(first.model), adapters=adapters, args=dict(args) if isinstance(args, Mapping) else {}, engines=engines
    )
    if first.options.get("engine") == "inprocess":
        inside = SharedEngine(plan, tuple(sides), tell)
        return {role: InProcess(inside, spec, names[role], timeout_s=timeout_s) for role, spec in sides.items()}
    engine = Engine(plan, tuple(sides), tell)
    return {role: Ours(engine, spec, names[role], timeout_s=timeout_s) for role, spec in sides.items()}


def _problems(spec: ModelSpec) -> list[Diagnostic]:
    at, options = f"models.{spec.role}", spec.options
    found = []
    if not spec.model:
        found.append(f"{at}: backend vllm needs model: a model's folder, or a name in the local hub cache")
    engine = options.get("engine", "server")
    if engine not in ENGINES:
        found.append(f"{at}.engine: must be {' or '.join(ENGINES)}, not {str(engine)[:40]!r}")
    if not isinstance(options.get("stream", False), bool):
        found.append(f"{at}.stream: must be true or false")
    elif options.get("stream") and engine == "inprocess":
        found.append(f"{at}.stream: answers of engine: inprocess are not streamed; take out stream, or engine")
    args = options.get("args") or {}
    if not isinstance(args, Mapping):
        found.append(f"{at}.args: must be a mapping such as {{max_model_len: 4096}}")
    elif (problem := problem_with(args)) is not None:
        found.append(f"{at}.args.{problem[0]} {problem[1]}")
    if spec.base_url is not None:
        found += [
            f"{at}.{name}: the engine at base_url runs already and keeps its own arguments; take out base_url or {name}"
            for name in ("engine", "args")
            if name in options
        ]
    elif spec.api_key_env is not None:
        found.append(f"{at}.api_key_env: an engine that evalkit starts needs no key; it belongs to base_url")
    return [Diagnostic(message=text, line=spec.line) for text in found]
