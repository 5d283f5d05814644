"""The embedded engine, started to turn texts into vectors instead of answering."""

from __future__ import annotations

from evalkit.backends.http.reply import Reply
from evalkit.backends.local import Local, make
from evalkit.backends.local.gguf import read_gguf
from evalkit.backends.local.weights import Weights
from evalkit.errors import ConnectionLost, ServerDown
from evalkit.types import JsonValue, ModelSpec


class LocalEmbeddings(Local):
    """One llama.cpp process that serves /v1/embeddings.

    A model that says how its vectors are pooled is taken at its word; of others the mean over all tokens counts.
    """

    async def post(self, path: str, body: bytes, *, timeout_s: float, prompts: tuple[str, ...] = ()) -> Reply:
        """The 200 reply to POST `path`. Raises BackendError, and ServerDown once the engine has died."""
        if self._chat is None or self._engine is None:
            raise ConnectionLost("the local engine is not running")
        try:
            return await self._chat.post(path, body, timeout_s=timeout_s, prompts=prompts)
        except ConnectionLost as error:
            ending = self._engine.ending()
            if ending is None:
                raise
            raise ServerDown(f"the local engine died: {ending}") from error

    def _settings(self, weights: Weights, key: str) -> dict[str, JsonValue]:
        says = read_gguf(weights.model).metadata
        has_pooling = f"{says.get('general.architecture')}.pooling_type" in says
        return super()._settings(weights, key) | {"embedding": True, "has_pooling": has_pooling}


def make_embeddings(spec: ModelSpec, *, timeout_s: float) -> LocalEmbeddings:
    """The engine for one entry; starts nothing yet. Raises UsageError for an entry it cannot act on."""
    checked = make(spec, timeout_s=timeout_s)
    return LocalEmbeddings(spec, checked.options, timeout_s=timeout_s)
