"""A suite is data: nothing in its folder is imported, compiled or run, and nothing is unpickled."""

import ast
import json
import pickle
import tomllib
from pathlib import Path

import pytest
from bench import REPO
from watch import watching

from evalkit.cli.app import execute
from evalkit.jobs.running.run import load_all

BAIT = ("suite.py", "conftest.py", "metrics.py", "evalkit_plugin.py", "prompts/__init__.py", "setup.py", "schema.py")
EVENTS = (
    "exec",
    "compile",
    "import",
    "open",
    "pickle.find_class",
    "marshal.loads",
    "ctypes.dlopen",
    "subprocess.Popen",
)
SUITES = sorted((REPO / "suites").glob("*/suite.yaml"))
UNSAFE_NAMES = {"eval", "exec", "__import__", "execfile"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle", "torch"}


@pytest.fixture
def baited(folder):
    """A suite whose folder is full of code that tells when it runs."""
    for name in BAIT:
        folder.write(name, "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n")
    folder.write("samples.pkl", pickle.dumps([1]))
    folder.write("cache.so", b"\x7fELF")
    return folder


def touched(watch, tree):
    """What Python compiled, imported or ran that lies in the tree, and which of its files it opened."""
    inside = []
    for event, what in watch.seen:
        name = getattr(what, "co_filename", what)
        if isinstance(name, str) and name and name[0] != "<" and Path(name).resolve().is_relative_to(tree):
            inside.append((event, Path(name).name))
    ran = [pair for pair in inside if pair[0] not in {"open", "import"}]
    return ran, {name for event, name in inside if event == "open"}


def test_nothing_of_the_suite_is_run(baited):
    with watching(*EVENTS) as watch:
        load_all(Path("suite.yaml"))
        assert execute(["lock", "suite.yaml"]) == 0
    ran, opened = touched(watch, baited.path)
    assert ran == []
    assert {"suite.yaml", "samples.jsonl"} <= opened
    assert not {name for name in opened if name.endswith((".py", ".pyc", ".pkl", ".so"))}
    assert list(baited.path.rglob("*.ran")) == []
    imported = {name.split(".")[0] for name in watch.names("import")}
    assert not imported & {Path(name).stem for name in BAIT}


def test_nothing_of_a_suite_is_run_by_a_whole_run(baited):
    samples = [json.loads(line)["ticket_id"] for line in (baited.path / "samples.jsonl").read_text().splitlines()]
    for name in ("base", "tuned"):
        rows = [{"id": sample, "output": "{}" if name == "base" else '{"intent": "billing"}'} for sample in samples]
        baited.write(f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with watching(*EVENTS) as watch:
        recorded = [
            f"models.{role}={json.dumps({'backend': 'outputs', 'path': f'{name}.jsonl'})}"
            for role, name in (("baseline", "base"), ("candidate", "tuned"))
        ]
        code = execute(["run", "suite.yaml", "-q", "--set", recorded[0], "--set", recorded[1]])
    assert code in {0, 1, 3, 4}
    ran, opened = touched(watch, baited.path)
    # The one program of a run is the git of this machine, asked at which commit the suite is.
    assert set(ran) <= {("subprocess.Popen", "git")}
    assert {"suite.yaml", "samples.jsonl", "base.jsonl", "tuned.jsonl"} <= opened
    assert list(baited.path.rglob("*.ran")) == []


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.parent.name)
def test_nothing_of_the_suites_of_this_repository_is_run(suite):
    with watching(*EVENTS) as watch:
        load_all(suite)
    assert touched(watch, REPO / "suites")[0] == []


def test_the_witness_sees_code_that_runs(baited):
    path = baited.path / "suite.py"
    with watching(*EVENTS) as watch:
        exec(compile(path.read_text(), str(path), "exec"), {"__file__": str(path)})  # noqa: S102 - the bait, on purpose
    assert [event for event, _ in touched(watch, baited.path)[0]] == ["compile", "exec"]
    assert (baited.path / "suite.ran").exists()


@pytest.mark.parametrize("value", ["code.py", "metrics:Score", "suite.Metric", "./suite.py", "file:suite.py"])
@pytest.mark.parametrize("key", ["metrics.0.type", "models.candidate.backend"])
def test_no_name_in_a_suite_reaches_code(baited, capsys, key, value):
    assert execute(["run", "suite.yaml", "--set", f"{key}={value}"]) == 2
    assert "not available" in (told := capsys.readouterr().err) or "there is no backend" in told
    assert list(baited.path.rglob("*.ran")) == []


def test_the_package_holds_no_way_to_run_data():
    found = []
    for path in (REPO / "evalkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {node.id} & UNSAFE_NAMES if isinstance(node, ast.Name) else set()
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path.name}:{node.lineno}" for _ in names]
            found += [f"{path.name}: {name}" for name in modules if name.split(".")[0] in UNSAFE_MODULES]
    assert found == []
    ruff = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert ruff["select"] == ["ALL"]
    assert not [rule for rule in ruff["ignore"] if rule.startswith("S")]
