"""json_schema: the answer is JSON of the right shape, or it is not."""

from __future__ import annotations

from msgspec import Struct

from evalkit.metrics.match import clip, reader_of
from evalkit.metrics.options import refuse
from evalkit.metrics.read import Reader, Unreadable, lookup, read_json
from evalkit.metrics.schemas import Schema, SchemaProblem, TooCostly, ready
from evalkit.types import MetricSpec, Sample, Score, Scored, Unscored


class JsonSchema(Struct, frozen=True, kw_only=True):
    """1.0 when the answer parses as JSON and fits the schema, else 0.0. Needs no target.

    The evidence of a misfit is `errors`: the first three, each with the path it stands at. `format` is not
    checked, as the standard has it. References are looked up in the schema itself; nothing is ever fetched.
    """

    name: str
    reader: Reader
    schema: Schema

    def score(self, answer: str, sample: Sample) -> Score:  # noqa: ARG002 - a shape needs no target
        """Scored 0.0 or 1.0; Unscored(schema_too_costly) where so large an answer would take so large a schema long."""
        found = read_json(answer, self.reader.extract)
        if self.reader.field is not None and not isinstance(found, Unreadable):
            found = lookup(found, self.reader.field)
        if isinstance(found, Unreadable):
            return self._unreadable(found.why)
        try:
            errors = self.schema.errors(found, len(answer))
        except TooCostly:
            return Unscored(metric=self.name, why="schema_too_costly")
        except UnicodeEncodeError:
            return self._unreadable("no JSON: \\u escapes that are half a character")
        if errors:
            return Scored(metric=self.name, value=0.0, evidence={"errors": [clip(error) for error in errors]})
        return Scored(metric=self.name, value=1.0)

    def _unreadable(self, why: str) -> Scored:
        return Scored(metric=self.name, value=0.0, is_answered=False, evidence={"errors": [clip(why)]})


def build_json_schema(spec: MetricSpec) -> JsonSchema:
    """`json_schema` from its entry, whose `schema` option is the schema itself, already read.

    Raises UsageError when the schema is missing or one that `schemas.ready` refuses.
    """
    try:
        schema = ready(spec.options.get("schema"))
    except SchemaProblem as problem:
        refuse(spec, "schema", str(problem), problem.fix)
    return JsonSchema(name=spec.name, reader=reader_of(spec), schema=schema)
