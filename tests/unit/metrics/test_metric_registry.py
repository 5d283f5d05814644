import subprocess
import sys

import pytest

from evalkit.errors import UsageError
from evalkit.metrics.catalogue import known_types, option_names
from evalkit.metrics.registry import BUILDERS, build
from evalkit.protocols import Metric
from evalkit.types import MetricSpec, Sample

HELD = (Sample(id="1", fields={}, target="a"), Sample(id="2", fields={}, target="b"))
NEEDED = {"json_schema": {"schema": {"type": "string"}}, "regex": {"pattern": "a"}, "length": {"max": 3}}


def test_the_catalogue_and_the_factories_name_the_same_types():
    assert set(known_types()) == set(BUILDERS)
    assert known_types() == tuple(sorted(known_types()))
    with pytest.raises(KeyError):
        option_names("blue")


@pytest.mark.parametrize("metric_type", sorted({*known_types()} - {"hf_evaluate"}))  # needs a script: its own tests
def test_every_type_builds_a_metric_and_refuses_unknown_options(metric_type):
    options = NEEDED.get(metric_type, {})
    held = () if metric_type == "tool_call" else HELD  # whose targets are calls
    metric = build(MetricSpec(name="mine", type=metric_type, options=options), held)
    assert isinstance(metric, Metric)
    assert metric.name == "mine"
    with pytest.raises(UsageError, match=f"metric 'mine', extrct: {metric_type} has no such option") as caught:
        build(MetricSpec(name="mine", type=metric_type, options={"extrct": "fenced"}, line=4), held)
    assert caught.value.diagnostics[0].help == "did you mean 'extract'?"
    with pytest.raises(UsageError, match=r"extract: 'fence' is not one of strict, fenced"):
        build(MetricSpec(name="mine", type=metric_type, options=options | {"extract": "fence"}), held)


def test_an_option_like_no_other_is_answered_with_the_list():
    with pytest.raises(UsageError, match="exact_match takes extract, normalize"):
        build(MetricSpec(name="mine", type="exact_match", options={"zzz": 1}), HELD)


@pytest.mark.parametrize(
    ("wrong", "help_"), [("exactmatch", "did you mean 'exact_match'?"), ("zzz", "there are accuracy, ")]
)
def test_an_unknown_type_is_refused_with_what_there_is(wrong, help_):
    with pytest.raises(UsageError, match=f"no metric is called '{wrong}'") as caught:
        build(MetricSpec(name="mine", type=wrong, line=7), HELD)
    assert caught.value.diagnostics[0].line == 7
    assert caught.value.diagnostics[0].help.startswith(help_)


def test_the_catalogue_imports_nothing_heavy():
    code = "import sys, evalkit.metrics.catalogue; print({'numpy', 'scipy', 'jsonschema_rs'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
