"""One row of a production log as what was asked and answered, whoever wrote the log.

Read as they are: rows with the suite's own columns; requests and replies as the OpenAI (chat, responses, batch) and
Anthropic APIs have them; OpenTelemetry GenAI spans in OTLP's JSON
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/) and in the older form with an event a message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from evalkit.types import JsonValue

Row = Mapping[str, JsonValue]
_SAYS_NO = frozenset({"down", "thumbs_down", "thumbsdown", "negative", "bad", "dislike", "-1", "0", "false", "no"})
_FEEDBACK = ("feedback", "thumbs", "rating", "user_feedback")
_TROUBLE = ("escalated", "escalation", "handoff", "complaint")
_CUT = frozenset({"length", "max_tokens", "content_filter", "refusal"})
_LOW_MARGIN = 0.2
_OF_REQUESTS = frozenset({"request", "body", "kwargs", "params", "messages", "input"})
"""A row without any of these is no request."""
_OF_DOUBT = frozenset({*_FEEDBACK, *_TROUBLE, "error", "margin"})
_OF_SPANS = frozenset({"spanId", "span_id", "parentSpanId", "parent_id", "startTimeUnixNano", "start_time"})


class Exchange(Struct, frozen=True, kw_only=True):
    """One question that production saw."""

    asked: str | None
    """The last user turn; None where the row is not a request but has columns of its own."""
    answered: str | None
    fields: Row = field(default_factory=dict)
    """The row itself, which may have columns of its own beside a request; empty for spans."""
    time: JsonValue = None
    """As the log has it: ISO 8601 or seconds, milli- or nanoseconds since 1970."""
    trouble: str | None = None
    """Why this answer is suspected to be wrong; None where nothing says so."""


def exchanges_in(row: Row) -> Sequence[Exchange]:
    """What a row of a log holds: one exchange, several for a batch of spans, none where it says nothing readable."""
    if "resourceSpans" in row or "scopeSpans" in row:
        return [exchange for span in _spans(row) for exchange in _span(span)]
    if _is_span(row):
        return [*_span(row)]
    return (_request(row) or Exchange(asked=None, answered=None, fields=row, time=_time(row), trouble=_trouble(row)),)


def _is_span(row: Row) -> bool:
    """Whether a row is a span; a table of products has names and attributes as well."""
    found = row.get("attributes")
    if not isinstance(found, dict | list):
        return False
    return not _OF_SPANS.isdisjoint(row) or any(key.startswith("gen_ai.") for key in map(str, _attributes(found)))


def _request(row: Row) -> Exchange | None:
    """A logged request and its reply, or None where the row is neither."""
    if _OF_REQUESTS.isdisjoint(row):
        return None
    body = _first_object(row, ("request", "body", "kwargs", "params")) or row
    body = _first_object(body, ("body", "params")) or body
    turns: Any = body.get("messages")
    if not isinstance(turns, list):
        turns = body.get("input") if "model" in body or "request" in row else None
    if isinstance(turns, str):
        asked: str | None = turns
    elif isinstance(turns, list):
        asked = _last_turn(turns, "user")
    else:
        return None
    reply = row.get("response", row.get("output", row.get("completion")))
    answered = _reply(reply)
    if answered is None and isinstance(turns, list):
        answered = _answer_after(turns)
    trouble = _trouble(row) or _cut_short(reply)
    return Exchange(asked=asked, answered=answered, fields=row, time=_time(row), trouble=trouble)


def _reply(reply: Any) -> str | None:
    """The text of a reply in any of the APIs' forms."""
    if isinstance(reply, str):
        return reply
    if isinstance(reply, list):
        return next((text for part in reversed(reply) if (text := _reply(part)) is not None), None)
    if not isinstance(reply, dict):
        return None
    choices = reply.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return _content(_object(choices[0].get("message")).get("content", choices[0].get("text")))
    for key in ("body", "message", "response", "result", "output"):
        if isinstance(reply.get(key), dict | list):
            return _reply(reply[key])
    return _content(reply.get("content", reply.get("text", reply.get("output_text"))))


def _content(content: Any) -> str | None:
    """A turn's text: a text, or the parts of it that are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [text for part in content if (text := _part(part)) is not None]
        return "\n".join(texts) if texts else None
    return None


def _part(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    text = _object(part).get("text", _object(part).get("content"))
    return text if isinstance(text, str) else None


def _last_turn(turns: Sequence[Any], role: str) -> str | None:
    found = (_content(turn.get("content", turn.get("parts"))) for turn in reversed(turns)
             if isinstance(turn, dict) and turn.get("role") == role)  # fmt: skip
    return next((text for text in found if text is not None), None)


def _answer_after(turns: Sequence[Any]) -> str | None:
    last = turns[-1] if turns else None
    return _content(last.get("content")) if isinstance(last, dict) and last.get("role") == "assistant" else None


def _spans(row: Row) -> Iterator[Row]:
    resources: Any = row.get("resourceSpans")
    for resource in resources if isinstance(resources, list) else [row]:
        scopes = _object(resource).get("scopeSpans")
        for scope in scopes if isinstance(scopes, list) else []:
            spans = _object(scope).get("spans")
            yield from (span for span in spans if isinstance(span, dict)) if isinstance(spans, list) else ()


def _span(span: Row) -> Iterator[Exchange]:
    """The exchange of a span about a model; nothing for other spans."""
    known = _attributes(span.get("attributes"))
    asked = _turns_text(known.get("gen_ai.input.messages"), "user") or _numbered(known, "gen_ai.prompt", "user")
    answered = _turns_text(known.get("gen_ai.output.messages"), "assistant")
    answered = answered or _numbered(known, "gen_ai.completion", "assistant")
    events: Any = span.get("events")
    for event in events if isinstance(events, list) else []:
        name, inner = str(_object(event).get("name")), _attributes(_object(event).get("attributes"))
        if name in {"gen_ai.user.message", "gen_ai.content.prompt"}:
            asked = _told(inner, "gen_ai.prompt") or asked
        elif name in {"gen_ai.assistant.message", "gen_ai.choice", "gen_ai.content.completion"}:
            answered = _told(inner, "gen_ai.completion") or answered
        elif name == "gen_ai.client.inference.operation.details":
            asked = _turns_text(inner.get("gen_ai.input.messages"), "user") or asked
            answered = _turns_text(inner.get("gen_ai.output.messages"), "assistant") or answered
    if asked is None and not any(str(key).startswith("gen_ai.") for key in known):
        return
    reasons = known.get("gen_ai.response.finish_reasons")
    cut = next((str(one) for one in (reasons if isinstance(reasons, list) else [reasons]) if str(one) in _CUT), None)
    trouble = f"finished with {cut}" if cut else "the span ended in an error" if "error.type" in known else None
    time = span.get("startTimeUnixNano", span.get("start_time"))
    yield Exchange(asked=asked, answered=answered, time=time, trouble=trouble or _trouble(known))


def _told(event: Row, key: str) -> str | None:
    """What an event of a span says: its content, or that of the event's body, {content} or {message: {content}}.

    Spans carry the body as JSON in one attribute (azure-ai-inference: `gen_ai.event.content`), or as a plain text.
    """
    body = event.get("gen_ai.event.content", event.get("message"))
    read = _json(body) if isinstance(body, str) else body
    if isinstance(read, dict):
        return _content((_object(read.get("message")) or read).get("content"))
    return _plain(event.get("content", event.get(key, body)))


def _attributes(found: Any) -> dict[str, Any]:
    """A span's attributes as a plain object: OTLP writes them as a list of keys and typed values."""
    if isinstance(found, dict):
        return found
    entries = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return {str(one.get("key")): _value(one.get("value")) for one in entries}


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("arrayValue"), dict):
        inner = value["arrayValue"].get("values")
        return [_value(one) for one in inner] if isinstance(inner, list) else []
    if isinstance(value.get("kvlistValue"), dict):
        return _attributes(value["kvlistValue"].get("values"))
    return next(
        (value[kind] for kind in ("stringValue", "intValue", "doubleValue", "boolValue") if kind in value), None
    )


def _turns_text(found: Any, role: str) -> str | None:
    """The last turn of a role among messages, which spans carry as objects or as JSON in a text."""
    turns = _json(found) if isinstance(found, str) else found
    return _last_turn(turns, role) if isinstance(turns, list) else None


def _numbered(known: Mapping[str, Any], head: str, role: str) -> str | None:
    """The last of `gen_ai.prompt.0.content`, `gen_ai.prompt.1.content` … with this role, or `gen_ai.prompt` itself."""
    found, number = None, 0
    while f"{head}.{number}.content" in known:
        if known.get(f"{head}.{number}.role", role) == role:
            found = _plain(known[f"{head}.{number}.content"])
        number += 1
    return found or _plain(known.get(head))


def _plain(found: Any) -> str | None:
    """An event's content: a text, or JSON that holds turns."""
    if not isinstance(found, str):
        return _content(found)
    inner = _json(found) if found[:1] in {"[", "{"} else None
    if isinstance(inner, list) and inner and isinstance(inner[-1], dict) and "role" in inner[-1]:
        return _content(inner[-1].get("content", inner[-1].get("parts"))) or found
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _trouble(row: Mapping[str, Any]) -> str | None:
    """What in a row says that the answer was wrong."""
    if _OF_DOUBT.isdisjoint(row):
        return None
    for key in _FEEDBACK:
        value = row.get(key)
        said = str(value.get("value", value.get("score")) if isinstance(value, dict) else value)
        if value is not None and said.strip().casefold() in _SAYS_NO:
            return f"{key}: {said}"[:60]
    for key in _TROUBLE:
        if row.get(key) not in {None, False, ""} if not isinstance(row.get(key), dict | list) else bool(row[key]):
            return key
    if row.get("error"):
        return "error"
    margin = row.get("margin")
    if isinstance(margin, int | float) and not isinstance(margin, bool) and margin < _LOW_MARGIN:
        return f"margin {margin:.2f}"
    return None


def _cut_short(reply: Any) -> str | None:
    body = _object(_object(reply).get("body")) or _object(reply)
    choices = body.get("choices")
    first = _object(choices[0]) if isinstance(choices, list) and choices else body
    reason = first.get("finish_reason", first.get("stop_reason"))
    return f"finished with {reason}" if isinstance(reason, str) and reason in _CUT else None


def _time(row: Row) -> JsonValue:
    for key in ("time", "timestamp", "created_at", "created", "date", "ts"):
        if (found := row.get(key)) is not None:
            return found
    return None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first_object(row: Row, keys: Sequence[str]) -> Row | None:
    return next((value for key in keys if isinstance(value := row.get(key), dict)), None)
