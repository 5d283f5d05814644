"""What a side is said to be before it is opened is what it then proves to be, or a plan would miss the cache."""

import asyncio
import json

import pytest
from bench import scripted

from evalkit.jobs.planning.at_rest import at_rest, identity_at_rest
from evalkit.plugins import make_backend
from evalkit.run.plan import Side, request_fingerprint
from evalkit.suites.prompts import Renderer
from evalkit.types import Key, Message, ModelSpec, Params, Request

REQUEST = Request(
    key=Key(suite="s", role="baseline", sample_id="a"), messages=(Message(role="user", content="hi"),), params=Params()
)


async def opened(spec):
    backend = make_backend(spec, timeout_s=30.0)
    try:
        return await backend.open()
    finally:
        await backend.close()


def fingerprint(spec, identity):
    side = Side(spec=spec, backend=make_backend(spec, timeout_s=1.0), identity=identity, renderer=Renderer(spec))
    return request_fingerprint(side, REQUEST)


def assert_known(spec):
    known, proven = identity_at_rest(spec), asyncio.run(opened(spec))
    assert fingerprint(spec, known) == fingerprint(spec, proven)
    assert known.is_fixed == proven.is_fixed


def test_an_endpoint():
    with scripted(1, 1) as server:
        assert_known(
            ModelSpec(role="baseline", backend="openai_compatible", base_url=server.base_url + "/", model="base")
        )


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_a_vendor(monkeypatch, vendor):
    monkeypatch.setenv("EVALKIT_TEST_KEY", "sk-test-0123456789")
    with scripted(1, 1) as server:
        assert_known(
            ModelSpec(
                role="baseline", backend=vendor, base_url=server.base_url, model="base", api_key_env="EVALKIT_TEST_KEY"
            )
        )


def test_recorded_answers(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"id": "a", "output": "red"}) + "\n")
    assert_known(ModelSpec(role="baseline", backend="outputs", path=path))


@pytest.mark.model
def test_the_local_engine():
    assert_known(ModelSpec(role="baseline", backend="local", model="smollm2-135m-instruct"))


def test_no_key_is_needed_and_what_is_not_installed_is_said(monkeypatch):
    keyed = ModelSpec(
        role="baseline",
        backend="openai_compatible",
        base_url="http://127.0.0.1:9/v1",
        model="m",
        api_key_env="NOT_SET_HERE",
    )
    absent = ModelSpec(role="candidate", backend="local", model="no-such-weights.gguf")
    found = at_rest({"baseline": keyed, "candidate": absent}, 1.0)
    assert set(found.sides) == {"baseline"}
    assert "no-such-weights.gguf" in found.unknown["candidate"]
