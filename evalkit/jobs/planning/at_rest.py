"""The sides of a suite without opening them: nothing is started, nothing is sent, no key is needed.

A request's fingerprint, and so the cache, depends on what a backend proves about itself when it opens. For the
built-in backends that is known beforehand; `tests/contracts` holds it against what opening them says.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping

from msgspec import Struct, structs

from evalkit.backends.hosted import anthropic_api, openai_api
from evalkit.backends.http.endpoint import parse_endpoint
from evalkit.backends.local import ENGINE_NAME
from evalkit.backends.local.weights import find_weights
from evalkit.errors import EvalkitError
from evalkit.fingerprint import file_sha256
from evalkit.jobs.running.sides import Opened
from evalkit.plugins import make_backend
from evalkit.types import ModelIdentity, ModelSpec

HOSTED = {"openai": openai_api.endpoint_of, "anthropic": anthropic_api.endpoint_of}


class AtRest(Struct, frozen=True, kw_only=True):
    """The sides as far as they are known."""

    sides: Mapping[str, Opened]
    """By role; only those whose identity is known."""
    unknown: Mapping[str, str]
    """role → why its identity is not known."""


def at_rest(models: Mapping[str, ModelSpec], timeout_s: float) -> AtRest:
    """Every side with what it will prove to be. Raises UsageError for an entry that its backend cannot act on."""
    sides: dict[str, Opened] = {}
    unknown: dict[str, str] = {}
    for role, spec in models.items():
        # The key changes no answer, and a plan must not ask for it.
        backend = make_backend(structs.replace(spec, api_key_env=None), timeout_s=timeout_s)
        try:
            identity = identity_at_rest(spec)
        except (EvalkitError, OSError, importlib.metadata.PackageNotFoundError) as error:
            if getattr(error, "exit_code", None) == 2:  # noqa: PLR2004 - a mistake in the suite is told as one
                raise
            identity, unknown[role] = None, str(error)
        if identity is not None:
            sides[role] = Opened(backend=backend, identity=identity)
        else:
            unknown.setdefault(role, f"backend {spec.backend} proves what it is only when it is opened")
    return AtRest(sides=sides, unknown=unknown)


def identity_at_rest(spec: ModelSpec) -> ModelIdentity | None:
    """What `open` will return, as far as fingerprints go; None for a plug-in's backend.

    Raises ExecutionError where weights or an engine are not installed.
    """
    if spec.backend == "outputs" and spec.path is not None:
        return ModelIdentity(weights_sha256=file_sha256(spec.path), engine="recorded answers", is_fixed=True)
    if spec.backend == "openai_compatible":
        endpoint = parse_endpoint(str(spec.base_url), allow_http=spec.options.get("allow_http") is True)
        return ModelIdentity(engine="openai_compatible", endpoint=endpoint.url)
    if spec.backend in HOSTED:
        return ModelIdentity(engine=spec.backend, endpoint=HOSTED[spec.backend](spec).url)
    if spec.backend == "local":
        version = importlib.metadata.version("xllamacpp")
        weights = find_weights(str(spec.model), spec.adapter)
        return ModelIdentity(
            served_model=weights.alias,
            weights_sha256=weights.model_sha256,
            adapter_sha256=weights.adapter_sha256,
            engine=ENGINE_NAME,
            engine_version=version,
        )
    return None
