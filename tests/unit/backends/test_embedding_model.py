"""Texts as vectors: the order of a batch, the key, and the embedded engine."""

import asyncio
import json

import numpy as np
import pytest
from meanings import EMBEDDER, drawn

from evalkit.backends.embeddings import Embedder, vectors_in
from evalkit.errors import ProtocolViolation
from evalkit.testing import EMBEDDINGS_PATH, Behaviour, Rule, ScriptedServer
from evalkit.types import ModelSpec


def embedded(spec, texts):
    async def ask():
        embedder = Embedder(spec)
        await embedder.open()
        try:
            return await embedder.embed(texts)
        finally:
            await embedder.close()

    return asyncio.run(ask())


def test_rows_come_back_in_the_order_of_the_texts_whatever_the_replys(monkeypatch):
    monkeypatch.setenv("EMBEDDING_KEY", "k-123456789")

    def backwards(asked):
        rows = [{"index": i, "embedding": drawn(text).tolist()} for i, text in enumerate(asked.payload["input"])]
        return json.dumps({"data": rows[::-1]}).encode()

    asked = []
    rule = Rule(
        behaviour=Behaviour(body=backwards), path=EMBEDDINGS_PATH, match=lambda request: asked.append(request) or True
    )
    with ScriptedServer([rule], models=(EMBEDDER,)) as server:
        spec = ModelSpec(
            role="e",
            backend="openai_compatible",
            model=EMBEDDER,
            base_url=server.base_url,
            api_key_env="EMBEDDING_KEY",
        )
        found = embedded(spec, ["one", "two", "three"])
    wanted = np.array([drawn(text) / np.linalg.norm(drawn(text)) for text in ("one", "two", "three")])
    assert found.dtype == np.float32
    assert found == pytest.approx(wanted, abs=1e-6)
    assert asked[0].headers["authorization"] == "Bearer k-123456789"
    assert asked[0].payload == {"model": EMBEDDER, "input": ["one", "two", "three"], "encoding_format": "float"}


def test_a_reply_without_places_is_taken_in_its_order():
    found = vectors_in(b'{"data": [{"embedding": [3.0, 4.0]}, {"embedding": [0.0, 2.0]}]}', 2)
    assert found == pytest.approx(np.array([[0.6, 0.8], [0.0, 1.0]]))


@pytest.mark.parametrize("body", [b'{"data": [{"embedding": []}]}', b'{"data": [{"index": 1, "embedding": [1.0]}]}'])
def test_no_numbers_and_a_place_that_is_none_are_refused(body):
    with pytest.raises(ProtocolViolation):
        vectors_in(body, 1)


@pytest.mark.model
def test_the_embedded_engine_gives_vectors_that_know_a_text_again():
    spec = ModelSpec(role="e", backend="local", model="smollm2-135m-instruct", options={"slots": 1, "context": 256})
    again, other, same = embedded(spec, ["Where is my parcel?", "The soup was cold.", "Where is my parcel?"])
    assert again @ same == pytest.approx(1.0, abs=1e-3)
    assert other @ same < 0.95
