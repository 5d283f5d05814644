"""A metric, a backend and a check, each written as somebody outside would write it, and used by a real run."""

import json
import os
import re
import sys
from pathlib import Path

import address_check
import command_backend
import pytest
import similarity_metric
from bench import LABELS, REPO, Bench, label_of, scripted

from evalkit.testing.contracts import BackendContract, CheckContract, MetricContract
from evalkit.types import CheckSpec, MetricSpec, ModelSpec, Sample

HERE = Path(__file__).parent
EXAMPLES = ("similarity_metric", "command_backend", "address_check")
ENTRY_POINTS = """\
[evalkit.metrics]
similarity = similarity_metric:make
[evalkit.backends]
command = command_backend:Command
[evalkit.checks]
addresses = address_check:Addresses
"""


class TestSimilarity(MetricContract):
    @pytest.fixture
    def metric(self):
        return similarity_metric.make(MetricSpec(name="close", type="similarity", options={"ignore_case": True}), ())

    @pytest.fixture
    def sample(self):
        return Sample(id="s", fields={}, target="Right")


class TestCommand(BackendContract):
    @pytest.fixture
    def backend(self):
        options = {"command": [sys.executable, "-c", "print('ok')"]}
        return command_backend.Command(ModelSpec(role="baseline", backend="command", options=options), timeout_s=5)


class TestAddresses(CheckContract):
    @pytest.fixture
    def check(self):
        return address_check.Addresses(CheckSpec(type="addresses"))


@pytest.fixture
def installed(tmp_path):
    """The examples as an installed distribution, and a bench whose evalkit sees it."""
    site = tmp_path / "site"
    info = site / "evalkit_examples-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evalkit-examples\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    for name in EXAMPLES:
        (site / f"{name}.py").write_text((HERE / f"{name}.py").read_text())
    return Bench(tmp_path), {"PYTHONPATH": os.pathsep.join((str(REPO), str(site)))}


def test_all_three_take_part_in_a_run(installed):
    bench, env = installed
    say = "import sys; n = int(sys.stdin.read().split()[1]); print({!r}[n % 3 if n < {} else (n + 1) % 3])"
    models = {
        role: {"backend": "command", "command": [sys.executable, "-c", say.format(LABELS, limit)]}
        for role, limit in (("baseline", 15), ("candidate", 40))
    }
    changes = {
        "models": models,
        "metrics": [{"name": "close", "type": "similarity", "ignore_case": True}],
        "gate": {"primary": {"metric": "close", "min_delta": 5.0}},
        "checks": {"plugins": [{"type": "addresses", "action": "clean"}]},
    }
    suite = bench.write_suite("http://127.0.0.1:1/v1", n=44, **changes)
    rows = [{"id": f"s{i}", "text": f"item {i}", "label": label_of(i)} for i in range(44)]
    rows[7]["text"] += " from ann@example.org"
    (suite.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = bench.evalkit("run", suite, "--json", env=env)
    assert done.code == 0, done.err
    document = done.document
    assert document["primary"]["n"] == 43, "the sample with an address was left out"
    assert document["checks"] == [
        {
            "check": "addresses",
            "from": "evalkit-examples 1.2",
            "action": "clean",
            "found": 1,
            "detail": "1 samples hold an e-mail address",
            "samples": {"s7": "ann@example.org"},
        }
    ]
    assert document["provenance"]["plugins"] == {
        "backends/command": "evalkit-examples 1.2",
        "metrics/similarity": "evalkit-examples 1.2",
        "checks/addresses": "evalkit-examples 1.2",
    }
    page = (bench.folder / "reports" / "colours" / document["run"] / "report.html").read_text()
    assert "1 samples hold an e-mail address" in page
    assert "addresses (evalkit-examples 1.2)" in page


def test_a_finding_can_fail_a_run(installed):
    bench, env = installed
    with scripted(20, 40) as server:
        checks = {"plugins": [{"type": "addresses", "action": "fail"}]}
        suite = bench.write_suite(server.base_url, n=40, checks=checks)
        file = suite.parent / "samples.jsonl"
        file.write_text(file.read_text().replace('"part": "a"', '"part": "bo@example.org"', 1))
        done = bench.evalkit("run", suite, "--json", env=env)
    assert (done.code, done.document["verdict"]) == (4, "invalid")
    assert "CHECK_FAILED" in [reason["code"] for reason in done.document["reasons"]]


def test_names_nobody_brings_are_told_with_their_place(installed):
    bench, env = installed
    checks = {"plugins": [{"type": "adresses"}]}
    metrics = [{"name": "exact", "type": "similarly"}]
    suite = bench.write_suite("http://127.0.0.1:1/v1", checks=checks, metrics=metrics)
    done = bench.evalkit("run", suite, env=env)
    assert done.code == 2
    assert (
        "checks.plugins[0].type: no installed package brings a check 'adresses' (did you mean 'addresses'?)" in done.err
    )
    assert "did you mean 'similarity'?" in done.err
    assert not (bench.folder / "reports").exists()


def test_a_broken_plugin_is_an_error_that_names_its_package(installed, tmp_path):
    bench, env = installed
    (tmp_path / "site" / "address_check.py").write_text("import nothing_like_it\n")
    suite = bench.write_suite("http://127.0.0.1:1/v1", checks={"plugins": [{"type": "addresses"}]})
    done = bench.evalkit("run", suite, env=env)
    assert done.code == 2
    assert (
        "the check 'addresses' from evalkit-examples 1.2 cannot be loaded: No module named 'nothing_like_it'"
        in done.err
    )


def test_the_guide_shows_the_examples_as_they_are_tested():
    guide = (REPO / "docs" / "plugins.md").read_text()
    shown = re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
    assert [text.strip() for text in shown[:3]] == [(HERE / f"{name}.py").read_text().strip() for name in EXAMPLES]
    assert all(len(text.splitlines()) <= 30 for text in shown)


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        (
            "address_check",
            "class Addresses:\n def __init__(self, spec): pass\n def inspect(self, suite): 1 / 0\n",
            "the check 'addresses' from evalkit-examples 1.2 failed with ZeroDivisionError",
        ),
        (
            "similarity_metric",
            "def make(spec, samples):\n    return spec.options['depth']\n",
            "the metric 'similarity' from evalkit-examples 1.2 failed with KeyError",
        ),
    ],
)
def test_a_plugin_that_fails_is_named_before_anything_is_asked(installed, tmp_path, name, source, told):
    bench, env = installed
    (tmp_path / "site" / f"{name}.py").write_text(source)
    with scripted(20, 40) as server:
        metrics = [{"name": "exact", "type": "exact_match"}, {"name": "close", "type": "similarity"}]
        changes = {"metrics": metrics, "checks": {"plugins": [{"type": "addresses"}]}}
        suite = bench.write_suite(server.base_url, n=40, **changes)
        done = bench.evalkit("run", suite, env=env)
        assert not server.ledger.chats
    assert done.code == 2
    assert told in done.err


def test_a_metric_that_returns_nonsense_scores_nothing_and_is_named(installed, tmp_path):
    bench, env = installed
    source = "class Odd:\n    name = 'close'\n    def score(self, answer, sample):\n        return 0.5\n"
    source += "def make(spec, samples):\n    return Odd()\n"
    (tmp_path / "site" / "similarity_metric.py").write_text(source)
    with scripted(20, 40) as server:
        metrics = [{"name": "exact", "type": "exact_match"}, {"name": "close", "type": "similarity"}]
        suite = bench.write_suite(server.base_url, n=40, metrics=metrics)
        done = bench.evalkit("run", suite, "--json", env=env)
    assert done.code == 0, done.err
    assert (
        "The metric 'close' failed itself on 40 answers of the candidate (it returned a float, first on sample "
        "'s0000'): unscored." in done.document["warnings"]
    )
