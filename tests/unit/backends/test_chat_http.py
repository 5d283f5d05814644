import asyncio

import pytest

from evalkit.backends.chat_http import json_bytes, make
from evalkit.errors import ExecutionError, UsageError
from evalkit.testing import ScriptedServer
from evalkit.testing.contracts import question
from evalkit.types import ModelSpec

URL = "http://127.0.0.1:9/v1"


def spec(**changes):
    values = {"role": "baseline", "backend": "openai_compatible", "model": "base", "base_url": URL, **changes}
    return ModelSpec(**values)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": None}, "needs base_url"),
        ({"model": None}, "needs model"),
        ({"adapter": "adapter/"}, "adapter"),
        ({"options": {"tempo": 3}}, "tempo: unknown key"),
        ({"options": {"extra_body": 3}}, "extra_body: must be a mapping"),
        ({"options": {"max_tokens_field": ""}}, "max_tokens_field"),
        ({"options": {"allow_http": "yes"}}, "allow_http"),
        ({"options": {"stream": 1}}, "stream: must be true or false"),
        ({"options": {"extra_body": {"stream": True}}}, "into the entry itself"),
        ({"options": {"extra_body": {"model": "other"}}}, "extra_body.model: write `model: …` into the entry itself"),
        ({"options": {"extra_body": {"messages": []}}}, "extra_body.messages: every sample would be asked the same"),
    ],
)
def test_an_entry_it_cannot_act_on_is_a_usage_error(changes, words):
    with pytest.raises(UsageError, match=words):
        make(spec(**changes), timeout_s=1.0)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(UsageError) as caught:
        make(spec(model=None, base_url=None, line=12), timeout_s=1.0)
    assert [d.line for d in caught.value.diagnostics] == [12, 12]


def test_plain_http_to_another_machine_needs_a_word():
    with pytest.raises(ExecutionError, match="allow_http"):
        make(spec(base_url="http://10.0.0.5/v1"), timeout_s=1.0)
    make(spec(base_url="http://10.0.0.5/v1", options={"allow_http": True}), timeout_s=1.0)


@pytest.mark.parametrize("value", [None, "", "  ", "a\r\nx-evil: 1", "two words", "schlüssel"])
def test_a_key_that_is_none_is_refused_without_being_said(monkeypatch, value):
    monkeypatch.delenv("SOME_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(ExecutionError, match="SOME_KEY") as caught:
        make(spec(api_key_env="SOME_KEY"), timeout_s=1.0)
    assert not value or value.strip() == "" or value not in str(caught.value)


def test_options_reach_the_wire():
    backend = make(
        spec(options={"extra_body": {"top_k": 1}, "max_tokens_field": "max_completion_tokens"}), timeout_s=1.0
    )
    wire = backend.wire(question())
    assert wire["top_k"] == 1
    assert wire["max_completion_tokens"] == 256
    assert "max_tokens" not in wire


def test_a_near_miss_is_suggested():
    with ScriptedServer(models=["llama-3.1-8b"]) as server:
        backend = make(spec(base_url=server.base_url, model="llama-3-8b"), timeout_s=5.0)
        with pytest.raises(ExecutionError, match=r"Did you mean 'llama-3\.1-8b'\?"):
            asyncio.run(backend.open())


def test_a_failed_open_leaves_no_connection():
    with ScriptedServer(models=["other"]) as server:
        backend = make(spec(base_url=server.base_url), timeout_s=5.0)

        async def main():
            with pytest.raises(ExecutionError):
                await backend.open()
            return len(backend._pool._open)

        assert asyncio.run(main()) == 0


def test_lone_surrogates_go_out_escaped():
    assert json_bytes({"a": "\ud83d"}) == b'{"a": "\\ud83d"}'
    assert json_bytes({"a": "é"}) == '{"a":"é"}'.encode()
