"""`gate.primary` with one metric or several."""

import pytest

from evalkit.errors import UsageError

PRIMARY = "primary: {metric: intent_f1, min_delta: 5.0}"


def test_several_metrics_decide_together(folder):
    folder.edit(PRIMARY, "primary: {metrics: [schema, intent_f1], require: any, min_delta: 3}")
    folder.edit("    - {metric: schema, margin: 1.0}", "    - {kind: cost}")
    primary = folder.load().gate.primary
    assert (primary.metrics, primary.require, primary.min_delta) == (("schema", "intent_f1"), "any", 3.0)
    assert folder.load().gate.primary_alpha == 0.025


def test_one_metric_stays_as_it_was(folder):
    gate = folder.load().gate
    assert gate.primary.metrics == ("intent_f1",)
    assert gate.primary_alpha == gate.alpha


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("metrics: [schema, intent_f], require: all", "gate.primary.metrics[1]: no metric is named 'intent_f'"),
        ("metrics: [schema, intent_f1]", "how many of these metrics must pass?"),
        ("metrics: [schema, schema], require: all", "named twice"),
        ("metrics: [schema], require: all", "gate.primary.metrics"),
        ("metric: schema, metrics: [schema, intent_f1], require: all", "name the metric that decides"),
        ("min_delta: 5", "name the metric that decides"),
        ("metric: schema, require: all", "`require` is about several metrics"),
        ("metrics: [schema, intent_f1], require: most", "gate.primary.require"),
        ("metrc: schema", "unknown key 'gate.primary.metrc' (did you mean"),
    ],
)
def test_mistakes_are_told_with_their_place(folder, keys, told):
    folder.edit(PRIMARY, f"primary: {{{keys}}}")
    with pytest.raises(UsageError) as caught:
        folder.load()
    assert told in str(caught.value)
    assert str(caught.value).startswith("suite.yaml:18:")
