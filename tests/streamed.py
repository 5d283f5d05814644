"""The contract of a backend whose answers are streamed: they mean what whole ones mean, faults included."""

import json

import pytest

from evalkit.testing import Rule, ScriptedServer, answers
from evalkit.testing.contracts import KEY_VARIABLE, HttpBackendContract, question, with_backend
from evalkit.types import ModelSpec

PLAIN = {"stream": True}
USAGE_TOO = {"stream": True, "stream_options": {"include_usage": True}}


def streaming(backend, base_url):
    return ModelSpec(
        role="baseline",
        backend=backend,
        model="base",
        base_url=base_url,
        api_key_env=KEY_VARIABLE,
        options={"stream": True},
    )


class StreamedContract(HttpBackendContract):
    besides = USAGE_TOO
    """What is sent beyond the wire, which fingerprints are made of."""

    def test_the_wire_is_what_is_sent(self):
        sent = []

        def remember(asked):
            sent.append(json.loads(asked.body))
            return "ok"

        with ScriptedServer([Rule(behaviour=answers(remember))]) as server:
            backend = self.backend_for(server.base_url, timeout_s=10.0)
            with_backend(backend, lambda b: b.answer(question()))
        assert sent[0] == backend.wire(question()) | self.besides
        assert "stream" not in backend.wire(question())

    def test_the_first_token_is_timed(self):
        with ScriptedServer([Rule(behaviour=answers("one two three", delay_s=0.05))]) as server:
            response = self.ask(server)
        assert response.text == "one two three"
        assert 0.05 <= response.ttft_s <= response.latency_s

    @pytest.mark.parametrize("behaviour", [answers(""), answers("", finish_reason="length")], ids=["empty", "cut"])
    def test_an_answer_without_text_has_no_first_token(self, behaviour):
        with ScriptedServer([Rule(behaviour=behaviour)]) as server:
            response = self.ask(server)
        assert (response.text, response.ttft_s) == ("", None)
