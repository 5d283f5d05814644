"""Metrics that look for a form or a rule of their own need no target; all others do."""

import json

import pytest

from evalkit.errors import UsageError
from evalkit.suites.load import load_suite

RULES = [
    {"type": "refusal", "expect": "refuse"},
    {"type": "regex", "pattern": "^a"},
    {"type": "length", "max": 9},
    {"type": "contains", "text": "a"},
    {"type": "not_contains", "text": ["a", "b"]},
]


def suite(folder, metric):
    (folder / "samples.jsonl").write_text('{"id": "1", "q": "x"}\n{"id": "2", "q": "y"}\n')
    model = {"backend": "openai_compatible", "base_url": "http://127.0.0.1:9/v1"}
    document = {
        "version": 1,
        "name": "rules",
        "dataset": {"path": "samples.jsonl", "id": "id", "prompt": "{{ q }}"},
        "models": {"baseline": model | {"model": "a"}, "candidate": model | {"model": "b"}},
        "metrics": [{"name": "rule"} | metric],
        "gate": {"primary": {"metric": "rule"}},
    }
    (folder / "suite.yaml").write_text(json.dumps(document))
    return load_suite(folder)


@pytest.mark.parametrize("metric", RULES, ids=lambda metric: metric["type"])
def test_a_rule_needs_no_target(tmp_path, metric):
    assert len(suite(tmp_path, metric).samples) == 2


@pytest.mark.parametrize("metric", [{"type": "accuracy"}, {"type": "contains"}, {"type": "not_contains"}])
def test_a_comparison_does(tmp_path, metric):
    with pytest.raises(UsageError, match="target is missing"):
        suite(tmp_path, metric)


@pytest.mark.parametrize(("kind", "is_fine"), [("tool_call", True), ("accuracy", False)])
def test_targets_that_are_all_null_say_something_to_a_metric_of_tool_calls_only(folder, kind, is_fine):
    folder.edit("type: f1, average: macro, field: intent", f"type: {kind}")
    folder.write("samples.jsonl", '{"ticket_id": "t1", "text": "Where?", "label": null, "lang": "en"}\n')
    if is_fine:
        assert folder.load().samples[0].target is None
    else:
        with pytest.raises(UsageError, match=r"suite.yaml:8:11: dataset.target: 'label' is null in every row"):
            folder.load()
