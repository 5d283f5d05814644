"""Chunks of a chat completion put together, whole or broken, and when the first text came."""

import json

import pytest

from evalkit.backends.chat_reply import Secrets, read_answer
from evalkit.backends.chat_stream import ChatStream, streamed
from evalkit.backends.http import events
from evalkit.errors import (
    BackendError,
    BadRequest,
    ConnectionLost,
    ContentFiltered,
    Overloaded,
    ProtocolViolation,
    RateLimited,
)
from evalkit.types import Usage

DONE = b"data: [DONE]\n\n"
HELLO = [{"delta": {"role": "assistant", "content": ""}}, {"delta": {"content": "he"}}, {"delta": {"content": "llo"}}]
END = {"delta": {}, "finish_reason": "stop"}


def chunk(choice=None, **more):
    return {"model": "base", "choices": [] if choice is None else [{"index": 0, **choice}], **more}


def wire(*chunks, done=DONE):
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in chunks) + done


def read(*pieces, **limits):
    stream = ChatStream(**limits)
    for piece in pieces:
        stream.feed(piece)
    return read_answer(stream.reply({}), secrets=Secrets(), now=0.0)


def said(*chunks, done=DONE):
    return read(wire(*chunks, done=done))


WHOLE = wire(*map(chunk, [*HELLO, END]), chunk(usage={"prompt_tokens": 3, "completion_tokens": 2}))


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_it_does_not_matter_how_the_bytes_arrive(size):
    answer = read(*(WHOLE[at : at + size] for at in range(0, len(WHOLE), size)))
    assert (answer.text, answer.finish, answer.served_model) == ("hello", "stop", "base")
    assert answer.usage == Usage(input_tokens=3, output_tokens=2)


@pytest.mark.parametrize(
    "dress",
    [
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: b": keep-alive\n\n" + raw.replace(b"\n\n", b"\n\n: ping\n\n"),
        lambda raw: b"retry: 3000\n\n" + raw.replace(b"data: ", b"event: chunk\nid: 7\ndata: "),
        lambda raw: raw.replace(b"data: ", b"data:"),
        lambda raw: raw.replace(b', "choices"', b',\ndata: "choices"'),
        lambda raw: raw.removesuffix(DONE),
        lambda raw: raw.removesuffix(DONE).removesuffix(b"\n\n"),
        lambda raw: raw + b"data: what comes after the end\n\n",
    ],
    ids=["crlf", "comments", "other fields", "no blank", "two lines", "no [DONE]", "no last line", "more after it"],
)
def test_ways_of_writing_it_mean_the_same(dress):
    answer = read(dress(WHOLE))
    assert (answer.text, answer.usage.output_tokens) == ("hello", 2)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_stream_that_stops_before_its_end_is_no_answer(count):
    with pytest.raises(ConnectionLost, match="before the answer was whole"):
        said(*map(chunk, [*HELLO, END][: count - 1]), done=b"")


def test_nothing_but_the_word_that_it_is_over_is_no_answer():
    with pytest.raises(ProtocolViolation, match="no choices"):
        said()
    with pytest.raises(ProtocolViolation, match="content is null"):
        said(chunk({"delta": {"role": "assistant"}}))


def test_no_counts_are_unknown_and_a_last_null_takes_none_back():
    assert said(*map(chunk, [*HELLO, END])).usage == Usage()
    counts = {"prompt_tokens": 3, "completion_tokens": 2}
    assert said(*map(chunk, [*HELLO, END]), chunk(usage=counts), chunk(usage=None)).usage.input_tokens == 3


@pytest.mark.parametrize("usage", [[1, 2], "many", {"prompt_tokens": "3"}])
def test_odd_counts_cost_no_answer(usage):
    answer = said(*map(chunk, [*HELLO, END]), chunk(usage=usage))
    assert (answer.text, answer.usage) == ("hello", Usage())


def test_only_texts_of_the_parts_are_the_answer():
    parts = [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": None}, {"type": "text", "text": "red"}]
    assert said(chunk({"delta": {"content": parts}}), chunk(END)).text == "red"


def test_the_counts_are_asked_for_unless_the_entry_says_otherwise():
    assert streamed({"model": "m"}) == {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    assert streamed({"model": "m", "stream_options": None}) == {"model": "m", "stream": True}
    assert streamed({"model": "m"}, {"stream": True}) == {"model": "m", "stream": True}


def test_tool_calls_come_in_pieces_and_in_their_order():
    pieces = [
        {"index": 1, "id": "b", "type": "function", "function": {"name": "second", "arguments": ""}},
        {"index": 0, "id": "a", "type": "function", "function": {"name": "first", "arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": ": 1}"}},
        {"index": 1, "function": {"arguments": "{}"}},
    ]
    answer = said(
        *(chunk({"delta": {"tool_calls": [piece]}}) for piece in pieces),
        chunk({"delta": {}, "finish_reason": "tool_calls"}),
    )
    assert answer.finish == "tool_calls"
    assert json.loads(answer.text) == [
        {"id": "a", "type": "function", "function": {"name": "first", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "second", "arguments": "{}"}},
    ]


def test_calls_without_a_number_are_calls_of_their_own():
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    answer = said(*(chunk({"delta": {"tool_calls": [call]}}) for call in calls), chunk(END))
    assert [call["id"] for call in json.loads(answer.text)] == ["a", "b"]


def test_thoughts_are_no_part_of_the_answer():
    thought = chunk({"delta": {"reasoning_content": "hm"}})
    assert said(thought, *map(chunk, [*HELLO, END])).text == "hello"
    with pytest.raises(ProtocolViolation, match="content is null"):
        said(thought, chunk(END))
    assert said(thought, chunk({"delta": {}, "finish_reason": "length"})).finish == "length"


def test_only_the_first_of_several_answers_counts():
    other = {"model": "base", "choices": [{"index": 1, "delta": {"content": "NO"}, "finish_reason": "length"}]}
    assert said(*map(chunk, HELLO), other, chunk(END)).text == "hello"


def test_halves_of_a_letter_in_two_chunks_are_one_letter():
    raw = wire(*map(chunk, HELLO), done=b"")
    raw += rb'data: {"choices": [{"delta": {"content": " \ud83d"}}]}' + b"\n\n"
    raw += rb'data: {"choices": [{"delta": {"content": "\ude00"}, "finish_reason": "stop"}]}' + b"\n\n" + DONE
    assert read(raw).text == "hello 😀"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"message": "out of memory", "type": "InternalServerError", "code": 500}, Overloaded),
        ({"message": "slow down", "code": "429"}, RateLimited),
        ({"message": "slow down", "type": "rate_limit_error"}, RateLimited),
        ({"message": "busy", "type": "overloaded_error"}, Overloaded),
        ({"message": "bad grammar", "code": 400}, BadRequest),
        ({"message": "no", "code": 400, "type": "content_filter"}, ContentFiltered),
        ({"message": "who knows", "code": None}, ProtocolViolation),
        ("who knows", ProtocolViolation),
    ],
)
def test_an_error_amid_the_stream_is_that_error_and_the_words_before_it_are_dropped(error, expected):
    with pytest.raises(BackendError) as caught:
        said(*map(chunk, HELLO), {"error": error}, chunk(END))
    assert type(caught.value) is expected
    words = error["message"] if isinstance(error, dict) else error
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"data: {half\n\n", "no JSON"),
        (b"data: \xff\xfe\n\n", "no JSON"),
        (b'data: {"choices": 3}\n\n', "no part of a chat completion"),
        (b"data: [1, 2]\n\n", "no part of a chat completion"),
        (b'data: {"x": ' + b"[" * 200_000 + b"\n\n", "no JSON"),
        (b'data: {"model": "\\ud83d", "choices": 3}\n\n', "no part of a chat completion"),
    ],
)
def test_what_is_no_chunk_is_told(raw, words):
    with pytest.raises(ProtocolViolation, match=words):
        read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"data: " + b"x" * 3000,
        b"data: x\n" * 1000,
        wire(*(chunk({"delta": {"content": "word " * 20}}) for _ in range(30)), done=b""),
        wire(
            *(chunk({"delta": {"tool_calls": [{"index": n, "function": {"arguments": "1"}}]}}) for n in range(40)),
            done=b"",
        ),
    ],
    ids=["a line", "an event", "text", "calls"],
)
def test_what_is_kept_has_a_limit(raw):
    with pytest.raises(ProtocolViolation, match="larger than 2,000 bytes"):
        read(*(raw[at : at + 500] for at in range(0, len(raw), 500)), limit_bytes=2000)


def test_the_first_token_is_the_first_text(monkeypatch):
    stream, clock = ChatStream(), iter([1.0, 2.0, 3.0, 4.0, 5.0])
    monkeypatch.setattr(events.time, "perf_counter", lambda: next(clock))
    for one in (chunk({"delta": {"reasoning_content": "hm"}}), *map(chunk, [*HELLO, END])):
        stream.feed(wire(one, done=b""))
    assert stream.ttft_s(0.5) == 2.5  # neither the thought at 1.0 nor the empty delta at 2.0
    assert (stream.is_over, stream.latency_s(0.5, 9.0)) == (False, 9.0)
    monkeypatch.setattr(events.time, "perf_counter", lambda: 6.0)
    stream.feed(DONE)
    assert (stream.is_over, stream.latency_s(0.5, 9.0)) == (True, 5.5)
