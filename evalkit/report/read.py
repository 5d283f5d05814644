"""Typed looks into plain JSON documents: what is absent or of another type reads as empty, never as an error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]
"""A JSON object from a file: verdict.json, manifest.json, one line of samples.jsonl, or a part of one."""

_LARGEST = sys.float_info.max
"""A whole number in JSON may be larger than any float."""


def obj(document: Document, key: str) -> Document:
    """The object under `key`, or an empty one."""
    value = document.get(key)
    # Asking an abstract class is ten times slower, and a large report asks half a million times.
    return value if type(value) is dict or isinstance(value, Mapping) else {}


def objects(document: Document, key: str) -> list[Document]:
    """The objects in the list under `key`; anything else in it is left out."""
    return [item for item in items(document, key) if isinstance(item, Mapping)]


def items(document: Document, key: str) -> list[Any]:
    """The list under `key`, or an empty one."""
    value = document.get(key)
    return list(value) if isinstance(value, list | tuple) else []


def text(document: Document, key: str) -> str:
    """The text under `key`, or an empty one. Other JSON values are written as JSON."""
    return words(document.get(key))


def words(value: Any) -> str:
    """A JSON value as text: a string as it is, nothing for null, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def number(document: Document, key: str) -> float | None:
    """The finite number under `key`, or None."""
    value = document.get(key)
    if type(value) is float:  # the usual, and a large report asks half a million times
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        return None
    return float(value)


def whole(document: Document, key: str) -> int | None:
    """The number under `key` as an integer, or None."""
    value = number(document, key)
    return None if value is None else round(value)


def pair(document: Document, key: str) -> tuple[float, float] | None:
    """The two numbers under `key` (an interval), or None."""
    value = document.get(key)
    if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 - a pair
        return None
    ends = {"low": value[0], "high": value[1]}
    low, high = number(ends, "low"), number(ends, "high")
    return None if low is None or high is None else (low, high)


def between(document: Document, low_key: str, high_key: str) -> tuple[float, float] | None:
    """The interval whose ends stand under two keys, or None when either is missing."""
    low, high = number(document, low_key), number(document, high_key)
    return None if low is None or high is None else (low, high)
