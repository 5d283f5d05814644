"""What json_schema and tool_call found wrong, as counts of a run."""

import json

from evalkit.compare.findings import SHOWN, Findings
from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample

SCHEMA = {
    "required": ["tags"],
    "properties": {"tags": {"items": {"enum": ["a", "b"]}}, "n": {"type": "integer"}},
}


def metric_of(kind, samples=(), **options):
    return build(MetricSpec(name=kind, type=kind, field=None, line=1, options=options), samples)


def counted(metric, pairs, target=None):
    """Findings over (baseline's text, candidate's text), scored by the metric itself."""
    sample = Sample(id="s", fields={}, target=target)
    found = Findings({metric.name: metric.name, "exact": "exact_match"})
    rows = []
    for texts in pairs:
        row = {"scores": {metric.name: {}, "exact": {"baseline": 0.0}}}
        for side, text in zip(("baseline", "candidate"), texts, strict=True):
            score = metric.score(text, sample)
            row[side] = {"text": text}
            row["scores"][metric.name] |= {side: score.value, f"{side}_evidence": dict(score.evidence)}
        rows.append(row)
    assert list(found.watching(rows)) == rows
    return {row["finding"]: (row["baseline"], row["candidate"]) for row in found.told()}


def test_misfits_are_counted_by_path_and_answers_by_how_they_could_be_read():
    good, fenced = '{"tags": ["a"]}', '```json\n{"tags": ["a"]}\n```'
    twice = '{"tags": ["z", "y"], "n": "1"}'
    found = counted(
        metric_of("json_schema", schema=SCHEMA),
        [(good, good), (twice, fenced), ('{"tags": ["z"]}', "no idea"), ("{}", good), ("", '{"tags": [')],
    )
    assert found == {
        "JSON": (4, 2),
        "JSON inside of a fence or other text": (0, 1),
        "no JSON that can be read": (1, 2),
        "does not fit at $.tags[*]": (2, 0),  # once an answer, whichever members are wrong
        "does not fit at $": (1, 0),
        "does not fit at $.n": (1, 0),
    }
    assert list(found)[:3] == ["JSON", "JSON inside of a fence or other text", "no JSON that can be read"]


def test_with_fences_read_both_rates_are_still_told():
    fenced = '```json\n{"tags": ["z"]}\n```'
    found = counted(metric_of("json_schema", schema=SCHEMA, extract="fenced"), [(fenced, '{"tags": []}')])
    assert found == {
        "JSON": (0, 1),
        "JSON inside of a fence or other text": (1, 0),
        "no JSON that can be read": (0, 0),
        "does not fit at $.tags[*]": (1, 0),
    }


def test_calls_are_counted_by_what_is_wrong_with_them():
    right, other, made_up = '{"name": "add", "arguments": {}}', '{"name": "sub"}', '{"name": "fly"}'
    target = {"name": "add", "arguments": {}}
    metric = metric_of("tool_call", [Sample(id="s", fields={}, target=target)], tools=["add", "sub"])
    found = counted(metric, [(right, other), ("in words", made_up), ('{"name": ', f"[{right}, {other}]")], target)
    assert found == {
        "another call than was asked for": (0, 2),
        "a call that nobody asked for": (0, 1),
        "a call that was asked for is missing": (1, 0),
        "a call that cannot be read": (1, 0),
        "calls 'fly', which is no tool there is": (0, 1),
    }


def test_of_many_paths_the_frequent_ones_are_listed_and_the_rest_added_up():
    schema = {"additionalProperties": {"type": "integer"}}
    pairs = [(json.dumps({f"k{i}": "x"}), "{}") for i in range(SHOWN + 5)] + [('{"k24": "x"}', "{}")]
    found = counted(metric_of("json_schema", schema=schema), pairs)
    assert list(found)[3] == "does not fit at $.k24"
    assert len(found) == 3 + SHOWN + 1
    assert found["5 further findings, added up"] == (5, 0)
