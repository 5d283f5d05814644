"""Outcomes as bytes and back, without loss: lone surrogates, NUL and all."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from typing import Any

from evalkit.errors import ExecutionError
from evalkit.types import Failure, Outcome, Response, Usage


def encode(outcome: Outcome) -> bytes:
    """The outcome as ASCII JSON; text that is no valid Unicode survives as escapes."""
    document: dict[str, Any] = asdict(outcome)
    document["is"] = "response" if isinstance(outcome, Response) else "failure"
    return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def decode(blob: bytes) -> Outcome:
    """The outcome behind `encode`'s bytes. Raises ExecutionError when they are not that."""
    try:
        document: dict[str, Any] = json.loads(blob)
        if document.pop("is") == "failure":
            return Failure(**document)
        document["usage"] = Usage(**document["usage"])
        return Response(**document)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExecutionError("a stored outcome cannot be read") from error


def checksum(*parts: bytes) -> int:
    """CRC-32 over the parts: finds rot, is no defence against intent."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return crc
