"""Reading an answer as JSON. Total: any text gives a value or the reason why there is none, never an exception."""

from __future__ import annotations

import json
import math
import re
from typing import Literal, NoReturn

from msgspec import Struct

from evalkit.types import JsonValue

Extract = Literal["strict", "fenced"]

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 64
NO_JSON = ("no JSON", "nested deeper")
"""How `why` begins where a text is not the JSON that was to be read; a field it lacks is told otherwise."""

_POSITION = re.compile(r"[0-9]{1,9}")
_OPENING = re.compile(r"(?:\[\s*+)?+\{")
_BETWEEN = re.compile(r"\s*+(?:[,;]\s*+(?!\Z))?+")
_FENCE = re.compile(r"```(?:json)?[ \t]*\r?\n(.*?)```", re.DOTALL | re.IGNORECASE)
# A string (closed or not) is one token, so that brackets inside it do not count. Possessive: linear in the text.
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class Unreadable(Struct, frozen=True):
    """There is no value; `why` says so in words."""

    why: str


class Reader(Struct, frozen=True, kw_only=True):
    """Where a metric finds what it compares: in the answer, and in the target the same way."""

    field: str | None = None
    """Dotted path into the answer parsed as JSON; None compares whole answers."""
    extract: Extract = "strict"

    def gold(self, target: JsonValue) -> JsonValue:
        """What is right, or None where the sample has no target.

        With `field`, a target that is an object (or text that is one, as in chat data) is looked into; any other
        target is taken as the field's right value itself.
        """
        if self.field is None:
            return target
        value: JsonValue | Unreadable = target
        if isinstance(target, str) and target.lstrip().startswith("{"):
            value = read_json(target)
        if isinstance(value, dict):
            found = lookup(value, self.field)
            return None if isinstance(found, Unreadable) else found
        return target

    def value(self, answer: str, gold: JsonValue) -> JsonValue | Unreadable:
        """What the answer says, in the form `gold` has.

        The text itself when `gold` is text or a list of texts and no field is asked for; else the parsed answer
        or its field.
        """
        if self.field is None and accepted_texts(gold):
            return answer if answer.strip() else Unreadable("empty")
        value = read_json(answer, self.extract)
        return value if self.field is None or isinstance(value, Unreadable) else lookup(value, self.field)


def accepted_texts(gold: JsonValue) -> tuple[str, ...]:
    """The texts a target accepts: itself when it is text, its members when it lists texts; else empty."""
    if isinstance(gold, str):
        return (gold,)
    if isinstance(gold, list):
        texts = tuple(item for item in gold if isinstance(item, str))
        return texts if len(texts) == len(gold) else ()
    return ()


def read_json(text: str, extract: Extract = "strict") -> JsonValue | Unreadable:
    """The JSON value an answer consists of, after trimming whitespace.

    `strict` takes the whole text. `fenced` takes the whole text when that is JSON, else the first fenced code
    block, else the first object in the text. Duplicate keys, NaN, Infinity, numbers beyond floats, more than a
    million characters and nesting beyond 64 are unreadable.
    """
    if len(text) > MAX_CHARACTERS:
        return Unreadable(f"longer than {MAX_CHARACTERS:,} characters")
    text = text.strip()
    if not text:
        return Unreadable("empty")
    whole = _decoded(text)
    if extract == "strict" or not isinstance(whole, Unreadable):
        return whole
    fence = _FENCE.search(text)
    if fence is not None:
        return _decoded(fence.group(1).strip())
    start = text.find("{")
    return whole if start < 0 else _decoded(text[start:], is_prefix=True)


def read_run(text: str, extract: Extract = "strict") -> tuple[JsonValue, ...] | Unreadable:
    """The JSON values a text consists of, one after another: white space, a comma or a semicolon stands between them.

    Of one value it is the tuple. `fenced` also takes what stands in all fenced code blocks, or in the first of them;
    else the values from the first object (or the list around it) on, as far as they go. What `read_json` finds
    unreadable is so here, too.
    """
    if len(text) > MAX_CHARACTERS:
        return Unreadable(f"longer than {MAX_CHARACTERS:,} characters")
    whole = _run(text.strip())
    if extract == "strict" or not isinstance(whole, Unreadable):
        return whole
    if fences := _FENCE.findall(text):
        inside = _run("\n".join(fences).strip())
        return _run(fences[0].strip()) if isinstance(inside, Unreadable) else inside
    start = _OPENING.search(text)
    return whole if start is None else _run(text[start.start() :], is_prefix=True)


def lookup(value: JsonValue, path: str) -> JsonValue | Unreadable:
    """What stands at a dotted path: keys of objects, positions (from 0) of lists.

    >>> lookup({"a": [{"b": 1}]}, "a.0.b")
    1
    """
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and _POSITION.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return Unreadable(f"has no '{step}'" if path == step else f"has no '{step}' on the way to '{path}'")
    return value


def is_same(a: JsonValue, b: JsonValue) -> bool:
    """Equality of JSON values: 1 is 1.0, True is not 1, the order of keys does not matter, that of lists does."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(is_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(is_same, a, b))
    return a == b


def shown(value: JsonValue) -> str:
    """A value as text: strings as they are, a whole float as the integer it equals, the rest as compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _decoded(text: str, *, is_prefix: bool = False) -> JsonValue | Unreadable:
    if _is_too_deep(text):
        return Unreadable(f"nested deeper than {MAX_DEPTH}")
    try:
        value: JsonValue = _DECODER.raw_decode(text)[0] if is_prefix else _DECODER.decode(text)
    except ValueError as error:
        return Unreadable(_why_none(error))
    return value


def _run(text: str, *, is_prefix: bool = False) -> tuple[JsonValue, ...] | Unreadable:
    if not text:
        return Unreadable("empty")
    if _is_too_deep(text):
        return Unreadable(f"nested deeper than {MAX_DEPTH}")
    values: list[JsonValue] = []
    end = 0
    while end < len(text):
        try:
            value, end = _DECODER.raw_decode(text, end)
        except ValueError as error:
            if is_prefix and values:
                break
            return Unreadable(_why_none(error))
        values.append(value)
        end = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]  # it matches nothing, too
    return tuple(values)


def _why_none(error: ValueError) -> str:
    """In words: a JSONDecodeError, our own refusals below, and integers longer than Python converts."""
    is_long = "int_max_str_digits" in str(error)
    return "no JSON: a number of thousands of digits" if is_long else f"no JSON: {error}"


def _is_too_deep(text: str) -> bool:
    """Whether brackets nest beyond the limit, found without recursion."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _NESTING.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in "]}":
            depth -= 1
    return False


def _without_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:40]} is beyond any number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_float=_finite, parse_constant=_refuse_constant)
