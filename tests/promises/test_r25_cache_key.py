"""The cache gives back an answer only to the same question to the same model, and never a failure."""

import json

import pytest
from bench import scripted
from msgspec import structs

from evalkit.run.plan import Side, request_fingerprint
from evalkit.store.cache import MAX_AGE_S, Cache
from evalkit.testing import Rule, fails
from evalkit.types import Failure, Key, Message, ModelIdentity, ModelSpec, Params, Request, Response

BASE = Request(
    key=Key(suite="s", role="baseline", sample_id="1"),
    messages=(Message(role="user", content="hello"),),
    params=Params(temperature=0.0, max_tokens=16, seed=7, response_schema={"type": "object"}),
)
IDENTITY = ModelIdentity(
    weights_sha256="w", adapter_sha256="a", endpoint="http://127.0.0.1:1/v1", engine="e", engine_version="1"
)


class Wire:
    def wire(self, request):
        return {
            "messages": [[m.role, m.content] for m in request.messages],
            "params": {**structs.asdict(request.params)},
        }


def fingerprint(request=BASE, identity=IDENTITY, backend="openai_compatible"):
    spec = ModelSpec(role="baseline", backend=backend, model="m")
    return request_fingerprint(Side(spec=spec, backend=Wire(), identity=identity, renderer=None), request)


def changed_params(**changes):
    return structs.replace(BASE, params=structs.replace(BASE.params, **changes))


@pytest.mark.parametrize(
    "other",
    [
        lambda: fingerprint(structs.replace(BASE, messages=(Message(role="user", content="hello "),))),
        lambda: fingerprint(structs.replace(BASE, messages=(Message(role="system", content="hello"),))),
        lambda: fingerprint(structs.replace(BASE, messages=BASE.messages * 2)),
        lambda: fingerprint(changed_params(temperature=0.1)),
        lambda: fingerprint(changed_params(max_tokens=17)),
        lambda: fingerprint(changed_params(seed=8)),
        lambda: fingerprint(changed_params(seed=None)),
        lambda: fingerprint(changed_params(response_schema=None)),
        lambda: fingerprint(changed_params(response_schema={"type": "array"})),
        lambda: fingerprint(structs.replace(BASE, key=structs.replace(BASE.key, repeat=1))),
        lambda: fingerprint(identity=structs.replace(IDENTITY, weights_sha256="x")),
        lambda: fingerprint(identity=structs.replace(IDENTITY, adapter_sha256=None)),
        lambda: fingerprint(identity=structs.replace(IDENTITY, endpoint="http://127.0.0.1:2/v1")),
        lambda: fingerprint(identity=structs.replace(IDENTITY, engine="f")),
        lambda: fingerprint(identity=structs.replace(IDENTITY, engine_version="2")),
        lambda: fingerprint(backend="local"),
    ],
)
def test_every_change_that_can_move_an_answer_changes_the_key(other):
    assert fingerprint() == fingerprint()
    assert other() != fingerprint()


def test_a_sample_of_another_name_with_the_same_question_shares_the_answer():
    other = structs.replace(BASE, key=structs.replace(BASE.key, sample_id="2"))
    assert fingerprint(other) == fingerprint()


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
