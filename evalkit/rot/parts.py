"""What a suite's targets are made of, so that a label people give is a whole one and spelled as the others are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from evalkit.types import JsonValue

Parts = Mapping[str, Sequence[str]]
"""A part every target has ("" for a target that is one value) → the kinds of value it holds somewhere."""


class MisfitError(ValueError):
    """A label is no target as the suite has them; the message says why."""


def parts_of(targets: Sequence[JsonValue]) -> Parts:
    """The parts that all of these targets have. Empty where some are objects and others are not, or none is there.

    >>> parts_of([{"intent": "refund", "amount": 3}, {"intent": "lost", "amount": None, "note": "late"}])
    {'amount': ('nothing', 'a number'), 'intent': ('a text',)}
    >>> parts_of(["red", "green", None])
    {'': ('a text',)}
    """
    given = [target for target in targets if target is not None]
    objects = [target for target in given if isinstance(target, dict)]
    if not given or 0 < len(objects) < len(given):
        return {}
    if not objects:
        return {"": _kinds(given)}
    names = set.intersection(*(set(target) for target in objects))
    return {name: _kinds([target[name] for target in objects]) for name in sorted(names)}


def fitted(label: JsonValue, parts: Parts) -> JsonValue:
    """The label in the suite's own kinds: a form hands in "3" where the suite has 3, a person 3 where it has "3".

    Raises MisfitError, with what is wrong in words, where a part is missing or cannot be read as what it is.

    >>> fitted({"intent": "lost", "amount": "3"}, {"amount": ("a number",), "intent": ("a text",)})
    {'intent': 'lost', 'amount': 3}
    """
    if not parts:
        return label
    if "" in parts:
        if isinstance(label, dict):
            raise MisfitError(f"a label is one value here ({' or '.join(parts[''])}), not an object")
        return _read(label, parts[""], "the label")
    if not isinstance(label, dict):
        raise MisfitError(f"a label is an object here, with {_named([*parts])}; not {_short(label)}")
    lacking = [name for name in parts if name not in label]
    if lacking:
        raise MisfitError(f"the label lacks {_named(lacking)}; every sample of the suite has {_named([*parts])}")
    return label | {name: _read(label[name], kinds, repr(name)) for name, kinds in parts.items()}


def spelled(text: str) -> JsonValue:
    """What a text spells as JSON, or the text.

    >>> spelled('{"a": 1}'), spelled("red"), spelled("NaN")
    ({'a': 1}, 'red', 'NaN')
    """
    try:
        found: JsonValue = json.loads(text)
        json.dumps(found, allow_nan=False)  # NaN can be written, and is no number
    except (ValueError, RecursionError):
        return text
    return found


def _kinds(values: Sequence[JsonValue]) -> tuple[str, ...]:
    order = ("nothing", "true or false", "a number", "a text", "a list", "an object")
    found = {_kind(value) for value in values}
    return tuple(kind for kind in order if kind in found)


def _kind(value: JsonValue) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def _read(value: JsonValue, kinds: Sequence[str], shown: str) -> JsonValue:
    """The value, or what it spells, in one of the kinds; raises MisfitError where it is none of them."""
    if _kind(value) in kinds:
        return value
    if isinstance(value, str):
        read = spelled(value)
        if _kind(read) in kinds:
            return read
    elif isinstance(value, int | float) and "a text" in kinds:
        return json.dumps(value)
    raise MisfitError(f"{shown} is {' or '.join(kinds)} in this suite, not {_short(value)}")


def _named(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _short(value: JsonValue) -> str:
    written = json.dumps(value)
    return written if len(written) <= 60 else f"{written[:60]} …"  # noqa: PLR2004 - what fits in a line beside the words
