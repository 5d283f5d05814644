"""What a row says, whichever of the usual shapes it has: what was asked and what was answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from evalkit.suites.records.read import Row
from evalkit.types import JsonValue, Message

Kind = Literal["chat", "completion", "preference", "flat"]

_CHAT_KEYS = ("messages", "conversations", "conversation", "contents")
_SAID = frozenset({"content", "value", "tool_calls"})
"""Where a turn keeps what it says."""
_WRAPPERS = ("", "body", "request")
"""Where a log or a batch file keeps a chat: in the row itself or one level below."""
_ANSWER_KEYS = ("completion", "response", "output", "answer")
_CHOICES = (("chosen", "rejected"), ("preferred_output", "non_preferred_output"))
"""(the better, the worse answer) as TRL's and as OpenAI's preference rows name them."""
_BESIDE_KEYS = ("input", "context")
"""What an `instruction` speaks of, as Alpaca's and Dolly's rows name it."""
_NOT_ASKING = frozenset({"assistant", "system", "developer", "tool", "function"})
_SPEAKERS: Mapping[str, str] = MappingProxyType(
    {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant"}
)
"""ShareGPT's names for roles."""
LABEL_CHARS = 20
"""A text no longer than this beside a question is a label, a role or an id, which rows share by design."""
_DEPTH = 3
"""Of flat rows: texts further down are no question."""


class Record(Struct, frozen=True, kw_only=True):
    """One example, told in the same words for every shape of file."""

    inputs: tuple[str, ...]
    """What was asked. Chat and preference: each user turn, in order. Completion: the prompt; with an `instruction` and
    an `input` both together, and then the input alone; with a `context` the question, the context, and both together,
    because many rows share a context. Flat: every text of the row."""
    outputs: tuple[str, ...]
    """What was answered. Chat: each assistant turn. Preference: chosen, then rejected. Flat: none."""
    messages: tuple[Message, ...]
    """The conversation, up to and with the (chosen) answer; of a flat row empty."""
    kind: Kind


def record_of(row: Row | Mapping[str, JsonValue]) -> Record:
    """What a row says.

    Known are chats (`messages` of OpenAI and Hugging Face, ShareGPT's `conversations`, Gemini's `contents`, also below
    `body` or `request`, with the `response` beside them), `prompt` and `completion`, `instruction` with `input` or
    `context` and `output`, and preferences: `chosen` and `rejected`, or OpenAI's `preferred_output`, with or without a
    `prompt`, each a text or a list of turns. Everything else is flat. Turns that are no objects, and contents without
    text, are passed over: this reads, and does not judge.
    """
    fields = row.fields if isinstance(row, Row) else row
    return _preference(fields) or _chat(fields) or _completion(fields) or flat_of(fields)


def flat_of(fields: Mapping[str, JsonValue]) -> Record:
    """What columns of no known shape say."""
    return Record(inputs=tuple(_texts(fields, _DEPTH)), outputs=(), messages=(), kind="flat")


def texts_beside(row: Row | Mapping[str, JsonValue], record: Record) -> Iterator[str]:
    """The texts of a row that `record`, which was made of it, has neither as asked nor as answered, however deep.

    System and tool turns, columns beside the question, shapes that nobody knew: what a model was trained on may stand
    in any of them. What is as short as a label is left out.
    """
    known = {*record.inputs, *record.outputs}
    fields = row.fields if isinstance(row, Row) else row
    return (text for text in _texts(fields) if len(text) > LABEL_CHARS and text not in known)


def turns_of(value: JsonValue) -> tuple[Message, ...]:
    """A list of turns in OpenAI's or ShareGPT's words; empty where it is none."""
    if not isinstance(value, list):
        return ()
    return tuple(message for turn in value if isinstance(turn, dict) and (message := _turn(turn)) is not None)


def answer_in(value: JsonValue) -> str | None:
    """What the last assistant turn of a list of turns says; None where it is no such list.

    Every item has to be a turn: `[{"name": "Ann", "role": "assistant"}]` is a list of people.
    """
    if not isinstance(value, list) or not all(isinstance(turn, dict) and _SAID & turn.keys() for turn in value):
        return None
    return next((turn.content for turn in reversed(turns_of(value)) if turn.role == "assistant"), None)


def chosen_in(row: Mapping[str, JsonValue]) -> str | None:
    """The better answer of a preference triple; None where the row is none."""
    found = _preference(row)
    return None if found is None else found.outputs[0]


def spoken(turn: Mapping[str, JsonValue]) -> tuple[JsonValue, JsonValue]:
    """(role, content) of a turn in OpenAI's or ShareGPT's words; a content of nothing but text parts as one text."""
    role, said = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    if isinstance(role, str) and "role" not in turn:
        role = _SPEAKERS.get(role, role)
    if isinstance(said, list) and said:
        texts = [part.get("text") for part in said if isinstance(part, dict) and part.get("type") == "text"]
        said = "\n".join(str(text) for text in texts) if len(texts) == len(said) else said
    return role, said


def _turn(turn: Mapping[str, JsonValue]) -> Message | None:
    role, said = spoken(turn)
    if not isinstance(role, str):
        return None
    calls = turn.get("tool_calls")
    role = _SPEAKERS.get(role.lower(), role.lower())
    said = turn.get("parts") if said is None else said  # Gemini's word for it
    return Message(role=role, content=_text(said) or (json.dumps(calls, ensure_ascii=False) if calls else ""))


def _text(value: JsonValue) -> str:
    """A text, or the texts of a content in parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = (part.get("text") if isinstance(part, dict) else part for part in value)
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def _preference(row: Mapping[str, JsonValue]) -> Record | None:
    keys = next((keys for keys in _CHOICES if all(key in row for key in keys)), None)
    if keys is None:
        return None
    prompt = row.get("prompt", row.get("question", row.get("input")))
    asked = _asked(prompt.get("messages") if isinstance(prompt, Mapping) else prompt)
    chosen, rejected = _answered(row[keys[0]]), _answered(row[keys[1]])
    if not chosen or not rejected:
        return None
    if not asked:  # both are whole conversations
        asked, chosen = chosen[:-1], chosen[-1:]
    outputs = (chosen[-1].content, rejected[-1].content)
    return Record(inputs=_said(asked, "user"), outputs=outputs, messages=(*asked, chosen[-1]), kind="preference")


def _chat(row: Mapping[str, JsonValue]) -> Record | None:
    for wrapper in _WRAPPERS:
        inner = row.get(wrapper) if wrapper else row
        if not isinstance(inner, Mapping):
            continue
        turns = next((found for key in _CHAT_KEYS if (found := turns_of(inner.get(key)))), ())
        turns = turns or (turns_of(inner.get("input")) if not wrapper else ())
        if not turns:
            continue
        if turns[-1].role != "assistant":
            turns = (*turns, *_logged(row))
        # A chat without a user has one of another name: a customer, a prompter.
        asked = _said(turns, "user") or tuple(t.content for t in turns if t.role not in _NOT_ASKING and t.content)
        return Record(inputs=asked, outputs=_said(turns, "assistant"), messages=turns, kind="chat")
    return None


def _logged(row: Mapping[str, JsonValue]) -> tuple[Message, ...]:
    """The answer that stands beside a chat: a text, a turn, or a reply as OpenAI's API gives it."""
    for key in _ANSWER_KEYS:
        value = row.get(key)
        while isinstance(value, dict) and "body" in value:
            value = value["body"]
        if isinstance(value, dict) and isinstance(choices := value.get("choices"), list) and choices:
            value = choices[0].get("message") if isinstance(choices[0], dict) else None
        if isinstance(value, dict):
            value = _text(value.get("content"))
        if isinstance(value, str) and value:
            return (Message(role="assistant", content=value),)
    return ()


def _completion(row: Mapping[str, JsonValue]) -> Record | None:
    answers = [said[-1] for key in _ANSWER_KEYS if (said := _answered(row.get(key)))]
    head = row.get("instruction")
    keys = _BESIDE_KEYS if isinstance(head, str) else _BESIDE_KEYS[1:]  # `input` without an instruction is the question
    head = head if isinstance(head, str) else row.get("prompt", row.get("input"))
    beside = next((key for key in keys if isinstance(text := row.get(key), str) and text), None)
    if isinstance(head, str) and beside:
        further = str(row[beside])
        whole = f"{head}\n\n{further}"
        asked: tuple[Message, ...] = (Message(role="user", content=whole),)
        # An `input` says what an instruction is about; a `context` is what many questions may be asked of.
        is_of_many = beside == "context" and head.strip()
        inputs: tuple[str, ...] = (head, further, whole) if is_of_many else (whole, further)
    else:
        asked = _asked(head)
        inputs = _said(asked, "user")
    if not asked or not answers:
        return None
    return Record(inputs=inputs, outputs=(answers[0].content,), messages=(*asked, answers[0]), kind="completion")


def _asked(value: JsonValue) -> tuple[Message, ...]:
    return (Message(role="user", content=value),) if isinstance(value, str) and value else turns_of(value)


def _answered(value: JsonValue) -> tuple[Message, ...]:
    return (Message(role="assistant", content=value),) if isinstance(value, str) else turns_of(value)


def _said(turns: tuple[Message, ...], role: str) -> tuple[str, ...]:
    return tuple(turn.content for turn in turns if turn.role == role and turn.content)


def _texts(value: JsonValue | Mapping[str, JsonValue], deep: int | None = None) -> Iterator[str]:
    """The texts of a value, no further down than so many objects and lists."""
    if isinstance(value, str):
        if value.strip():
            yield value
    elif deep == 0 or not isinstance(value, Mapping | list):
        return
    else:
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner, None if deep is None else deep - 1)
