"""Events of a streamed message put together, whole or broken."""

import json

import pytest

from evalkit.backends.chat_reply import Secrets
from evalkit.backends.hosted.anthropic_reply import read_message
from evalkit.backends.hosted.anthropic_stream import MessageStream
from evalkit.errors import BackendError, ConnectionLost, Overloaded, ProtocolViolation, RateLimited
from evalkit.types import Usage

START = {
    "type": "message_start",
    "message": {"model": "claude", "content": [], "usage": {"input_tokens": 5, "output_tokens": 1}},
}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
STOP = {"type": "message_stop"}


def block(index, kind, **more):
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **more}}


def piece(index, kind, **more):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}


TEXT = [block(0, "text", text=""), *(piece(0, "text_delta", text=text) for text in ("he", "llo"))]


def read(*events):
    stream = MessageStream()
    for event in events:
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        stream.feed(b"event: %b\ndata: %b\n\n" % (b"any", data))
    return stream, read_message(stream.reply({}), secrets=Secrets(), now=0.0)


def test_a_whole_message():
    stream, answer = read(START, {"type": "ping"}, *TEXT, {"type": "content_block_stop", "index": 0}, END, STOP)
    assert (answer.text, answer.finish, answer.served_model) == ("hello", "stop", "claude")
    assert answer.usage == Usage(input_tokens=5, output_tokens=9)
    assert stream.first_token_at is not None


def test_the_tool_that_holds_the_answer():
    tool = block(0, "tool_use", id="t", name="answer", input={})
    pieces = [piece(0, "input_json_delta", partial_json=part) for part in ('{"a"', ': "ü"}')]
    _, answer = read(START, tool, *pieces, END | {"delta": {"stop_reason": "tool_use"}}, STOP)
    assert answer.text == '{"a": "ü"}'
    with pytest.raises(ProtocolViolation, match="tool input"):
        read(START, tool, pieces[0], END, STOP)


def test_thoughts_are_no_part_of_the_answer_and_no_first_token():
    thoughts = [block(0, "thinking", thinking=""), piece(0, "thinking_delta", thinking="hm")]
    stream, answer = read(START, *thoughts, END, STOP)
    assert (answer.text, stream.first_token_at) == ("", None)


def test_a_null_takes_no_count_back_and_odd_counts_cost_no_answer():
    end = END | {"usage": {"input_tokens": None, "output_tokens": 9}}
    assert read(START, *TEXT, end, STOP)[1].usage == Usage(input_tokens=5, output_tokens=9)
    answer = read(START, *TEXT, END | {"usage": [9]}, STOP)[1]
    assert (answer.text, answer.usage) == ("hello", Usage(input_tokens=5))


def test_the_placeholder_at_the_start_is_no_count_of_what_was_written():
    for usage in ({"output_tokens": None}, {"input_tokens": 5}, None):
        assert read(START, *TEXT, END | {"usage": usage}, STOP)[1].usage == Usage(input_tokens=5)


def test_counts_not_told_are_unknown():
    silent = {"type": "message_start", "message": {"model": "claude"}}
    assert read(silent, *TEXT, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}})[1].usage == Usage()


@pytest.mark.parametrize("events", [[], [START], [START, *TEXT], [*TEXT, STOP]])
def test_a_stream_that_stops_before_its_end_is_no_answer(events):
    with pytest.raises(ConnectionLost, match="before the answer was whole"):
        read(*events)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("overloaded_error", Overloaded), ("api_error", Overloaded), ("rate_limit_error", RateLimited), ("odd", None)],
)
def test_an_error_amid_the_stream_is_that_error(kind, expected):
    with pytest.raises(BackendError, match="too busy") as caught:
        read(START, *TEXT, {"type": "error", "error": {"type": kind, "message": "too busy"}})
    assert type(caught.value) is (expected or ProtocolViolation)


@pytest.mark.parametrize(("data", "words"), [(b"{half", "no JSON"), (b'{"type": 3}', "no part of a message")])
def test_what_is_no_event_is_told(data, words):
    with pytest.raises(ProtocolViolation, match=words):
        read(data)
