"""Templates: each task is a whole suite that loads, and what `init` promises holds for them, too."""

import json
from pathlib import Path

import pytest

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.planning.plan import PlanOptions, plan
from evalkit.jobs.running.run import load_all
from evalkit.jobs.starting.guards import READY
from evalkit.jobs.starting.init import init
from evalkit.jobs.starting.templates import TEMPLATES

SUITES = Path(__file__).parents[3] / "suites"
DRAWN_FROM = {"triage": "review-triage", "extraction": "entities", "support": "support-replies"}
ALL_GUARDS = ",".join(READY)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("task", TEMPLATES)
def test_each_is_a_whole_suite_whose_plan_can_be_made(place, task):
    made = init(place, task=task)
    assert made.written[-1] == place / "suite.yaml"
    assert sorted(str(p.relative_to(place)) for p in made.written) == files(place)
    assert {".gitignore", "CARD.md", "samples.jsonl", "shots.jsonl", "suite.yaml"} <= set(files(place))
    suite = load_all(place / "suite.yaml").main
    assert suite.name == task
    assert 40 <= len(suite.samples) <= 42
    assert all(spec.backend == "local" and spec.prompt.shots for spec in suite.models.values())
    assert suite.models["baseline"].prompt.system != suite.models["candidate"].prompt.system
    document = plan(PlanOptions(suite_path=place / "suite.yaml"))
    assert document["requests"]["to_send"] == 2 * len(suite.samples)


@pytest.mark.parametrize("task", TEMPLATES)
def test_its_samples_are_drawn_from_the_suite_and_it_is_small(place, task):
    init(place, task=task)
    source = set(lines(SUITES / DRAWN_FROM.get(task, task) / "samples.jsonl"))
    drawn = lines(place / "samples.jsonl")
    assert set(drawn) <= source
    assert len(set(drawn)) == len(drawn)
    assert sum(p.stat().st_size for p in place.rglob("*") if p.is_file()) < 60_000
    assert "REPLACE" in (place / "suite.yaml").read_text()
    licence = "CC BY 4.0" if task == "triage" else "Apache-2.0"
    assert licence in (place / "CARD.md").read_text()


@pytest.mark.parametrize("task", TEMPLATES)
def test_its_prompts_and_schema_are_the_suites(place, task):
    init(place, task=task)
    home = SUITES / DRAWN_FROM.get(task, task)
    same = [*sorted((place / "prompts").iterdir()), *place.glob("*.json"), place / "shots.jsonl"]
    assert all(path.read_bytes() == (home / path.relative_to(place)).read_bytes() for path in same)


@pytest.mark.parametrize("task", TEMPLATES)
def test_ready_made_guards_join_those_it_has(place, task):
    init(place, list(READY), task)
    loaded = load_all(place / "suite.yaml")
    assert [suite.name for suite in loaded.guards.values()] == list(READY)
    assert len(loaded.main.gate.guards) > len(READY)


def test_without_a_task_it_is_the_starter(place):
    init(place / "a")
    init(place / "b", task=None)
    assert (place / "a/suite.yaml").read_text() == (place / "b/suite.yaml").read_text()
    assert "name: starter" in (place / "a/suite.yaml").read_text()


def test_a_task_there_is_not(place):
    wanted = r"no template .extracting. \(did you mean .extraction.\?\).*triage(.|\n)*--list"
    with pytest.raises(UsageError, match=wanted):
        init(place, task="extracting")
    with pytest.raises(UsageError, match="there is no template ''"):
        init(place, task="")
    assert files(place) == []


@pytest.mark.parametrize("said", ["function_calls", " Function-Calls ", "function calls"])
def test_a_name_may_be_said_another_way(place, said):
    init(place, task=said)
    assert load_all(place / "suite.yaml").main.name == "function-calls"


def test_a_suite_that_is_there_is_in_the_way(place):
    (place / "suite.yaml").write_text("mine")
    with pytest.raises(UsageError, match="overwrites nothing"):
        init(place, ["refusal"], "sql")
    assert files(place) == ["suite.yaml"]


def test_the_list_names_each_with_what_it_does_and_writes_nothing(place, capsys):
    assert execute(["init", "--list"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {task.name} " in told and task.about in told for task in TEMPLATES.values())
    assert max(map(len, told.splitlines())) <= 80
    assert execute(["init", "--list", "--json"]) == 0
    assert [task["name"] for task in json.loads(capsys.readouterr().out)["tasks"]] == list(TEMPLATES)
    assert files(place) == []


def test_from_the_command_line(place, capsys):
    assert execute(["init", "mine", "--task", "sql", "--guards", ALL_GUARDS]) == 0
    told = capsys.readouterr().out
    assert "evalkit run mine" in told
    assert max(map(len, told.splitlines())) <= 80
    assert execute(["init", "mine2", "--task", "nonsense"]) == 2
    assert "evalkit init --list" in capsys.readouterr().err
    assert not (place / "mine2").exists()
