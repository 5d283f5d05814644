"""The hash of a judge: equal only where nothing differs that can move a grade."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import structs, to_builtins

from evalkit.fingerprint import canonical_bytes, file_sha256, folder_sha256
from evalkit.judging.spec import JudgeSpec
from evalkit.judging.wording import WORDING
from evalkit.types import ModelIdentity, ModelSpec

_CANNOT_MOVE_A_GRADE = frozenset(
    {"allow_http", "slots", "threads", "batch", "batch_discount", "organization", "project"}
)
"""Keys of a model entry about how a request travels. So is its address: one model may be served at two of them."""


def judge_hash(spec: JudgeSpec) -> str:
    """sha256, as 64 hex digits, over rubric, inputs, models, decoding, votes and the version of the wording."""
    content = {
        "wording": WORDING,
        "id": spec.id,
        "version": spec.version,
        "mode": spec.mode,
        "inputs": list(spec.inputs),
        "limits": to_builtins(spec.limits),
        "criteria": [_criterion(to_builtins(one)) for one in spec.criteria],
        "aggregate": spec.aggregate,
        "hard_fail": sorted(spec.hard_fail),
        "system": spec.system,
        "members": [_member(each) for each in spec.members.values()],
    }
    return hashlib.sha256(canonical_bytes(content)).hexdigest()


def sealed(spec: JudgeSpec, identities: Mapping[str, ModelIdentity]) -> JudgeSpec:
    """The judge with what its opened models proved about themselves in its hash; `identities` are by role.

    A model that proves nothing but its name (a hosted one) leaves the hash as it is. Calibrations are bound to this
    hash, so that they hold for these weights and no others.
    """
    proven = {
        role: [found.weights_sha256, found.adapter_sha256]
        for role, found in identities.items()
        if role in spec.members and (found.weights_sha256 or found.adapter_sha256) and not found.is_fixed
    }
    if not proven:
        return spec
    whole = hashlib.sha256(canonical_bytes([judge_hash(spec), proven])).hexdigest()
    return structs.replace(spec, judge_hash=whole)


def _criterion(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"anchors": {str(mark): text for mark, text in fields["anchors"].items()}}


def _member(spec: ModelSpec) -> list[Any]:
    name = spec.model
    if name is not None and Path(name).is_absolute():
        name = Path(name).name  # weights on this machine: their own digest is sealed in once they are opened
    return [
        spec.backend,
        name,
        None if spec.adapter is None else folder_sha256(spec.adapter),
        None if spec.path is None else file_sha256(spec.path),
        {key: value for key, value in spec.options.items() if key not in _CANNOT_MOVE_A_GRADE},
        [spec.generation.temperature, spec.generation.max_tokens, spec.generation.seed, spec.generation.repeats],
        spec.generation.response_schema is not None,
    ]
