"""Texts as vectors, from any server that speaks `POST /v1/embeddings` or from the embedded engine.

The shape is OpenAI's (`{"data": [{"index": 0, "embedding": [0.1, …]}]}`), which vLLM, llama.cpp, Ollama and others
speak too. Each request is sent once; who asks decides about another attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from evalkit.backends.chat_http import json_bytes, make
from evalkit.backends.chat_reply import why_not_json
from evalkit.backends.http.reply import Reply
from evalkit.backends.local.embedding import make_embeddings
from evalkit.errors import ProtocolViolation
from evalkit.types import ModelIdentity, ModelSpec

BATCH = 32
"""Texts in a request: the fewest that a server in wide use takes by default (Text Embeddings Inference)."""
TIMEOUT_S = 300.0
"""For one batch: a processor without a GPU needs minutes for 32 long texts and a large model."""

Vectors = NDArray[np.float32]


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Listing(msgspec.Struct):
    data: list[_Row] | None = None


_DECODER = msgspec.json.Decoder(_Listing)


class _Door(Protocol):
    concurrency: int

    async def open(self) -> ModelIdentity: ...

    async def post(self, path: str, body: bytes, *, timeout_s: float, prompts: tuple[str, ...]) -> Reply: ...

    async def close(self) -> None: ...


class Embedder:
    """One embedding model. All methods run on one event loop."""

    def __init__(self, spec: ModelSpec) -> None:
        """Sends nothing yet. Raises UsageError and ExecutionError as the backend's own `make` does."""
        build = make_embeddings if spec.backend == "local" else make
        self._door: _Door = build(spec, timeout_s=TIMEOUT_S)
        self._model = str(spec.model)

    @property
    def concurrency(self) -> int:
        """How many batches at once the model takes well."""
        return min(4, self._door.concurrency)

    async def open(self) -> ModelIdentity:
        """Starts or reaches the model. Raises ExecutionError where that fails."""
        return await self._door.open()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, d) float32, a row of length 1 for each of up to `BATCH` texts, in their order. One attempt.

        Raises BackendError: ProtocolViolation for a reply that is not exactly one finite vector for each text.
        """
        body = json_bytes({"model": self._model, "input": list(texts), "encoding_format": "float"})
        reply = await self._door.post("/embeddings", body, timeout_s=TIMEOUT_S, prompts=tuple(texts))
        return vectors_in(reply.body, len(texts))

    async def close(self) -> None:
        """Closes connections and ends the engine. Safe to call twice."""
        await self._door.close()


def vectors_in(body: bytes, wanted: int) -> Vectors:
    """(wanted, d) float32, rows of length 1, from the body of a reply. Raises ProtocolViolation for anything else."""
    rows = _rows(body)
    if len(rows) != wanted:
        raise ProtocolViolation(f"{wanted} texts were sent and {len(rows)} embeddings came back", status=200)
    places = [number if row.index is None else row.index for number, row in enumerate(rows)]
    if sorted(places) != list(range(wanted)):
        raise ProtocolViolation("the reply does not say which embedding belongs to which text", status=200)
    lengths = {len(row.embedding) for row in rows}
    if len(lengths) > 1 or 0 in lengths:
        told = ", ".join(str(length) for length in sorted(lengths)[:5])
        raise ProtocolViolation(f"embeddings of one reply have {told} numbers; all need the same", status=200)
    found = np.empty((wanted, max(lengths, default=0)), np.float64)
    for place, row in zip(places, rows, strict=True):
        found[place] = row.embedding
    return unit(found)


def unit(found: NDArray[np.float64]) -> Vectors:
    """The rows scaled to length 1. Raises ProtocolViolation for a row of zeros or with numbers that are not finite."""
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not (norms > 0.0).all():
        raise ProtocolViolation("an embedding is all zeros or holds numbers that are not finite", status=200)
    return np.asarray(found / norms, np.float32)


def _rows(body: bytes) -> list[_Row]:
    try:
        listing = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(f"the reply is JSON, but no list of embeddings: {error}", status=200) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # NaN and Infinity are no JSON, and a server whose model overflows writes them all the same.
        why = why_not_json(body)
        if any(word in body for word in (b"NaN", b"Infinity")):
            why = "an embedding holds numbers that are not finite"
        raise ProtocolViolation(why, status=200) from error
    if listing.data is None:
        raise ProtocolViolation("the reply holds no embeddings (no data); does this model give any?", status=200)
    return listing.data
