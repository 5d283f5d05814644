"""Backends, metrics and checks by name: the built-in ones and those installed packages bring.

A package brings one by an entry point in the group `evalkit.backends`, `evalkit.metrics` or `evalkit.checks` that
loads to the factory below it in `KINDS`. A plug-in that cannot be loaded is an error that names its distribution.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, Protocol, cast

from msgspec import Struct

from evalkit.errors import Diagnostic, EvalkitError, UsageError
from evalkit.metrics.catalogue import known_types
from evalkit.metrics.registry import build
from evalkit.protocols import Backend, Check, Metric
from evalkit.types import CheckSpec, Finding, MetricSpec, ModelSpec, Sample, Suite

Kind = Literal["backends", "metrics", "checks"]
KINDS: tuple[Kind, ...] = ("backends", "metrics", "checks")
JUDGE = "judge"
"""The metric type that asks a model; `evalkit.judging` makes it, for it needs the suite it stands in."""
BUILT_IN_BACKENDS = {
    "anthropic": "evalkit.backends.hosted.anthropic_api",
    "local": "evalkit.backends.local",
    "openai": "evalkit.backends.hosted.openai_api",
    "openai_compatible": "evalkit.backends.chat_http",
    "outputs": "evalkit.backends.outputs",
    "vllm": "evalkit.backends.vllm",
}


class MakeBackend(Protocol):
    """Makes the backend of one model entry; opens nothing yet."""

    def __call__(self, spec: ModelSpec, *, timeout_s: float) -> Backend:
        """The backend for `spec`."""
        ...


MakeMetric = Callable[[MetricSpec, Sequence[Sample]], Metric]
"""Makes the metric of one entry of `metrics:`, for the samples it will score. Raises UsageError for bad options."""
MakeCheck = Callable[[CheckSpec], Check]
"""Makes the check of one entry of `checks.plugins:`. Raises UsageError for bad options."""


class Plugin(Struct, frozen=True, kw_only=True):
    """Something an installed package brings."""

    kind: Kind
    name: str
    origin: str
    """Distribution and version."""
    problem: str | None
    """Why it cannot be loaded; None when it can."""


def backend_names() -> frozenset[str]:
    """All backends a suite may name here."""
    return frozenset(BUILT_IN_BACKENDS) | _names("backends")


def metric_types() -> frozenset[str]:
    """The metric types besides the built-in ones: what installed packages bring, and judges."""
    return (_names("metrics") - frozenset(known_types())) | {JUDGE}


def check_types() -> frozenset[str]:
    """The checks that installed packages bring."""
    return _names("checks")


def make_backend(spec: ModelSpec, *, timeout_s: float) -> Backend:
    """The backend of one side, not yet opened. Raises UsageError for one that is not installed or broken."""
    if spec.backend in BUILT_IN_BACKENDS:
        make = cast("MakeBackend", importlib.import_module(BUILT_IN_BACKENDS[spec.backend]).make)
        return make(spec, timeout_s=timeout_s)
    make = cast("MakeBackend", _load("backends", spec.backend))
    with _blamed("backends", spec.backend, spec.line):
        return make(spec, timeout_s=timeout_s)


def make_backends(
    specs: Mapping[str, ModelSpec], *, timeout_s: float, tell: Callable[[str], None]
) -> dict[str, Backend]:
    """The backends of all sides, by role, not yet opened; sides that can share an engine share one.

    `tell` is told, a sentence at a time, what an engine is doing while it loads. Raises UsageError as `make_backend`.
    """
    found: dict[str, Backend] = {}
    for name in dict.fromkeys(spec.backend for spec in specs.values()):
        sides = {role: spec for role, spec in specs.items() if spec.backend == name}
        module = importlib.import_module(BUILT_IN_BACKENDS[name]) if name in BUILT_IN_BACKENDS else None
        if (together := getattr(module, "make_together", None)) is not None:
            found |= together(sides, timeout_s=timeout_s, tell=tell)
        else:
            found |= {role: make_backend(spec, timeout_s=timeout_s) for role, spec in sides.items()}
    return {role: found[role] for role in specs}


def make_metric(spec: MetricSpec, samples: Sequence[Sample]) -> Metric:
    """The metric of one entry. Raises UsageError, with the entry's line, for one that cannot be built."""
    if spec.type in known_types():
        return build(spec, samples)
    make = cast("MakeMetric", _load("metrics", spec.type, spec.line))
    with _blamed("metrics", spec.type, spec.line):
        return make(spec, samples)


def inspected(spec: CheckSpec, suite: Suite) -> Finding:
    """What the check of one entry finds. Raises UsageError, at the entry's line, for a check that fails itself."""
    try:
        make = cast("MakeCheck", _load("checks", spec.type, spec.line))
        with _blamed("checks", spec.type, spec.line):
            finding = make(spec).inspect(suite)
            if unknown := finding.samples.keys() - {sample.id for sample in suite.samples}:
                raise ValueError(f"it names a sample the suite does not have: {min(unknown)!r}")
    except UsageError as error:
        placed = tuple(dataclasses.replace(found, path=found.path or str(suite.path)) for found in error.diagnostics)
        raise UsageError(diagnostics=placed) from error
    return finding


def plugins() -> tuple[Plugin, ...]:
    """Every plug-in found here, each one tried."""
    return tuple(_tried(kind, point) for kind in KINDS for point in _points(kind))


def origin_of(kind: Kind, name: str) -> str | None:
    """Distribution and version of a plug-in; None for what evalkit brings itself."""
    return next((_origin(point) for point in _points(kind) if point.name == name), None)


@contextlib.contextmanager
def _blamed(kind: Kind, name: str, line: int | None) -> Iterator[None]:
    """What a plug-in's own code raises becomes a UsageError that names it and its package."""
    try:
        yield
    except EvalkitError:
        raise
    except Exception as error:
        what = f"the {kind.removesuffix('s')} '{name}' from {origin_of(kind, name)} failed"
        found = Diagnostic(message=f"{what} with {type(error).__name__}: {error}", line=line)
        raise UsageError(diagnostics=(found,)) from error


def _points(kind: Kind) -> Sequence[EntryPoint]:
    return _installed(tuple(sys.path))[kind]


@functools.lru_cache(maxsize=4)
def _installed(_path: tuple[str, ...]) -> Mapping[Kind, Sequence[EntryPoint]]:
    """All plug-ins on this path; reading what is installed takes 30 ms, so it is done once."""
    found = entry_points()
    return {kind: tuple(found.select(group=f"evalkit.{kind}")) for kind in KINDS}


def _names(kind: Kind) -> frozenset[str]:
    return frozenset(point.name for point in _points(kind))


def _tried(kind: Kind, point: EntryPoint) -> Plugin:
    problem = None
    try:
        point.load()
    except Exception as error:  # noqa: BLE001 - the border: other people's code, of which anything may come
        problem = f"{type(error).__name__}: {error}"
    return Plugin(kind=kind, name=point.name, origin=_origin(point), problem=problem)


def _load(kind: Kind, name: str, line: int | None = None) -> Any:
    for point in _points(kind):
        if point.name == name:
            try:
                return point.load()
            except Exception as error:
                message = f"the {kind.removesuffix('s')} '{name}' from {_origin(point)} cannot be loaded: {error}"
                raise UsageError(diagnostics=(Diagnostic(message=message, line=line),)) from error
    installed = ", ".join(sorted(_names(kind))) or "none"
    message = f"no {kind.removesuffix('s')} is called '{name}'; installed packages bring: {installed}"
    raise UsageError(diagnostics=(Diagnostic(message=message, line=line),))


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
