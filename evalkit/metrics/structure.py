"""json_schema: the answer is JSON of the right shape, or it is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from jsonschema.exceptions import SchemaError, ValidationError  # type: ignore[import-untyped]  # ships no types
from jsonschema.validators import validator_for  # type: ignore[import-untyped]  # ships no types
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # ships no types
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from evalkit.metrics.match import clip, reader_of
from evalkit.metrics.options import refuse
from evalkit.metrics.read import Reader, Unreadable, lookup, read_json
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

MAX_SCHEMA_CHARACTERS = 64_000
MAX_SCHEMA_DEPTH = 32
_SHOWN_ERRORS = 3
_DEFAULT_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Validator(Protocol):
    """What is used of a jsonschema validator."""

    def iter_errors(self, instance: Any) -> Any:
        """The violations, one by one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchema:
    """1.0 when the answer parses as JSON and fits the schema, else 0.0. Needs no target.

    The evidence of a misfit is `errors`: the first three, each with the path it stands at. `format` is not
    checked, as the standard has it. References are looked up in the schema itself and in the published
    meta-schemas that come with the validator; nothing is ever fetched.
    """

    name: str
    reader: Reader
    validator: Validator

    def score(self, answer: str, sample: Sample) -> Score:  # noqa: ARG002 - a shape needs no target
        """Scored 0.0 or 1.0; Unscored(schema_broken) when the schema leads in circles or nowhere."""
        found = read_json(answer, self.reader.extract)
        if self.reader.field is not None and not isinstance(found, Unreadable):
            found = lookup(found, self.reader.field)
        if isinstance(found, Unreadable):
            return Scored(metric=self.name, value=0.0, is_answered=False, evidence={"errors": [clip(found.why)]})
        try:
            errors: list[JsonValue] = [
                clip(_sentence(error)) for error in islice(self.validator.iter_errors(found), _SHOWN_ERRORS)
            ]
        except (RecursionError, Unresolvable):
            return Unscored(metric=self.name, why="schema_broken")
        if errors:
            return Scored(metric=self.name, value=0.0, evidence={"errors": errors})
        return Scored(metric=self.name, value=1.0)


def build_json_schema(spec: MetricSpec) -> JsonSchema:
    """`json_schema` from its entry, whose `schema` option is the schema itself, already read.

    Raises UsageError when the schema is missing, too large, too deep, of an unknown dialect, no valid schema or
    refers to something that is not in it.
    """
    schema = spec.options.get("schema")
    if not isinstance(schema, (dict, bool)):
        refuse(spec, "schema", "a JSON Schema (an object) is wanted", "schema: schema.json")
    _check_size(spec, schema)
    dialect = schema.get("$schema", _DEFAULT_DIALECT) if isinstance(schema, dict) else _DEFAULT_DIALECT
    found = validator_for({"$schema": dialect}, default=None) if isinstance(dialect, str) else None
    if found is None or not isinstance(dialect, str):
        fix = f'"$schema": "{_DEFAULT_DIALECT}"'
        refuse(spec, "schema", f"the dialect {dialect!r} is not known", fix)
    try:
        found.check_schema(schema)
    except SchemaError as error:
        refuse(spec, "schema", f"no valid schema: {clip(_sentence(error))}")
    _check_references(spec, schema, dialect)
    validator = found(schema, registry=Registry())
    _check_circles(spec, validator)
    return JsonSchema(name=spec.name, reader=reader_of(spec), validator=validator)


def _check_size(spec: MetricSpec, schema: JsonValue) -> None:
    deepest, open_parts = 0, [(schema, 1)]
    while open_parts:
        part, depth = open_parts.pop()
        deepest = max(deepest, depth)
        if depth > MAX_SCHEMA_DEPTH:
            refuse(spec, "schema", f"the schema nests deeper than {MAX_SCHEMA_DEPTH} levels")
        children = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        open_parts += [(child, depth + 1) for child in children]
    size = len(json.dumps(schema))
    if size > MAX_SCHEMA_CHARACTERS:
        refuse(spec, "schema", f"the schema is {size:,} characters long; {MAX_SCHEMA_CHARACTERS:,} are allowed")


def _check_references(spec: MetricSpec, schema: JsonValue, dialect: str) -> None:
    """Refuses a reference that leads out of the schema, before anything is asked of a model.

    References are followed, as they may lead to places where no schema is expected (`default`, `enum`).
    """
    specification = specification_with(dialect)
    resource: Resource[Any] = specification.create_resource(schema)
    identifier = resource.id() or ""
    registry: Registry[Any] = REGISTRY.with_resource(identifier, resource).crawl()
    open_parts = [(resource, registry.resolver(identifier))]
    seen = set()
    while open_parts:
        part, resolver = open_parts.pop()
        if id(part.contents) in seen or not isinstance(part.contents, dict):
            continue
        seen.add(id(part.contents))
        open_parts += [(sub, resolver.in_subresource(sub)) for sub in part.subresources()]
        for key in ("$ref", "$dynamicRef", "$recursiveRef"):
            reference = part.contents.get(key)
            if not isinstance(reference, str):
                continue
            try:
                found = resolver.lookup(reference)
            except Unresolvable:
                message = f"the reference '{clip(reference)}' leads to nothing in the schema; nothing is fetched"
                refuse(spec, "schema", message, "copy what it refers to under `$defs` and point there: #/$defs/name")
            open_parts.append((specification.create_resource(found.contents), found.resolver))


def _check_circles(spec: MetricSpec, validator: Validator) -> None:
    """Refuses a schema that refers to itself without looking further into the value."""
    probes: tuple[JsonValue, ...] = (None, True, 0, "", [], {})
    for probe in probes:
        try:
            next(iter(validator.iter_errors(probe)), None)
        except RecursionError:
            refuse(spec, "schema", "the schema refers to itself in a circle")


def _sentence(error: ValidationError | SchemaError) -> str:
    return f"{error.json_path}: {error.message}"
