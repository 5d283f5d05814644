"""Outcomes as bytes and back, without loss: lone surrogates, NUL and all."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

import msgspec

from evalkit.errors import ExecutionError
from evalkit.types import Failure, Outcome, Response, Usage

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()


def encode(outcome: Outcome) -> bytes:
    """The outcome as JSON; text that is no valid Unicode survives as escapes."""
    if isinstance(outcome, Failure):
        return _bytes(
            {
                "is": "failure",
                "kind": outcome.kind,
                "message": outcome.message,
                "status": outcome.status,
                "attempts": outcome.attempts,
                "at": outcome.at,
            }
        )
    usage = outcome.usage
    counted: dict[str, int | None] = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
    }
    # Few servers count these; a journal without them reads as one that was written before they were known.
    if usage.cache_write_tokens is not None:
        counted["cache_write_tokens"] = usage.cache_write_tokens
    if usage.reasoning_tokens is not None:
        counted["reasoning_tokens"] = usage.reasoning_tokens
    return _bytes(
        {
            "is": "response",
            "text": outcome.text,
            "finish": outcome.finish,
            "usage": counted,
            "served_model": outcome.served_model,
            "latency_s": outcome.latency_s,
            "attempts": outcome.attempts,
            "at": outcome.at,
            "is_cached": outcome.is_cached,
        }
    )


def decode(blob: bytes) -> Outcome:
    """The outcome behind `encode`'s bytes. Raises ExecutionError when they are not that."""
    try:
        document = _document(blob)
        if document.pop("is") == "failure":
            return Failure(**document)
        document["usage"] = Usage(**document["usage"])
        return Response(**document)
    except (ValueError, KeyError, TypeError) as error:
        raise ExecutionError("a stored outcome cannot be read") from error


def checksum(*parts: bytes) -> int:
    """CRC-32 over the parts: finds rot, is no defence against intent."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return crc


def _bytes(document: dict[str, Any]) -> bytes:
    for name in ("at", "latency_s"):
        value = document.get(name)
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name}: {value!r} is no time")  # msgspec would write null, which means another thing
    try:
        return _ENCODER.encode(document)
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot carry
        return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def _document(blob: bytes) -> dict[str, Any]:
    try:
        document = _DECODER.decode(blob)
    except msgspec.DecodeError:  # an escaped surrogate, which msgspec refuses
        document = json.loads(blob)
    if not isinstance(document, dict):
        raise TypeError("no object")
    return document
