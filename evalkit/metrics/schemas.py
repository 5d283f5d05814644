"""JSON Schemas made ready: small, closed in themselves, and held against an answer in bounded time.

Three things make a validator hang: patterns that backtrack, references that multiply (ten definitions that each
name the next one twice are 1,024 checks) and references that lead in a circle. Patterns run on an engine without
backtracking (https://docs.rs/regex/latest/regex/#untrusted-input); the other two are counted here, before any use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn
from urllib.parse import unquote

import jsonschema_rs
from msgspec import Struct

from evalkit.types import JsonValue

MAX_CHARACTERS = 64_000
MAX_DEPTH = 32
MAX_PARTS = 20_000
"""Of a schema with its references written out: so often is one value looked at, at most."""
MAX_CHAIN = 200
"""References and keywords on one way through the schema."""
MAX_PATTERN_BYTES = 4_000_000
"""Of one compiled pattern; `^.{1,1000}$` takes a good megabyte."""
DIALECTS: Mapping[str, type[jsonschema_rs.Validator]] = {
    "https://json-schema.org/draft/2020-12/schema": jsonschema_rs.Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    "http://json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
    "http://json-schema.org/draft-06/schema": jsonschema_rs.Draft6Validator,
    "http://json-schema.org/draft-04/schema": jsonschema_rs.Draft4Validator,
}
_DEFAULT_DIALECT = next(iter(DIALECTS))
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_SAME_VALUE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"})
_INNER_VALUE = frozenset(
    {"properties", "patternProperties", "additionalProperties", "items", "prefixItems", "additionalItems"}
    | {"contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
)
_NAME_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})
_LOCAL = "copy what it refers to under `$defs` and point there: #/$defs/name"
_TYPES = "types: array, boolean, integer, null, number, object, string"
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MAX_WORK = 100_000_000
_MAX_DETAILED_WORK = 300_000
_MAX_ROUTES = 10_000
_SHOWN_ERRORS = 3


class SchemaProblem(ValueError):
    """A schema that will not do. `quoted` is the text at fault as it stands in the schema, to find its place."""

    def __init__(self, message: str, *, fix: str | None = None, quoted: str | None = None) -> None:
        super().__init__(message)
        self.fix = fix
        self.quoted = quoted


class TooCostly(Exception):
    """This answer would take this schema more than a few seconds."""


class Schema(Struct, frozen=True, kw_only=True):
    """A schema ready for use."""

    validator: jsonschema_rs.Validator
    n_parts: int
    """Subschemas with references written out, a circle once."""
    n_circles: int
    """References that lead back to a schema they stand in."""

    def errors(self, value: JsonValue, size: int) -> tuple[str, ...]:
        """Up to three sentences on why `value`, parsed from `size` characters, does not fit; () when it fits.

        Raises TooCostly for an answer too large for so large a schema, UnicodeEncodeError for half a surrogate pair.
        """
        if self.n_parts * size > _MAX_WORK:
            raise TooCostly
        if self.validator.is_valid(value):
            return ()
        # The verdict is remembered per value and subschema, the explanations are not: they branch with each circle.
        if self.n_circles > 1 and self.n_circles ** nesting(value) > _MAX_ROUTES:
            return ("$: does not fit; the schema leads back into itself too often to say where",)
        if self.n_parts * size > _MAX_DETAILED_WORK:
            try:
                self.validator.validate(value)
            except jsonschema_rs.ValidationError as error:
                return (_sentence(error),)
        return tuple(_sentence(error) for error in islice(self.validator.iter_errors(value), _SHOWN_ERRORS))


def ready(schema: Any) -> Schema:
    """The schema, ready for use. Raises SchemaProblem, in words, for one that cannot be or must not be used."""
    if not isinstance(schema, dict | bool):
        raise SchemaProblem("a JSON Schema (an object) is wanted", fix="schema: schema.json")
    _check_size(schema)
    dialect = schema.get("$schema", _DEFAULT_DIALECT) if isinstance(schema, dict) else _DEFAULT_DIALECT
    kind = DIALECTS.get(dialect.removesuffix("#")) if isinstance(dialect, str) else None
    if kind is None:
        quoted = dialect if isinstance(dialect, str) else None
        message = f"the dialect {dialect!r} is not known"
        raise SchemaProblem(message, fix=f"known: {', '.join(DIALECTS)}", quoted=quoted)
    survey = _Survey()
    survey.walk(schema, schema, {}, 0)
    try:
        validator = kind(
            schema,
            validate_formats=False,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES),
            retriever=_refuse_to_fetch,
        )
    except jsonschema_rs.ValidationError as error:
        raise _problem(error) from None
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaProblem(f"no valid schema: {error}") from None
    return Schema(validator=validator, n_parts=survey.n_parts, n_circles=survey.n_circles)


def nesting(value: JsonValue) -> int:
    """How many lists and objects stand in each other at most; 0 for a plain value.

    >>> nesting({"a": [1, {}]})
    3
    """
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(nesting, children), default=0)


class _Survey(Struct):
    """One walk through a schema as a validator would take it, every reference followed."""

    n_parts: int = 0
    n_circles: int = 0

    def walk(self, part: Any, base: Any, way: Mapping[int, int], level: int) -> None:
        """Counts `part`; `way` holds the schemas it stands in, each with the level of the value it looks at.

        `base` is what `#` means here. Raises SchemaProblem.
        """
        if not isinstance(part, dict):
            return
        self.n_parts += 1
        if self.n_parts > MAX_PARTS:
            raise SchemaProblem(
                f"written out without references, the schema has more than {MAX_PARTS:,} parts",
                fix="references that name each other several times multiply; name each once",
            )
        if len(way) > MAX_CHAIN:
            raise SchemaProblem(f"references and keywords lead on for more than {MAX_CHAIN} steps")
        identifier = part.get("$id")
        if isinstance(identifier, str) and not identifier.startswith("#"):
            base = part
        way = {**way, id(part): level}
        for key in _REFERENCES:
            if isinstance(reference := part.get(key), str):
                self._follow(reference, base, way, level)
        for key, value in part.items():
            for inner in _subschemas(key, value):
                self.walk(inner, base, way, level + (key in _INNER_VALUE))

    def _follow(self, reference: str, base: Any, way: Mapping[int, int], level: int) -> None:
        target = _target(reference, base)
        if id(target) not in way:
            self.walk(target, base, way, level)
        elif way[id(target)] == level:
            raise SchemaProblem(
                f"the schema refers to itself in a circle: '{reference[:100]}' leads back without looking further in",
                quoted=reference,
            )
        else:
            self.n_circles += 1


def _subschemas(key: str, value: Any) -> Iterator[Any]:
    if key not in _SAME_VALUE and key not in _INNER_VALUE:
        return
    if key in _NAME_MAPS and isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
    else:
        yield value


def _target(reference: str, base: Any) -> Any:
    """What a reference names in its own schema. Raises SchemaProblem when it names nothing there."""
    if not reference.startswith("#"):
        if reference:
            _refuse_reference(reference)
        return base
    name = unquote(reference[1:])
    if name and not name.startswith("/"):
        found = next((part for part in _objects(base) if name in _anchors(part)), None)
        return _refuse_reference(reference) if found is None else found
    part = base
    for step in name.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 - a step of a JSON pointer, unescaped
        if isinstance(part, dict) and step in part:
            part = part[step]
        elif isinstance(part, list) and re.fullmatch(r"[0-9]{1,6}", step) and int(step) < len(part):
            part = part[int(step)]
        else:
            _refuse_reference(reference)
    return part


def _anchors(part: dict[str, Any]) -> tuple[Any, ...]:
    named = [part.get("$anchor"), part.get("$dynamicAnchor")]
    return (
        *named,
        *(part[key][1:] for key in ("$id", "id") if isinstance(part.get(key), str) and part[key][:1] == "#"),
    )


def _objects(root: Any) -> Iterator[dict[str, Any]]:
    todo = [root]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            yield part
        todo += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _refuse_reference(reference: str) -> NoReturn:
    message = f"the reference '{reference[:100]}' leads to nothing in the schema; nothing is fetched"
    raise SchemaProblem(message, fix=_LOCAL, quoted=reference)


def _refuse_to_fetch(uri: str) -> NoReturn:
    raise ValueError(f"{uri[:100]} is not in the schema, and nothing is fetched")


def _check_size(schema: JsonValue) -> None:
    todo: list[tuple[JsonValue, int]] = [(schema, 1)]
    while todo:
        part, depth = todo.pop()
        if depth > MAX_DEPTH:
            raise SchemaProblem(f"the schema nests deeper than {MAX_DEPTH} levels")
        children = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        todo += [(child, depth + 1) for child in children]
    size = len(json.dumps(schema))
    if size > MAX_CHARACTERS:
        raise SchemaProblem(f"the schema is {size:,} characters long; {MAX_CHARACTERS:,} are allowed")


def _problem(error: jsonschema_rs.ValidationError) -> SchemaProblem:
    """Why the validator refuses a schema. A pattern it cannot run in linear time is the one that needs explaining."""
    path = list(error.instance_path)
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
        return SchemaProblem("a reference leads to nothing in the schema; nothing is fetched", fix=_LOCAL)
    is_pattern = path[-1:] == ["pattern"] or path[-2:-1] == ["patternProperties"]
    pattern = path[-1] if path[-2:-1] == ["patternProperties"] else error.instance
    if not is_pattern or not isinstance(pattern, str) or "regex" not in error.message:
        at_fault = error.instance if isinstance(error.instance, str) else None
        if path[-1:] == ["type"] and at_fault is not None:
            return SchemaProblem(f"{_json_path(path)}: there is no type '{at_fault[:40]}'", fix=_TYPES, quoted=at_fault)
        return SchemaProblem(f"no valid schema: {_sentence(error)}", quoted=at_fault)
    why = "is not a regular expression that runs in time linear in the answer"
    return SchemaProblem(
        f"the pattern '{pattern[:100]}' ({_json_path(path)}) {why}",
        fix="patterns have no lookahead (?=…), no lookbehind (?<=…), no back-references \\1 and no huge repetitions",
        quoted=pattern,
    )


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    return f"{_json_path(error.instance_path)}: {error.message}"


def _json_path(steps: list[str | int]) -> str:
    """The place as JSONPath writes it: `$.items[3]['odd key']`."""
    return "$" + "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" if _PLAIN_NAME.match(step) else f"['{step}']"
        for step in steps
    )
