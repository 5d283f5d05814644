import socket
import threading

import pytest

from evalkit.errors import UsageError
from evalkit.metrics import structure
from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample, Unscored

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
    assert errors[1] == "$[1]: 'b' is not of type 'integer'"
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
        {"$id": "http://example.invalid/s", "$ref": "part", "$defs": {"a": {"$id": "part", "type": "integer"}}},
        {
            "$id": "http://example.invalid/s",
            "$ref": "http://example.invalid/s#/$defs/a",
            "$defs": {"a": {"type": "integer"}},
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


@pytest.fixture
def listener():
    """A port that counts who knocks."""
    knocks = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            knocks.append(1)
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/schema", knocks
    stop.set()
    thread.join()
    server.close()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda url: {"$ref": url},
        lambda url: {"$ref": url + "#/definitions/a"},
        lambda url: {"properties": {"a": {"items": {"$ref": url}}}},
        lambda url: {"$id": url, "$ref": "other"},
        lambda url: {"$dynamicRef": url},
        lambda url: {"not": {"anyOf": [{"$ref": url}]}},
        lambda url: {"$defs": {"unused": {"$ref": url}}},
        lambda url: {"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {"a": {"$ref": url}}},
        lambda url: {"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": "#", "$ref": url},
        lambda url: {"$schema": url},
        lambda url: {"properties": {"a": {"$ref": "#/default"}}, "default": {"$ref": url}},
        lambda url: {"properties": {"a": {"$ref": "#/x-ours/b"}}, "x-ours": {"b": {"not": {"$ref": url}}}},
        lambda _: {"$ref": "file:///etc/passwd"},
        lambda _: {"$ref": "#/$defs/absent"},
        lambda _: {"$ref": "other.json"},
    ],
)
def test_nothing_is_ever_fetched(wrap, listener):
    url, knocks = listener
    with pytest.raises(UsageError, match=r"leads to nothing|not known") as caught:
        make(wrap(url))
    assert caught.value.diagnostics[0].line == 9
    assert knocks == []


def test_a_reference_hidden_where_schemas_do_not_stand_is_not_followed(listener):
    url, knocks = listener
    metric = make({"enum": [{"$ref": url}], "default": {"$ref": url}})
    assert metric.score('{"$ref": "x"}', ANY).value == 0.0
    assert knocks == []


def test_the_validator_itself_could_not_fetch_either(listener, monkeypatch):
    url, knocks = listener
    monkeypatch.setattr(structure, "_check_references", lambda *_: None)
    metric = make({"properties": {"a": {"$ref": url}}})
    assert metric.score('{"a": 1}', ANY) == Unscored(metric="schema", why="schema_broken")
    assert knocks == []


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
        ({"type": "objekt"}, r"no valid schema: \$.type"),
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


def test_recursive_schemas_work_and_circles_found_late_are_no_zero():
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}
    assert make(tree).score('{"next": ' * 20 + "{}" + "}" * 20, ANY).value == 1.0
    late = {"properties": {"a": {"$ref": "#/$defs/loop"}}, "$defs": {"loop": {"$ref": "#/$defs/loop"}}}
    assert make(late).score('{"a": 1}', ANY) == Unscored(metric="schema", why="schema_broken")


def test_booleans_are_schemas():
    assert make(True).score("1", ANY).value == 1.0
    assert make(False).score("1", ANY).value == 0.0
