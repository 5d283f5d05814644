"""What `evalkit rot` last said about the samples of a run, for its report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.report.lights import SCHEMA
from evalkit.report.read import Document, obj, objects, text

_KEPT = ("name", "light", "sentence")
_LARGEST_BYTES = 10_000_000
"""Of a rot.json; one of a hundred slices has 60,000."""


def with_lights(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The verdict, under `rot` what the rot.json beside the run's folder says; as it was where there is none.

    `rot` is {created, compared, signals: [{name, light, sentence}]} or, where the file is of no use, {note}: it cannot
    be read, or it is about other samples than the run's. It is for the page alone and stands in no verdict.json, for it
    may be newer than the verdict.
    """
    file = folder.parent / "rot.json"
    if not file.is_file():
        return dict(document)
    return dict(document) | {"rot": _lights(file, document)}


def _lights(file: Path, document: Document) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes()) if file.stat().st_size <= _LARGEST_BYTES else None
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        return {"note": "the rot.json beside this run cannot be read; evalkit rot writes it anew"}
    if text(found, "data_sha256") != text(obj(document, "provenance"), "data_sha256"):
        return {"note": "measured for another version of the samples; evalkit rot measures these"}
    return {
        "created": text(found, "created"),
        "compared": obj(found, "logs").get("compared"),
        "signals": [
            {key: text(one, key) for key in ("name", "light", "sentence")} for one in objects(found, "signals")
        ],
    }
