"""What both vendors' batches have in common: sizes, patience, and lines of JSON that come down."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from evalkit.backends.http.reply import Reply
from evalkit.errors import ProtocolViolation

MAX_BATCH_BYTES = 64_000_000
"""Below what the vendors take (200 and 256 MB): an upload is held in memory, a few times over."""
TRANSFER_S = 900.0
"""What an upload or a download may take."""
SKEW_S = 600.0
"""How far apart the clocks of this machine and the vendor's may be."""
PAGES = 20
"""So many pages of a hundred batches each are looked through for one that may have been sent."""

T = TypeVar("T")


def parsed(reply: Reply) -> Any:
    """The object in a 200 reply. Raises ProtocolViolation for anything else."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProtocolViolation("the reply about a batch is no JSON object", status=reply.status)
    return found


def lines_of(body: bytes, kind: type[T]) -> Iterator[T]:
    """Each line that is one of `kind`. A line that is none holds no answer, which is told where one is missing."""
    decoder = msgspec.json.Decoder(kind)
    start = len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        try:
            line = decoder.decode(body[start:end])
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        else:
            yield line
        start = end + 1
