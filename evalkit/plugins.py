"""Backends and metrics by name: the built-in ones and those installed packages bring.

A package brings a backend by an entry point in the group `evalkit.backends` that loads to a callable
`make(spec, *, timeout_s) -> Backend`. A plug-in that cannot be loaded is an error that names its distribution.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

from evalkit.errors import UsageError
from evalkit.protocols import Backend
from evalkit.types import ModelSpec

BUILT_IN = {
    "local": "evalkit.backends.local",
    "openai_compatible": "evalkit.backends.chat_http",
    "outputs": "evalkit.backends.outputs",
}
GROUP = "evalkit.backends"


class MakeBackend(Protocol):
    """Makes the backend of one model entry; opens nothing yet."""

    def __call__(self, spec: ModelSpec, *, timeout_s: float) -> Backend:
        """The backend for `spec`."""
        ...


def backend_names() -> frozenset[str]:
    """All backends a suite may name here."""
    return frozenset(BUILT_IN) | {point.name for point in entry_points(group=GROUP)}


def make_backend(spec: ModelSpec, *, timeout_s: float) -> Backend:
    """The backend of one side, not yet opened. Raises UsageError for one that is not installed or broken."""
    make = _built_in(spec.backend) if spec.backend in BUILT_IN else _load(spec.backend)
    return make(spec, timeout_s=timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A backend that an installed package brings."""

    name: str
    origin: str
    """Distribution and version."""
    problem: str | None
    """Why it cannot be loaded; None when it can."""


def plugins() -> tuple[Plugin, ...]:
    """Every plug-in found here, each one tried."""
    return tuple(_tried(point) for point in entry_points(group=GROUP))


def _tried(point: EntryPoint) -> Plugin:
    problem = None
    try:
        point.load()
    except Exception as error:  # noqa: BLE001 - the border: other people's code, of which anything may come
        problem = f"{type(error).__name__}: {error}"
    return Plugin(name=point.name, origin=_origin(point), problem=problem)


def _built_in(name: str) -> MakeBackend:
    return cast("MakeBackend", importlib.import_module(BUILT_IN[name]).make)


def _load(name: str) -> MakeBackend:
    for point in entry_points(group=GROUP):
        if point.name == name:
            try:
                return cast("MakeBackend", point.load())
            except Exception as error:
                raise UsageError(f"the backend {name!r} from {_origin(point)} cannot be loaded: {error}") from error
    raise UsageError(f"no backend is called {name!r}; here are: {', '.join(sorted(backend_names()))}")


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
