"""OpenAI's and Anthropic's requests and answers, one at a time, through the vendors' own SDKs."""

import asyncio
import json

import pytest

from evalkit.backends.hosted import anthropic_api, openai_api
from evalkit.errors import (
    AuthFailed,
    ContextTooLong,
    ExecutionError,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    UsageError,
)
from evalkit.testing import Behaviour, Rule, ScriptedServer, answers
from evalkit.types import Key, Message, ModelSpec, Params, Prompt, Request, Usage

MAKE = {"openai": openai_api.make, "anthropic": anthropic_api.make}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
SHOTS = (
    (Message(role="user", content="1+1"), Message(role="assistant", content="2")),
    (Message(role="user", content="2+2"), Message(role="assistant", content="4")),
)


def asked(*turns, **params):
    turns = turns or (("system", "Be brief."), ("user", "hi"))
    messages = tuple(Message(role=role, content=content) for role, content in turns)
    return Request(key=Key(suite="s", role="baseline", sample_id="a"), messages=messages, params=Params(**params))


def backend(vendor, model="base", base_url=None, shots=(), **options):
    spec = ModelSpec(
        role="baseline", backend=vendor, model=model, base_url=base_url, api_key_env="VENDOR_KEY", options=options,
        prompt=Prompt(shots=shots),
    )  # fmt: skip
    return MAKE[vendor](spec, timeout_s=10.0)


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("VENDOR_KEY", "sk-test-55aa55aa55aa")


def answer(vendor, behaviour, request=None, **more):
    async def main(server):
        made = backend(vendor, base_url=server.base_url, **more)
        try:
            return await made.answer(request or asked())
        finally:
            await made.close()

    with ScriptedServer([Rule(behaviour=behaviour)]) as server:
        return asyncio.run(main(server))


def message(*blocks, stop="end_turn", **more):
    body = {"content": list(blocks), "stop_reason": stop, "model": "base", "usage": {}} | more
    return Behaviour(body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("gpt-4.1", False),
        ("o3-mini", True),
        ("gpt-5", True),
        ("ft:gpt-4.1-mini:acme::x", False),
        ("gpt-5-chat-latest", False),
    ],
)
def test_reasoning_models_are_asked_as_they_want(model, thinks):
    body = backend("openai", model).wire(asked(max_tokens=9, temperature=0.5, seed=3))
    assert ("max_completion_tokens" in body, "max_tokens" in body, "temperature" in body) == (
        thinks,
        not thinks,
        not thinks,
    )
    assert body["seed"] == 3


def test_what_a_suite_says_of_a_model_goes_before_its_name():
    plain = backend("openai", "o3", reasoning=False).wire(asked())
    assert "temperature" in plain
    left = backend("openai", "my-o", reasoning=True, leave_out=["seed"], extra_body={"tools": [], "logprobs": True})
    body = left.wire(asked(seed=3))
    assert set(body) == {"model", "messages", "max_completion_tokens", "tools", "logprobs"}


def test_openai_keeps_answers_to_a_schema():
    body = backend("openai").wire(asked(response_schema=SCHEMA))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
    }


def test_reasoning_tokens_are_told():
    usage = {"prompt_tokens": 5, "completion_tokens": 90, "completion_tokens_details": {"reasoning_tokens": 80}}
    assert answer("openai", answers(usage=usage)).usage == Usage(input_tokens=5, output_tokens=90, reasoning_tokens=80)


def test_a_message_has_its_system_apart_and_turns_that_alternate():
    body = backend("anthropic", cache=False).wire(
        asked(("system", "a"), ("user", "b"), ("user", "c"), ("assistant", "d"), ("user", "e"), max_tokens=7, seed=1)
    )
    assert body["system"] == [{"type": "text", "text": "a"}]
    texts = [(turn["role"], [block["text"] for block in turn["content"]]) for turn in body["messages"]]
    assert texts == [("user", ["b", "c"]), ("assistant", ["d"]), ("user", ["e"])]
    assert body["max_tokens"] == 7
    assert "seed" not in body
    assert "cache_control" not in json.dumps(body)


def test_what_all_requests_share_is_marked_for_the_prompt_cache():
    shots = [(turn.role, turn.content) for shot in SHOTS for turn in shot]
    body = backend("anthropic", shots=SHOTS).wire(asked(("system", "s"), *shots, ("user", "3+3")))
    marked = [block["text"] for turn in body["messages"] for block in turn["content"] if "cache_control" in block]
    assert marked == ["4"]
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    own_turns = backend("anthropic").wire(asked(*shots, ("user", "3+3")))
    assert "cache_control" not in json.dumps(own_turns)


@pytest.mark.parametrize(
    ("model", "has_temperature", "by_tool"),
    [
        ("claude-3-5-haiku-20241022", True, True),
        ("claude-opus-4-1-20250805", True, True),
        ("claude-sonnet-4-20250514", True, True),
        ("claude-haiku-4-5-20251001", True, False),
        ("claude-sonnet-4-6", True, False),
        ("claude-opus-4-7", False, False),
        ("claude-sonnet-5-5", False, False),
        ("tuned-by-us", True, True),
    ],
)
def test_each_claude_is_asked_as_it_wants(model, has_temperature, by_tool):
    body = backend("anthropic", model).wire(asked(response_schema=SCHEMA))
    assert ("temperature" in body) == has_temperature
    assert ("tool_choice" in body) == by_tool
    if by_tool:
        assert body["tools"][0]["input_schema"] == SCHEMA
    else:
        assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}


def test_an_answer_by_the_tool_is_its_input_as_json():
    used = {"type": "tool_use", "id": "t", "name": "answer", "input": {"a": "ü"}}
    found = answer("anthropic", message(used, stop="tool_use"), asked(response_schema=SCHEMA))
    assert (json.loads(found.text), found.finish) == ({"a": "ü"}, "stop")


def test_other_tools_are_tool_calls():
    found = answer("anthropic", message({"type": "tool_use", "id": "t", "name": "look", "input": {}}, stop="tool_use"))
    assert (found.finish, json.loads(found.text)[0]["name"]) == ("tool_calls", "look")


def test_thoughts_are_no_answer_and_the_counts_of_a_message_add_up():
    usage = {"input_tokens": 5, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 7, "output_tokens": 4,
             "output_tokens_details": {"thinking_tokens": 3}}  # fmt: skip
    found = answer(
        "anthropic", message({"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}, usage=usage)
    )
    assert found.text == "yes"
    assert found.usage == Usage(
        input_tokens=102, output_tokens=4, cached_tokens=90, cache_write_tokens=7, reasoning_tokens=3
    )


def test_odd_counts_of_a_message_cost_no_answer():
    usage = {"input_tokens": "5", "output_tokens": -4, "cache_read_input_tokens": 2.0}
    found = answer("anthropic", message({"type": "text", "text": "yes"}, usage=usage))
    assert (found.text, found.usage) == ("yes", Usage(cached_tokens=2))


@pytest.mark.parametrize(
    ("status", "kind", "text", "expected"),
    [
        (529, "overloaded_error", "Overloaded", Overloaded),
        (429, "rate_limit_error", "slow down", RateLimited),
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", ContextTooLong),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", AuthFailed),
    ],
)
def test_anthropic_s_errors(status, kind, text, expected):
    body = {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_1"}
    headers = {"anthropic-ratelimit-requests-remaining": "0", "retry-after": "9"}
    with pytest.raises(expected) as caught:
        answer("anthropic", Behaviour(status=status, headers=headers, body=json.dumps(body).encode()))
    if expected is RateLimited:
        assert caught.value.retry_after_s == 9.0


def test_a_turn_that_was_paused_is_no_answer():
    with pytest.raises(ProtocolViolation, match="paused"):
        answer("anthropic", message({"type": "text", "text": "half"}, stop="pause_turn"))


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_the_environment_redirects_nothing(monkeypatch, vendor):
    for name in ("BASE_URL", "ORG_ID", "PROJECT_ID", "ADMIN_KEY", "AUTH_TOKEN", "API_KEY"):
        monkeypatch.setenv(f"{vendor.upper()}_{name}", "http://127.0.0.1:9/elsewhere")
    headers = {}

    def keep(request):
        headers.update(request.headers)
        return "ok"

    assert answer(vendor, answers(keep)).text == "ok"
    assert headers["authorization"] == "Bearer sk-test-55aa55aa55aa"
    assert "elsewhere" not in str(headers)
    assert not [name for name in headers if name.startswith("x-stainless")]


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_headers_that_no_suite_mentions_are_refused(monkeypatch, vendor):
    monkeypatch.setenv(f"{vendor.upper()}_CUSTOM_HEADERS", "authorization: Bearer other")
    with pytest.raises(ExecutionError, match=f"unset {vendor.upper()}_CUSTOM_HEADERS"):
        answer(vendor, answers())


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_without_the_sdk_it_says_what_to_install(monkeypatch, vendor):
    monkeypatch.setitem(__import__("sys").modules, vendor, None)
    with pytest.raises(ExecutionError, match=rf'pip install "evalkit-gate\[{vendor}\]"'):
        answer(vendor, answers())


def test_an_organisation_is_sent_when_the_suite_says_so():
    headers = {}

    def keep(request):
        headers.update(request.headers)
        return "ok"

    answer("openai", answers(keep), organization="org-7", project="proj-8")
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-7", "proj-8")


def test_every_mistake_in_an_entry_is_told_at_once():
    with pytest.raises(UsageError) as caught:
        backend(
            "openai", None, reasoning="maybe", leave_out="seed", extra_body=[], batch="yes", batch_discount=2, colour=1
        )
    text = str(caught.value)
    for word in ("model", "reasoning", "leave_out", "extra_body", "batch:", "batch_discount", "colour"):
        assert f"models.baseline.{word}" in text


@pytest.mark.parametrize("vendor", sorted(MAKE))
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stream": "yes"}, "stream: must be true or false"),
        ({"stream": True, "batch": True}, "a batch are not streamed"),
        ({"extra_body": {"stream": True}}, "into the entry itself"),
        ({"extra_body": {"model": "other"}}, "extra_body.model: write `model: …` into the entry itself"),
        ({"extra_body": {"messages": []}}, "extra_body.messages: every sample would be asked the same"),
    ],
)
def test_a_stream_that_cannot_be_is_a_usage_error(vendor, options, words):
    with pytest.raises(UsageError, match=words):
        backend(vendor, **options)
