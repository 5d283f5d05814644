import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.chat_reply import Secrets, error_for, read_answer
from evalkit.backends.http.reply import Reply
from evalkit.errors import (
    AuthFailed,
    BackendError,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    ModelNotFound,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    TimedOut,
)
from evalkit.types import Usage

NOTHING = Secrets()


def completion(message, finish="stop", **more):
    return {"choices": [{"message": message, "finish_reason": finish}], **more}


def read(body, status=200):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(Reply(status=status, headers={}, body=data), secrets=NOTHING, now=0.0)


def error(status, body, headers=None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_for(Reply(status=status, headers=headers or {}, body=data), secrets=NOTHING, now=0.0)


def test_an_error_within_a_200_may_be_a_filter_s():
    with pytest.raises(ContentFiltered, match="although its status is 200: withheld"):
        read({"error": {"message": "withheld", "code": "content_filter"}})


def test_content_in_parts_is_joined():
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert read(completion({"content": parts})).text == "ab"


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "text", "text": None},
        {"type": "text", "text": 7},
        {"type": "reasoning", "text": "let me think"},
        {"type": "thinking", "thinking": [{"type": "text", "text": "let me think"}]},
        {"type": ["text"], "text": "x"},
    ],
)
def test_only_texts_of_the_parts_are_the_answer(odd):
    assert read(completion({"content": [odd, {"type": "text", "text": "red"}]})).text == "red"
    assert read(completion({"content": [{"text": "r"}, odd, {"type": "output_text", "text": "ed"}]})).text == "red"


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://models.example/v2/chat/completions", "leads to https://models.example/v2/chat/completions ("),
        ("https://me:hunter2@sso.example:8443/login?token=abc#x", "leads to https://sso.example:8443/login ("),
        ("/v1/chat/completions/", "leads to /v1/chat/completions/ ("),
        ("//other.example/v1\x1b[31m", "leads to other.example/v1"),
        ("http://[", "follows none"),
        ("", "follows none"),
    ],
)
def test_a_redirect_says_where_to_and_no_secret(location, told):
    found = error(307, b"", {"location": location} if location else {})
    assert isinstance(found, ProtocolViolation)
    assert told in str(found)
    assert not any(secret in str(found) for secret in ("hunter2", "abc", "#x"))


def test_tool_calls_become_their_json():
    calls = [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]
    answer = read(completion({"content": None, "tool_calls": calls}, "tool_calls"))
    assert (json.loads(answer.text), answer.finish) == (calls, "tool_calls")


def test_a_cut_emoji_is_kept():
    assert read(b'{"choices": [{"message": {"content": "\\ud83d"}, "finish_reason": "length"}]}').text == "\ud83d"


def test_a_missing_finish_reason_of_a_whole_answer_is_stop():
    assert read(completion({"content": "x"}, None)).finish == "stop"


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": "many", "completion_tokens": 3}, Usage(output_tokens=3)),
        ({"prompt_tokens": 12.0, "completion_tokens": 3.5}, Usage(input_tokens=12)),
        ({"prompt_tokens": -5, "completion_tokens": True}, Usage()),
        ({"prompt_tokens": 10**30, "completion_tokens": 3}, Usage(output_tokens=3)),
        ([1, 2], Usage()),
        ("12", Usage()),
        (
            {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": 4},
            Usage(input_tokens=1, output_tokens=1),
        ),
    ],
)
def test_odd_counts_are_unknown_and_cost_no_answer(usage, counted):
    answer = read(completion({"content": "x"}, usage=usage))
    assert (answer.text, answer.usage) == ("x", counted)


def test_counts_that_contradict_each_other_are_unknown():
    # Money would be taken for less than nothing: 10 tokens asked, of them 50 at the price of the cache.
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 50}}
    assert read(completion({"content": "x"}, usage=usage)).usage == Usage(output_tokens=3)
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 50}}
    assert read(completion({"content": "x"}, usage=usage)).usage == Usage(input_tokens=10)


def test_thoughts_counted_beside_the_answer_are_paid_for():
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 50}}
    beside = read(completion({"content": "x"}, usage=usage | {"total_tokens": 63})).usage
    assert beside == Usage(input_tokens=10, output_tokens=53, reasoning_tokens=50)
    usage["completion_tokens"] = 53
    assert read(completion({"content": "x"}, usage=usage | {"total_tokens": 63})).usage == beside


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"  <!DOCTYPE html>", "HTML"),
        (b"{", "broken"),
        (b"[" * 100_000, "no chat completion"),
        (b'{"error": ' + b"[" * 100_000, "broken"),
        (b'{"error": {"message": "quota"}}', "quota"),
        (b'{"error": "plain words"}', "plain words"),
    ],
)
def test_what_is_no_answer_says_what_it_is(body, words):
    with pytest.raises(ProtocolViolation, match=words):
        read(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["choices", "message", "content", "error", "usage", "finish_reason", "model"]), inner
            )
        ),
    )
)
def test_any_json_is_an_answer_or_a_typed_error(value):
    with contextlib.suppress(BackendError):
        assert isinstance(read(value).text, str)


@given(
    st.integers(201, 599),
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["error", "message", "code", "detail", "innererror"]), inner)
        ),
    ),
)
def test_any_error_body_is_a_typed_error(status, body):
    assert isinstance(error(status, body), BackendError)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "m", "code": "content_filter"}}, ContentFiltered),
        (400, {"error": {"innererror": {"code": "ResponsibleAIPolicyViolation"}}}, ContentFiltered),
        (
            400,
            {"error": {"code": "invalid_prompt", "message": "flagged as potentially violating our usage policy"}},
            ContentFiltered,
        ),
        (400, {"error": {"message": "Output blocked by content filtering policy"}}, ContentFiltered),
        (400, {"error": {"message": "Content Exists Risk", "code": "invalid_request_error"}}, ContentFiltered),
        (400, {"error": {"message": "no", "code": "data_inspection_failed"}}, ContentFiltered),
        (
            403,
            {"error": {"code": 403, "message": "Your chosen model requires moderation and your input was flagged"}},
            ContentFiltered,
        ),
        (403, {"error": {"message": "You are not allowed to sample from this model"}}, AuthFailed),
        (400, {"error": {"code": "context_length_exceeded"}}, ContextTooLong),
        (
            400,
            {"error": {"code": 400, "type": "exceed_context_size_error", "message": "request (9) exceeds"}},
            ContextTooLong,
        ),
        (
            500,
            {"error": {"message": "input (596 tokens) is too large to process. increase the physical batch size"}},
            ContextTooLong,
        ),
        (400, {"error": {"message": "the input length exceeds the context length"}}, ContextTooLong),
        (
            413,
            {"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 514", "error_type": "V"},
            ContextTooLong,
        ),
        (400, {"error": {"message": "Requested 319487 tokens", "code": "max_tokens_per_request"}}, ContextTooLong),
        (400, {"error": {"code": "model_not_found"}}, ModelNotFound),
        (400, b"nonsense", BadRequest),
        (404, {"detail": "Not Found"}, ModelNotFound),
        (408, b"", TimedOut),
        (409, b"", Overloaded),
        (413, b"", BadRequest),
        (429, {"error": {"code": "insufficient_quota"}}, AuthFailed),
        (429, b"", RateLimited),
        (500, b"<html>", Overloaded),
        (204, b"", ProtocolViolation),
    ],
)
def test_status_and_code(status, body, kind):
    assert type(error(status, body)) is kind


def test_the_servers_words_are_kept():
    assert (
        str(error(400, {"error": {"message": "max_tokens must be positive"}}))
        == "HTTP 400: max_tokens must be positive"
    )
    assert str(error(503, b"")) == "HTTP 503: no explanation given"
    assert str(error(502, b"<html><body>")) == "HTTP 502: an HTML page"


def test_nothing_at_an_address_is_no_missing_model():
    assert str(error(404, {"detail": "Not Found"})) == "HTTP 404: Not Found (is base_url whole? It mostly ends in /v1)"
    assert "base_url" not in str(error(404, {"error": {"message": "The model `tuned` does not exist."}}))
    assert "base_url" not in str(error(404, {"error": {"code": "model_not_found", "message": "no"}}))


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_asked_for_is_passed_on(status):
    assert error(status, b"", {"retry-after": "9"}).retry_after_s == 9.0


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        ({"message": "upstream failed", "code": 502}, Overloaded),
        ({"message": "slow down", "code": "429"}, RateLimited),
        ({"message": "try again", "type": "server_error"}, Overloaded),
        ({"message": "no such parameter", "code": 400}, BadRequest),
        ({"message": "upstream failed", "code": "strange"}, ProtocolViolation),
    ],
)
def test_an_error_inside_a_200_is_what_its_code_says(inside, kind):
    with pytest.raises(kind, match=inside["message"]):
        read({"error": inside})
