"""No pattern and no schema makes scoring hang: answers are checked in linear time, or the schema is refused."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.metrics.registry import build
from evalkit.metrics.schemas import MAX_PARTS
from evalkit.types import MetricSpec, Sample, Scored, Unscored

CORPUS = Path(__file__).parents[1] / "corpora" / "schemas" / "patterns.jsonl"
CASES = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
EVIL = [case for case in CASES if "is_refused" not in case]
REFUSED = [case["pattern"] for case in CASES if "is_refused" in case]
ANY = Sample(id="1", fields={})
SIZE = 10_000
LIMIT_S = 1.0


def metric(schema):
    return build(MetricSpec(name="schema", type="json_schema", options={"schema": schema}, line=9), ())


def timed(metric, value):
    answer = json.dumps(value)
    started = time.thread_time()
    score = metric.score(answer, ANY)
    return score, time.thread_time() - started


def test_there_are_at_least_twenty_evil_patterns():
    assert len({case["pattern"] for case in EVIL}) >= 20


@pytest.mark.parametrize("case", EVIL, ids=lambda case: case["pattern"])
@pytest.mark.parametrize("keyword", ["pattern", "patternProperties", "propertyNames"])
def test_an_evil_pattern_is_scored_at_once(case, keyword):
    pattern = case["pattern"]
    schema, wrap = {
        "pattern": ({"pattern": pattern}, lambda text: text),
        "patternProperties": ({"patternProperties": {pattern: {"type": "null"}}}, lambda text: {text: 1}),
        "propertyNames": ({"propertyNames": {"pattern": pattern}}, lambda text: {text: 1}),
    }[keyword]
    made = metric(schema)
    text = case["unit"] * (SIZE // len(case["unit"])) + case["end"]
    score, spent_s = timed(made, wrap(text))
    assert isinstance(score, Scored)
    assert spent_s <= LIMIT_S


@pytest.mark.parametrize("case", EVIL, ids=lambda case: case["pattern"])
def test_an_evil_pattern_of_the_regex_metric_is_scored_at_once(case):
    made = build(MetricSpec(name="form", type="regex", options={"pattern": case["pattern"]}, line=9), ())
    text = case["unit"] * (SIZE // len(case["unit"])) + case["end"]
    started = time.thread_time()
    score = made.score(text, ANY)
    assert isinstance(score, Scored)
    assert time.thread_time() - started <= LIMIT_S


@pytest.mark.parametrize("pattern", REFUSED)
def test_a_pattern_that_cannot_be_linear_is_refused_with_its_place(pattern, folder):
    text = json.dumps({"type": "object", "properties": {"a": {"pattern": pattern}}}, indent=1)
    folder.write("schema.json", text)
    with pytest.raises(UsageError) as caught:
        folder.load()
    (found,) = caught.value.diagnostics
    assert (found.path, found.line) == ("schema.json", 5)
    assert found.source[found.column - 1 :].startswith(json.dumps(pattern))
    assert "$.properties.a.pattern" in found.message
    assert found.help


def chain(keyword, n):
    """n definitions that each name the one before twice: 2^n checks for who follows them."""
    twice = {f"d{i}": {keyword: [{"$ref": f"#/$defs/d{i - 1}"}] * 2} for i in range(1, n)}
    return {"$ref": f"#/$defs/d{n - 1}", "$defs": {"d0": {"type": "string"}, **twice}}


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_references_that_multiply_are_refused(keyword):
    with pytest.raises(UsageError, match=f"more than {MAX_PARTS:,} parts"):
        metric(chain(keyword, 40))
    score, spent_s = timed(metric(chain(keyword, 11)), 1)
    assert score.value == 0.0
    assert spent_s <= LIMIT_S


def nested(depth, leaf=1):
    for _ in range(depth):
        leaf = [leaf]
    return leaf


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "allOf"])
@pytest.mark.parametrize("reference", ["$ref", "$dynamicRef"])
def test_schemas_that_branch_into_themselves_are_scored_at_once(keyword, reference):
    ways = [{"items": {reference: "#me"}}, {"items": {reference: "#me"}, "minItems": 0}]
    schema = {"$dynamicAnchor": "me", "type": "array", keyword: ways}
    made = metric(schema)
    score, spent_s = timed(made, nested(60))
    assert (score.value, spent_s <= LIMIT_S) == (0.0, True)
    assert "too often to say where" in score.evidence["errors"][0]
    assert "is not" in timed(made, nested(2))[0].evidence["errors"][0]


def test_a_hundred_thousand_mistakes_are_told_in_one_sentence():
    score, spent_s = timed(metric({"items": {"type": "integer", "minimum": 1}}), ["x"] * 100_000)
    assert len(score.evidence["errors"]) == 1
    assert spent_s <= LIMIT_S


def test_an_answer_too_large_for_so_large_a_schema_is_no_zero():
    schema = {"items": {"anyOf": [{"const": str(i)} for i in range(1_500)]}}
    score, spent_s = timed(metric(schema), ["x"] * 100_000)
    assert score == Unscored(metric="schema", why="schema_too_costly")
    assert spent_s <= LIMIT_S


CHILD = """
import json, sys
from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample
for line in sys.stdin:
    schema, answer = json.loads(line)
    try:
        made = build(MetricSpec(name="s", type="json_schema", options={"schema": schema}), ())
        print(type(made.score(answer, Sample(id="1", fields={}))).__name__)
    except Exception as error:
        print(type(error).__name__)
"""


def test_depth_and_circles_end_in_words_never_in_a_dead_process():
    tree = {"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}}
    deep_schema = "x"
    for _ in range(900):
        deep_schema = {"not": deep_schema}
    cases = [
        (tree, "[" * 100_000 + "]" * 100_000),
        (tree, "[" * 100_000),
        (tree, '{"a":' * 100_000 + "1" + "}" * 100_000),
        (tree, "[" * 64 + "]" * 64),
        (deep_schema, "1"),
        ({"$ref": "#"}, "1"),
        ({"not": {"$ref": "#"}}, "1"),
        ({"$dynamicAnchor": "x", "anyOf": [{"$dynamicRef": "#x"}]}, "1"),
        ({"$defs": {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(900)}, "$ref": "#/$defs/d0"}, "1"),
        ({"type": "string"}, '"\\ud800"'),
        ({"multipleOf": 1e-300}, "1e308"),
        ({"minimum": 10**400}, "9" * 4_000),
    ]
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    child = subprocess.run([sys.executable, "-c", CHILD], input=lines, capture_output=True, text=True, check=False)
    assert (child.returncode, child.stderr) == (0, "")
    assert child.stdout.split() == [*["Scored"] * 4, *["OptionError"] * 5, *["Scored"] * 3]
