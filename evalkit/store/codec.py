"""Outcomes as bytes and back, without loss: lone surrogates, NUL and all."""

from __future__ import annotations

import json
import math
import zlib

import msgspec

from evalkit.errors import ExecutionError
from evalkit.types import Failure, Outcome, Response

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Response | Failure)


def encode(outcome: Outcome) -> bytes:
    """The outcome as JSON, without what has its default; text that is no valid Unicode survives as escapes."""
    latency_s, ttft_s = (outcome.latency_s, outcome.ttft_s) if isinstance(outcome, Response) else (None, None)
    # Together they are finite only if each is: this runs once an answer.
    if not math.isfinite(outcome.at + (latency_s or 0.0) + (ttft_s or 0.0)):
        raise ValueError(f"{outcome.at!r}, {latency_s!r} or {ttft_s!r} is no time")  # msgspec would write null
    try:
        return _ENCODER.encode(outcome)
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot carry
        document = msgspec.to_builtins(outcome)
        return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def decode(blob: bytes) -> Outcome:
    """The outcome behind `encode`'s bytes. Raises ExecutionError when they are not that."""
    try:
        return _DECODER.decode(blob)
    except (msgspec.DecodeError, UnicodeDecodeError):  # an escaped surrogate, which msgspec refuses, or rot
        try:
            return msgspec.convert(json.loads(blob), Response | Failure)
        except (ValueError, TypeError, msgspec.ValidationError) as error:
            raise ExecutionError("a stored outcome cannot be read") from error


def checksum(*parts: bytes) -> int:
    """CRC-32 over the parts: finds rot, is no defence against intent."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return crc
