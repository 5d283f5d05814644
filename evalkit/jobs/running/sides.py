"""The run's backends: made once per model, shared by the main suite and its guards, closed together."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from evalkit.errors import EntryError, ExecutionError, UsageError
from evalkit.plugins import make_backends
from evalkit.protocols import Backend
from evalkit.run.plan import Part, Side
from evalkit.run.progress import Progress
from evalkit.suites.diagnostics import dotted
from evalkit.suites.load import read_source
from evalkit.suites.overrides import with_overrides
from evalkit.suites.prompts import Renderer
from evalkit.suites.yaml_source import Loc
from evalkit.types import AGAIN, ModelIdentity, ModelSpec, Suite

_ENTRY_KEY = re.compile(r"models(?:\.\w+)+")
"""How a backend's complaint begins: the key that it is about."""


class Opened(Struct, frozen=True, kw_only=True):
    """One role's backend, ready to answer."""

    backend: Backend
    identity: ModelIdentity


@contextlib.asynccontextmanager
async def opened(
    models: Mapping[str, ModelSpec], timeout_s: float, progress: Progress
) -> AsyncIterator[dict[str, Opened]]:
    """Opens all sides at once and closes them however the block ends."""
    backends = make_backends(models, timeout_s=timeout_s, tell=progress.on_note)
    try:
        progress.on_note(f"loading {' and '.join(models)}")
        identities = await asyncio.gather(*(backend.open() for backend in backends.values()))
        yield {
            role: Opened(backend=backend, identity=identity)
            for (role, backend), identity in zip(backends.items(), identities, strict=True)
        }
    finally:
        await asyncio.gather(*(backend.close() for backend in backends.values()), return_exceptions=True)


def located(error: EntryError, models: Mapping[str, ModelSpec], path: Path, overrides: Sequence[str]) -> ExecutionError:
    """The error with the place in suite.yaml of the key that it is about, as a mistake in the file is told."""
    role = next((r for r, spec in models.items() if str(getattr(spec, error.key, None)) == error.value), None)
    if role is None:
        return error
    source = with_overrides(read_source(path), overrides)
    loc: Loc = ("models", role, error.key)
    if source.find(loc) == source.find(("models",)):
        loc = ("models", "baselines", role, error.key)
    return ExecutionError(source.diagnostic(loc, f"{dotted(loc)}: {error}").render())


def placed(error: UsageError, path: Path, overrides: Sequence[str]) -> UsageError:
    """The error with its places in suite.yaml, of which a backend that refuses its entry knows the line at most."""
    source = with_overrides(read_source(path), overrides)
    found = []
    for diagnostic in error.diagnostics:
        key = _ENTRY_KEY.match(diagnostic.message)
        if diagnostic.path is None and key is not None:
            loc: Loc = tuple(key[0].split("."))
            found.append(source.diagnostic(loc, diagnostic.message, help=diagnostic.help))
        elif diagnostic.path is None and diagnostic.line is not None:
            found.append(dataclasses.replace(diagnostic, path=source.path))
        else:
            found.append(diagnostic)
    return UsageError(diagnostics=tuple(found))


def parts(suites: Sequence[Suite], sides: Mapping[str, Opened]) -> list[Part]:
    """The suites, main one first, with their sides on the opened backends."""
    return [
        Part(
            suite=suite,
            sides={
                role: Side(
                    spec=spec,
                    backend=sides[role].backend,
                    identity=sides[role].identity,
                    renderer=Renderer(spec),
                    is_asked_anew=role == AGAIN,
                )
                for role, spec in suite.models.items()
            },
        )
        for suite in suites
    ]
