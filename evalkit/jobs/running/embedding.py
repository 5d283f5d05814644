"""The model that turns texts into vectors, opened for a job and asked as often as it takes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
from msgspec import Struct

from evalkit.backends.embeddings import BATCH, Embedder, Vectors
from evalkit.errors import BackendError, ContextTooLong, EntryError, ExecutionError, ServerDown
from evalkit.run.retry import pause_s
from evalkit.types import ModelSpec

SHORTEST = 16
"""Characters. A model that finds even this few too long takes no text."""


class Embedded(Struct, frozen=True, kw_only=True):
    """Vectors of n texts, and of which of them the model took only a beginning."""

    vectors: Vectors
    """(n, d), rows of length 1."""
    is_cut: tuple[bool, ...]


class Embedding:
    """An embedding model, open from `with` on; every failure is an ExecutionError that names its place.

    Blocks its caller: it has an event loop of its own, and must not be used inside of another one.
    """

    def __init__(self, spec: ModelSpec, place: str) -> None:
        """`place`: the entry in suite.yaml, as errors name it. Sends nothing yet."""
        self._spec = spec
        self._place = place
        self._runner = asyncio.Runner()
        self._embedder: Embedder | None = None
        self._dimensions: int | None = None

    def __enter__(self) -> Self:
        """Starts or reaches the model. Raises ExecutionError where that fails."""
        try:
            self._embedder = Embedder(self._spec)
            self._runner.run(self._embedder.open())
        except BaseException as error:
            self.close()
            if isinstance(error, EntryError):
                raise ExecutionError(f"{self._place}.{error.key}: {error}") from error
            if isinstance(error, ExecutionError):
                raise ExecutionError(f"{self._place}: {error}") from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the model."""
        self.close()

    def close(self) -> None:
        """Closes connections and ends an engine on this machine. Safe to call twice."""
        embedder, self._embedder = self._embedder, None
        if embedder is not None:
            self._runner.run(embedder.close())
        self._runner.close()

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """(n, d) float32, rows of length 1, as `embedded` makes them."""
        return self.embedded(texts).vectors

    def embedded(self, texts: Sequence[str]) -> Embedded:
        """The vectors in the texts' order. A text too long for the model is halved until it fits.

        Raises ExecutionError where a batch fails for good.
        """
        return self._runner.run(self._all(texts))

    async def _all(self, texts: Sequence[str]) -> Embedded:
        embedder = self._embedder
        if embedder is None:
            raise RuntimeError("the embedding model is not open")
        slots = asyncio.Semaphore(embedder.concurrency)

        async def one(batch: Sequence[str]) -> Embedded:
            async with slots:
                return await self._fitting(embedder, batch)

        return _joined(await asyncio.gather(*(one(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH))))

    async def _fitting(self, embedder: Embedder, batch: Sequence[str]) -> Embedded:
        """One batch; where it is too long its texts one by one, each halved until it fits."""
        try:
            return Embedded(vectors=await self._patiently(embedder, batch), is_cut=(False,) * len(batch))
        except ContextTooLong as error:
            # The refusal names no text, and some servers hold their limit against the whole batch.
            if len(batch) > 1:
                return _joined([await self._fitting(embedder, [text]) for text in batch])
            half = batch[0][: len(batch[0]) // 2].rstrip()
            if len(half) < SHORTEST:
                raise self._failed(str(error)) from error
        return Embedded(vectors=(await self._fitting(embedder, [half])).vectors, is_cut=(True,))

    async def _patiently(self, embedder: Embedder, batch: Sequence[str]) -> Vectors:
        """The vectors of one batch, asked again by the retry table. Raises ContextTooLong as it comes."""
        attempt = 1
        while True:
            try:
                return self._same_size(await embedder.embed(batch))
            except ContextTooLong:
                raise
            except BackendError as error:
                wait_s = pause_s(error, attempt, random.random())  # noqa: S311 - jitter
                if wait_s is None:
                    raise self._failed(str(error)) from error
            except ServerDown as error:
                raise self._failed(str(error)) from error
            await asyncio.sleep(wait_s)
            attempt += 1

    def _same_size(self, found: Vectors) -> Vectors:
        self._dimensions = self._dimensions or found.shape[1]
        if found.shape[1] != self._dimensions:
            raise self._failed(
                f"embeddings have {self._dimensions} numbers, then {found.shape[1]}: does more than one model answer?"
            )
        return found

    def _failed(self, why: str) -> ExecutionError:
        return ExecutionError(
            f"{self._place}: no embeddings: {why}\n"
            "  help: mend that server, or take `semantic` out of checks: paraphrases are then not looked for"
        )


def _joined(parts: Sequence[Embedded]) -> Embedded:
    return Embedded(
        vectors=np.concatenate([part.vectors for part in parts]),
        is_cut=tuple(is_cut for part in parts for is_cut in part.is_cut),
    )
