"""The cache gives back an answer only to the same question to the same model, and never a failure."""

import json

import pytest
from bench import scripted
from msgspec import structs

from evalkit.backends import chat_http
from evalkit.backends.hosted import anthropic_api, openai_api
from evalkit.run.plan import Side, request_fingerprint
from evalkit.store.cache import MAX_AGE_S, Cache
from evalkit.testing import Rule, fails
from evalkit.types import Failure, Key, Message, ModelIdentity, ModelSpec, Params, Request, Response

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
BASE = Request(
    key=Key(suite="s", role="baseline", sample_id="1"),
    messages=(Message(role="user", content="hello"),),
    params=Params(temperature=0.0, max_tokens=16, seed=7, response_schema=SCHEMA),
)
IDENTITY = ModelIdentity(
    weights_sha256="w", adapter_sha256="a", endpoint="http://127.0.0.1:1/v1", engine="e", engine_version="1"
)


MADE = {"openai_compatible": chat_http.make, "openai": openai_api.make, "anthropic": anthropic_api.make}
CHANGES = {
    "the words": {"messages": (Message(role="user", content="hello "),)},
    "the role": {"messages": (Message(role="system", content="hello"), *BASE.messages)},
    "the turns": {"messages": (*BASE.messages, Message(role="assistant", content="hi"), *BASE.messages)},
    "the order of turns": {"messages": (Message(role="assistant", content="hello"), *BASE.messages)},
    "temperature": {"temperature": 0.1},
    "max_tokens": {"max_tokens": 17},
    "seed": {"seed": 8},
    "no seed": {"seed": None},
    "no schema": {"response_schema": None},
    "schema": {"response_schema": SCHEMA | {"required": []}},
    "schema, deeper": {"response_schema": SCHEMA | {"properties": {"a": {"type": "number"}}}},
    "repeat": {"repeat": 1},
    "weights": {"weights_sha256": "x"},
    "adapter": {"adapter_sha256": None},
    "endpoint": {"endpoint": "http://127.0.0.1:2/v1"},
    "engine": {"engine": "f"},
    "engine version": {"engine_version": "2"},
    "model": {"model": "m2"},
    "extra_body": {"extra_body": {"top_p": 0.5}},
    "extra_body, another value": {"extra_body": {"top_p": 0.6}},
    "extra_body, another key": {"extra_body": {"top_k": 0.5}},
    "extra_body, deeper": {"extra_body": {"metadata": {"a": {"b": [1, 2]}}}},
}
NO_SEED = {("anthropic", "seed"), ("anthropic", "no seed")}
"""There is none in this interface: it is not sent, and so cannot move an answer."""


def fingerprint(backend="openai_compatible", **changes):
    """The key of BASE, sent by this backend, with what is named changed wherever it stands."""

    def taken(record):
        mine = [name for name in record.__struct_fields__ if name in changes]
        return structs.replace(record, **{name: changes.pop(name) for name in mine})

    key, params, identity = taken(BASE.key), taken(BASE.params), taken(IDENTITY)
    request = structs.replace(BASE, key=key, params=params, messages=changes.pop("messages", BASE.messages))
    spec = ModelSpec(
        role="baseline",
        backend=backend,
        model=changes.pop("model", "m"),
        base_url=identity.endpoint,
        api_key_env="SOME_KEY",
        options=changes,
    )
    made = MADE[backend](spec, timeout_s=1.0)
    return request_fingerprint(Side(spec=spec, backend=made, identity=identity, renderer=None), request)


@pytest.mark.parametrize("backend", MADE)
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_that_can_move_an_answer_changes_the_key(backend, change, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-0123456789")
    assert fingerprint(backend) == fingerprint(backend)
    assert (fingerprint(backend, **CHANGES[change]) == fingerprint(backend)) == ((backend, change) in NO_SEED)


def test_no_two_of_sixty_changes_and_no_two_backends_share_a_key(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-0123456789")
    told = [(backend, change) for backend in MADE for change in CHANGES if (backend, change) not in NO_SEED]
    keys = {fingerprint(backend, **CHANGES[change]) for backend, change in told}
    assert len(keys) == len(told) >= 60


def test_another_backend_that_sends_the_same_body_has_keys_of_its_own(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-0123456789")
    monkeypatch.setitem(MADE, "vllm", chat_http.make)
    assert fingerprint("vllm") != fingerprint("openai_compatible")


def test_a_sample_of_another_name_with_the_same_question_shares_the_answer(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-0123456789")
    assert fingerprint(sample_id="2") == fingerprint()


def test_both_sides_on_one_cache_send_2n_and_nothing_the_second_time(bench):
    with scripted(20, 50) as server:
        suite = bench.write_suite(server.base_url, 60)
        first = bench.run(suite)
        after_first = len(server.ledger.chats)
        second = bench.run(suite)
        after_second = len(server.ledger.chats)
    assert first.code == second.code == 0
    assert after_first >= 120
    assert max(server.ledger.sends().values()) <= 2  # the probe may ask what the run asks
    assert after_second == after_first
    assert second.document["outcomes"]["candidate"]["cached"] == 60
    assert second.document["latency"]["candidate"]["p50_s"] is None
    assert json.dumps(_decided(first.document)) == json.dumps(_decided(second.document))


def _decided(document):
    """A verdict without what says how and when its answers came."""
    strip = ("run", "created", "provenance", "latency", "outcomes", "identity", "cost")
    kept = {key: value for key, value in document.items() if key not in strip}
    return kept | {"baselines": {name: _decided(pair) for name, pair in kept.get("baselines", {}).items()}}


def test_a_changed_prompt_hits_nothing(bench):
    with scripted(20, 50) as server:
        bench.run(bench.write_suite(server.base_url, 60))
        dataset = {"path": "samples.jsonl", "id": "id", "prompt": "colour of {{ text }}", "target": "label"}
        second = bench.run(bench.write_suite(server.base_url, 60, dataset=dataset))
    assert second.document["outcomes"]["candidate"]["cached"] == 0


RESPONSE = Response(text="red", finish="stop", at=1_000_000.0)


@pytest.mark.parametrize(
    "outcome",
    [
        Failure(kind="rate_limited", message=""),
        Failure(kind="protocol_violation", message="", status=200),
        structs.replace(RESPONSE, finish="refusal"),
        structs.replace(RESPONSE, is_cached=True),
    ],
)
def test_failures_and_refusals_never_enter(tmp_path, outcome):
    cache = Cache(tmp_path / "cache.sqlite")
    assert cache.put([("f", outcome)]) == 0
    assert cache.get(["f"], now=1_000_000.0) == {}
    cache.close()


def test_answers_age_out_and_rot_is_not_served(tmp_path):
    cache = Cache(tmp_path / "cache.sqlite")
    assert cache.put([("f", RESPONSE), ("g", RESPONSE)]) == 2
    assert set(cache.get(["f", "g"], now=1_000_000.0 + MAX_AGE_S)) == {"f", "g"}
    assert cache.get(["f"], now=1_000_001.0 + MAX_AGE_S) == {}
    cache._connection.execute(
        "UPDATE answers SET payload = CAST(replace(CAST(payload AS TEXT), 'red', 'RED') AS BLOB)"
        " WHERE fingerprint = 'f'"
    )
    assert set(cache.get(["f", "g"], now=1_000_000.0)) == {"g"}
    cache.close()


def test_a_failed_request_is_asked_again_by_the_next_run(bench):
    broken = Rule(behaviour=fails(400), match=lambda asked: asked.prompt.endswith("item 7"), times=2)
    with scripted(20, 50, broken) as server:
        suite = bench.write_suite(server.base_url, 100, run={"concurrency": 8})
        first = bench.run(suite)
        second = bench.run(suite)
    assert first.document["outcomes"]["baseline"]["failed"] + first.document["outcomes"]["candidate"]["failed"] >= 1
    assert second.document["outcomes"]["baseline"]["failed"] == 0
    assert second.document["outcomes"]["candidate"]["failed"] == 0
