import pytest

from evalkit.errors import UsageError
from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample

ANY = Sample(id="1", fields={})
TICKET = {
    "type": "object",
    "required": ["intent", "urgency"],
    "additionalProperties": False,
    "properties": {"intent": {"enum": ["refund", "bug"]}, "urgency": {"type": "integer", "minimum": 1}},
}


def make(schema, field=None, **options):
    return build(
        MetricSpec(name="schema", type="json_schema", field=field, options={"schema": schema, **options}, line=9), ()
    )


@pytest.mark.parametrize(
    ("answer", "value", "is_answered"),
    [
        ('{"intent": "bug", "urgency": 2}', 1.0, True),
        ('{"intent": "bug", "urgency": 2.0}', 1.0, True),
        ('{"intent": "bug"}', 0.0, True),
        ('{"intent": "bug", "urgency": true}', 0.0, True),
        ('{"intent": "bug", "urgency": 2, "urgency": 3}', 0.0, False),
        ("[]", 0.0, True),
        ("bug", 0.0, False),
        ("", 0.0, False),
        ("[" * 100_000, 0.0, False),
    ],
)
def test_fits_or_does_not(answer, value, is_answered):
    found = make(TICKET).score(answer, ANY)
    assert (found.value, found.is_answered) == (value, is_answered)
    assert bool(found.evidence.get("errors")) == (value == 0.0)


def test_the_first_three_errors_say_where_and_are_clipped():
    schema = {"items": {"type": "integer"}}
    found = make(schema).score('["' + "x" * 5_000 + '", "b", "c", "d"]', ANY)
    errors = found.evidence["errors"]
    assert len(errors) == 3
    assert errors[1] == '$[1]: "b" is not of type "integer"'
    assert all(len(error) <= 200 for error in errors)


def test_a_field_and_a_fence_are_looked_into():
    assert make({"type": "integer"}, field="a.b").score('{"a": {"b": 1}}', ANY).value == 1.0
    assert not make({"type": "integer"}, field="a.b").score('{"a": 1}', ANY).is_answered
    fenced = '```json\n{"intent": "bug", "urgency": 1}\n```'
    assert make(TICKET).score(fenced, ANY).value == 0.0
    assert make(TICKET, extract="fenced").score(fenced, ANY).value == 1.0


def test_the_dialect_is_the_schemas_own_and_2020_12_without_one():
    tuple_of_old = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}
    assert make(tuple_of_old).score('["x"]', ANY).value == 0.0
    assert make({"prefixItems": [{"type": "integer"}]}).score('["x"]', ANY).value == 0.0


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}},
        {"$ref": "#x", "$defs": {"a": {"$anchor": "x", "type": "integer"}}},
        {"$id": "http://example.invalid/s", "$ref": "#/$defs/a~1%62", "$defs": {"a/b": {"type": "integer"}}},
        {"$ref": "#/anyOf/1", "anyOf": [True, {"type": "integer"}]},
        {"items": {"$ref": ""}, "type": ["array", "integer"]},
        {
            "$id": "http://a.invalid/",
            "$ref": "#/$defs/b",
            "$defs": {"b": {"$id": "b", "$ref": "#/$defs/c", "$defs": {"c": {"type": "integer"}}}},
        },
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [{"$ref": "#/definitions/x"}],
            "definitions": {"x": {"type": "integer"}},
        },
    ],
)
def test_references_inside_the_schema_work(schema):
    assert make(schema).score("1", ANY).value == 1.0
    assert make(schema).score('"x"', ANY).value == 0.0


def nested(depth):
    schema = {}
    for _ in range(depth):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (None, "an object"),
        ("schema.json", "an object"),
        ({"type": "objekt"}, r"\$\.type: there is no type 'objekt'"),
        ({"minimum": "1"}, r"no valid schema: \$\.minimum"),
        ({"$schema": "http://example.invalid/x"}, "dialect 'http://example.invalid/x' is not known"),
        ({"$schema": 5}, "dialect 5 is not known"),
        ({"$ref": "#"}, "circle"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}, "circle"),
        (nested(40), "deeper than 32"),
        ({"description": "x" * 70_000}, "64,000 are allowed"),
    ],
)
def test_schemas_that_cannot_work_are_refused_before_anything_is_asked(schema, message):
    with pytest.raises(UsageError, match=message) as caught:
        make(schema)
    assert caught.value.diagnostics[0].line == 9


def test_recursive_schemas_work_and_hidden_circles_are_refused():
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}
    assert make(tree).score('{"next": ' * 20 + "{}" + "}" * 20, ANY).value == 1.0
    late = {"properties": {"a": {"$ref": "#/$defs/loop"}}, "$defs": {"loop": {"$ref": "#/$defs/loop"}}}
    with pytest.raises(UsageError, match="circle"):
        make(late)


def test_half_a_character_is_no_json():
    found = make({"type": "string"}).score('"\\ud83d"', ANY)
    assert (found.value, found.is_answered) == (0.0, False)


def test_places_are_written_as_json_path():
    schema = {"additionalProperties": {"items": {"type": "null"}}}
    assert make(schema).score('{"odd key": [1]}', ANY).evidence["errors"] == [
        "$['odd key'][0]: 1 is not of type \"null\""
    ]


def test_booleans_are_schemas():
    assert make(True).score("1", ANY).value == 1.0
    assert make(False).score("1", ANY).value == 0.0


def test_formats_are_not_checked_in_any_dialect():
    for dialect in ("http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"):
        assert make({"$schema": dialect, "format": "email"}).score('"no address"', ANY).value == 1.0
