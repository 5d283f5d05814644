"""Canonical bytes and their sha256: equal fingerprints mean equal content, on every machine and release.

The recipe is versioned by its prefix: `fp1:` = sha256 over JSON with sorted keys, no spaces, ASCII escapes
and no NaN. A changed recipe must get a new prefix, so that old journals are refused and not misread.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

RECIPE = "fp1"


def canonical_bytes(value: Any) -> bytes:
    """`value` as JSON that does not depend on key order or locale. Raises ValueError on NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def fingerprint(value: Any) -> str:
    """`fp1:` and 64 hex digits over the canonical bytes of a JSON value.

    >>> fingerprint({"b": 1, "a": [1.0, "é"]}) == fingerprint({"a": [1.0, "é"], "b": 1})
    True
    """
    return f"{RECIPE}:{hashlib.sha256(canonical_bytes(value)).hexdigest()}"


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, as 64 hex digits, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def folder_sha256(path: Path) -> str:
    """sha256 over names and contents of all files below `path`; of the file itself when it is one."""
    if path.is_file():
        return file_sha256(path)
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return hashlib.sha256(
        canonical_bytes([[p.relative_to(path).as_posix(), file_sha256(p)] for p in files])
    ).hexdigest()
