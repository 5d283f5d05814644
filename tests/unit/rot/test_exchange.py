"""Every usual log says what was asked and answered."""

import json

import pytest

from evalkit.rot.exchange import exchanges_in

USER = {"role": "user", "content": "Where is my parcel?"}
CHAT = {"model": "m", "messages": [{"role": "system", "content": "Be kind."}, USER]}
OPENAI = {"choices": [{"message": {"role": "assistant", "content": "On its way."}, "finish_reason": "stop"}]}
PARTS = {"role": "user", "content": [{"type": "text", "text": "Where is my parcel?"}, {"type": "image", "source": {}}]}
ANTHROPIC = {"content": [{"type": "text", "text": "On its way."}], "stop_reason": "end_turn"}


def attributes(**values):
    return [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in values.items()]


def otlp(span):
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}]}


TURNS_IN = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Where is my parcel?"}]}])
TURNS_OUT = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "On its way."}]}])
SPAN = {
    "name": "chat m",
    "startTimeUnixNano": "1700000000000000000",
    "attributes": attributes(gen_ai__input__messages=TURNS_IN, gen_ai__output__messages=TURNS_OUT),
}
EVENTS = {
    "name": "chat m",
    "attributes": attributes(gen_ai__system="openai"),
    "events": [
        {"name": "gen_ai.user.message", "attributes": attributes(content="Where is my parcel?")},
        {"name": "gen_ai.choice", "attributes": attributes(content="On its way.")},
    ],
}
BODIES = {
    "name": "chat m",
    "attributes": attributes(gen_ai__system="openai"),
    "events": [
        {"name": "gen_ai.user.message",
         "attributes": attributes(gen_ai__event__content='{"role": "user", "content": "Where is my parcel?"}')},
        {"name": "gen_ai.choice", "attributes": attributes(
            gen_ai__event__content='{"index": 0, "message": {"content": "On its way."}, "finish_reason": "stop"}')},
    ],
}  # fmt: skip
MESSAGES = BODIES | {
    "events": [
        {"name": "gen_ai.user.message", "attributes": attributes(content="Where is my parcel?")},
        {"name": "gen_ai.choice", "attributes": attributes(message='{"role": "assistant", "content": "On its way."}')},
    ]
}
DETAILS = {
    "name": "chat m",
    "attributes": attributes(gen_ai__operation__name="chat"),
    "events": [{"name": "gen_ai.client.inference.operation.details", "attributes": SPAN["attributes"]}],
}
FLAT = {
    "name": "chat",
    "span_id": "1",
    "attributes": {
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "Be kind.",
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": "Where is my parcel?",
        "gen_ai.completion.0.content": "On its way.",
    },
}


@pytest.mark.parametrize(
    "row",
    [
        {"request": CHAT, "response": OPENAI},
        {**CHAT, "response": OPENAI},
        {**CHAT, "output": "On its way."},
        {"custom_id": "1", "body": CHAT, "response": {"status_code": 200, "body": OPENAI}},
        {"request": {"model": "m", "messages": [PARTS]}, "response": ANTHROPIC},
        {"messages": [USER, {"role": "assistant", "content": "On its way."}]},
        {"request": {"model": "m", "input": "Where is my parcel?"}, "response": {"output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": "On its way."}]}]}},
        otlp(SPAN),
        otlp(EVENTS),
        otlp(BODIES),
        otlp(MESSAGES),
        otlp(DETAILS),
        FLAT,
    ],
)  # fmt: skip
def test_question_and_answer(row):
    (found,) = exchanges_in(row)
    assert (found.asked, found.answered) == ("Where is my parcel?", "On its way.")
    assert found.trouble is None


def test_a_row_with_columns_of_its_own_stays_as_it_is():
    row = {"ticket": "Where?", "lang": "en", "timestamp": "2026-11-01"}
    (found,) = exchanges_in(row)
    assert (found.asked, found.fields, found.time) == (None, row, "2026-11-01")


def test_spans_about_something_else_say_nothing():
    assert not list(exchanges_in(otlp({"name": "GET /", "attributes": attributes(http__method="GET")})))


def test_a_batch_of_spans_holds_several():
    batch = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN, EVENTS]}]}, {"scopeSpans": [{"spans": [SPAN]}]}]}
    assert len(list(exchanges_in(batch))) == 3


@pytest.mark.parametrize(
    ("more", "trouble"),
    [
        ({"feedback": "thumbs_down"}, "feedback: thumbs_down"),
        ({"feedback": {"value": -1}}, "feedback: -1"),
        ({"escalated": True}, "escalated"),
        ({"error": "boom"}, "error"),
        ({"margin": 0.05}, "margin 0.05"),
        (
            {"response": {"choices": [{"message": {"content": "Sor"}, "finish_reason": "length"}]}},
            "finished with length",
        ),
        ({"feedback": "up", "escalated": False, "margin": 0.9}, None),
    ],
)
def test_what_looks_like_a_failure_is_suspected(more, trouble):
    (found,) = exchanges_in({**CHAT, "response": OPENAI, **more})
    assert found.trouble == trouble


@pytest.mark.parametrize(
    "row", [{"thumbs": 0}, {"user_feedback": "bad"}, {"handoff": "yes"}, {"error": 1}, {"margin": 0}]
)
def test_doubt_stands_in_one_column_of_a_row_of_any_kind(row):
    (found,) = exchanges_in({"text": "Where?", **row})
    assert found.trouble is not None


@pytest.mark.parametrize("key", ["request", "body", "kwargs", "params"])
def test_a_request_is_found_below_any_usual_key(key):
    (found,) = exchanges_in({key: CHAT})
    assert found.asked == "Where is my parcel?"


@pytest.mark.parametrize(
    "row",
    [
        {"messages": "none"},
        {"messages": [1, None, {"role": 3}]},
        {"request": {"messages": []}, "response": {"choices": [None]}},
        {"resourceSpans": [{"scopeSpans": [{"spans": 3}]}, None]},
        {"resourceSpans": 7},
        {"attributes": [None, {"key": 1}], "name": "x"},
        {"feedback": {}, "escalated": [], "error": {}},
        {"choices": {}},
        {},
    ],
)
def test_odd_rows_never_fail(row):
    for found in exchanges_in(row):
        assert found.asked is None


def test_a_row_with_a_name_and_attributes_is_no_span():
    row = {"name": "lamp", "attributes": {"colour": "red"}, "text": "Describe the lamp."}
    (found,) = exchanges_in(row)
    assert found.fields == row
    assert not list(exchanges_in({"name": "GET /", "start_time": "2026-11-01", "attributes": {"http.method": "GET"}}))
