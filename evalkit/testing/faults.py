"""Ways a chat-completions request can go, and what each must become. Data for the contracts; plug-ins may reuse it."""

from __future__ import annotations

from evalkit.errors import (
    AuthFailed,
    BackendError,
    BadRequest,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    ModelNotFound,
    Overloaded,
    ProtocolViolation,
    RateLimited,
    TimedOut,
)
from evalkit.testing.behaviours import (
    Behaviour,
    answers,
    cuts,
    drips,
    empty_body,
    endless,
    error_in_200,
    fails,
    gzip_bomb,
    half_json,
    hangs,
    html,
    resets,
)
from evalkit.types import Finish

KEY_VARIABLE = "EVALKIT_CONTRACT_KEY"
"""The environment variable that holds the key a backend under contract sends."""
SECRET = "sk-contract-7f3a9b2c4d5e6f70"  # noqa: S105 - a sentinel to look for, no secret
PROMPT = "The quarterly figures of the Rotterdam branch are confidential until Thursday."
_PARTIAL = b'{"choices": [{"message": {"content": "The first half"}}], "error": {"message": "upstream died"}}'

FAULTS: tuple[tuple[str, Behaviour, type[BackendError]], ...] = (
    ("400", fails(400, "temperature must be a number"), BadRequest),
    ("422", fails(422, "messages: field required"), BadRequest),
    ("401", fails(401, f"Incorrect API key provided: {SECRET}"), AuthFailed),
    ("401 with half the key", fails(401, f"Incorrect API key provided: {SECRET[:12]}****"), AuthFailed),
    ("403", fails(403), AuthFailed),
    ("404", fails(404, "model gone"), ModelNotFound),
    ("404 without words", empty_body(404), ModelNotFound),
    ("429", fails(429), RateLimited),
    ("500", fails(500), Overloaded),
    ("500 with the prompt", fails(500, f"cannot render: {PROMPT}"), Overloaded),
    ("502 as HTML", html(502), Overloaded),
    ("503", fails(503), Overloaded),
    ("529", fails(529), Overloaded),
    ("too long", fails(400, "This model's maximum context length is 4096 tokens", code="x"), ContextTooLong),
    ("filtered", fails(400, "blocked by policy", code="content_filter"), ContentFiltered),
    ("redirect", Behaviour(kind="redirect", status=302, headers={"location": "/v1/models"}), ProtocolViolation),
    ("HTML", html(200), ProtocolViolation),
    ("half JSON", half_json(), ProtocolViolation),
    ("error in a 200", error_in_200(f"upstream said: {PROMPT}"), ProtocolViolation),
    ("error beside half an answer", Behaviour(kind="partial", body=_PARTIAL), ProtocolViolation),
    ("empty body", empty_body(200), ProtocolViolation),
    ("JSON of another kind", Behaviour(kind="other_json", body=b'{"hello": "world"}'), ProtocolViolation),
    ("a list", Behaviour(kind="list", body=b"[]"), ProtocolViolation),
    ("no choices", Behaviour(kind="no_choices", body=b'{"choices": []}'), ProtocolViolation),
    ("null answer", answers(message={"content": None}), ProtocolViolation),
    ("unknown finish", answers(finish_reason="because"), ProtocolViolation),
    ("aborted", answers(finish_reason="abort"), Overloaded),
    ("endless body", endless(), ProtocolViolation),
    ("gzip bomb", gzip_bomb(), ProtocolViolation),
    ("reset", resets(), ConnectionLost),
    ("closed at once", cuts(0), ConnectionLost),
    ("closed in the head", cuts(30), ConnectionLost),
    ("closed in the body", cuts(150), ConnectionLost),
    ("hang", hangs(), TimedOut),
    ("slow drip", drips(pause_s=0.2), TimedOut),
)
"""Ways a request goes wrong, and the one error each must become."""

FINISHES: tuple[tuple[str, Behaviour, Finish], ...] = (
    ("stop", answers("yes"), "stop"),
    ("length", answers("yes and", finish_reason="length"), "length"),
    ("length without a word", answers(message={"content": None}, finish_reason="length"), "length"),
    ("filter", answers("", finish_reason="content_filter"), "refusal"),
    ("refusal", answers("", message={"content": None, "refusal": "I cannot help with that"}), "refusal"),
)
