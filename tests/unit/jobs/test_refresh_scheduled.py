"""A scheduled refresh stops where people take over; its recipes are what docs/recipes show, and their steps run."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from bench import REPO
from refresh_desk import DATE, Shop

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.refresh.policy import RECIPES, read_policy
from evalkit.jobs.refresh.release import release
from evalkit.jobs.refresh.unattended import unattended

FILES = {"cron": "cron.txt", "systemd": "systemd.txt", "github": "github.yml", "k8s": "kubernetes.yaml"}


@pytest.fixture
def shop(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    found = Shop(bench)
    found.write("refresh.yaml", "suite: suite/suite.yaml\nlogs: [logs.jsonl]\nsize: 20\n")
    return found


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


def test_it_goes_up_to_the_queue_and_a_second_run_changes_nothing(shop, capsys):
    assert execute(["refresh", "run", "--summary", "out.md", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["counts"]["waiting"] == document["counts"]["new"] == 20
    assert document["next_step"].startswith("evalkit refresh label --from")
    assert "New samples in refresh/" in (shop.folder / "out.md").read_text()
    before = files(shop.root), files(shop.suite.parent)
    shop.rows("logs.jsonl", shop.production[::-1])  # the log has grown since
    assert execute(["refresh", "run"]) == 0
    assert before == (files(shop.root), files(shop.suite.parent))
    assert not (shop.suite.parent / "versions").exists()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("suite: s\nlog: [a]\n", "refresh.yaml:2:1"),
        ("suite: s\nlogs: [a]\nsize: 0\n", "refresh.yaml:3:7"),
        ("suite: s\nlogs: [a]\nsize: true\n", "refresh.yaml:3:7"),
        ("suite: 3\nlogs: [a]\n", "refresh.yaml:1:8"),
        ("suite: s\nlogs: []\n", "refresh.yaml:2:7"),
        ("suite: s\nlogs: [a]\nsince_days: soon\n", "refresh.yaml:3:13"),
        ("suite: s\nlogs: [a]\napprovals: 0\n", "refresh.yaml:3:12"),
    ],
)
def test_a_mistake_in_the_policy_has_its_place(shop, text, place):
    path = shop.write("refresh.yaml", text)
    with pytest.raises(UsageError) as told:
        read_policy(path)
    assert place in str(told.value)


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_shown_are_the_recipes_printed(name, capsys):
    assert execute(["refresh", "run", "--print", name]) == 0
    assert capsys.readouterr().out == (REPO / "docs/recipes" / FILES[name]).read_text()


def test_a_recipe_names_the_policy_and_unknown_schedulers_are_usage(capsys):
    assert execute(["refresh", "run", "--print", "cron", "--policy", "evals/mine.yaml"]) == 0
    assert "--policy evals/mine.yaml" in capsys.readouterr().out
    assert execute(["refresh", "run", "--print", "airflow"]) == 2


def test_the_workflow_and_the_cron_job_are_what_their_schedulers_read():
    workflow = yaml.safe_load(RECIPES["github"])
    assert workflow[True]["schedule"] == [{"cron": "17 6 * * 1"}]  # YAML 1.1 reads `on` as true
    assert workflow["jobs"]["refresh"]["steps"][3]["run"] == commands("github")[1]
    job = yaml.safe_load(RECIPES["k8s"])
    assert (job["kind"], job["spec"]["concurrencyPolicy"]) == ("CronJob", "Forbid")


def commands(name):
    """The shell steps of a recipe."""
    if name == "github":
        return [step["run"] for step in yaml.safe_load(RECIPES[name])["jobs"]["refresh"]["steps"] if "run" in step]
    if name == "k8s":
        job = yaml.safe_load(RECIPES[name])["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        return job["containers"][0]["args"]
    if name == "cron":
        return [re.search(r"1  (.*)", RECIPES[name]).group(1)]
    return [re.search(r"ExecStart=(.*)", RECIPES[name]).group(1)]


@pytest.mark.parametrize("name", RECIPES)
def test_the_shell_steps_of_a_recipe_run(name, shop):
    """With pip, git push and gh as stand-ins that write down how they were called."""
    tools = shop.folder / "tools"
    tools.mkdir()
    for tool, line in {
        "evalkit": f'exec "{sys.executable}" -m evalkit "$@"',
        "pip": 'echo "pip $*" >> calls',
        "gh": 'echo "gh $*" >> calls; grep -q "New samples" "${@: -1}"',
    }.items():
        (tools / tool).write_text(f"#!/bin/bash\n{line}\n")
        (tools / tool).chmod(0o755)
    git = "git init -q -b main . && git init -q --bare ../origin.git && git remote add origin ../origin.git\n"
    script = git + "\n".join(commands(name)).replace("/srv/evals", str(shop.folder))
    environment = os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(REPO), "RUNNER_TEMP": str(shop.folder / "temp"),
        "GIT_CONFIG_GLOBAL": os.devnull}  # fmt: skip
    done = subprocess.run(
        ["bash", "-ec", script], cwd=shop.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(shop.root.glob("*/queue.jsonl"))
    if name == "github":
        assert "gh pr create" in (shop.folder / "calls").read_text()
        kept = subprocess.run(
            ["git", "ls-files"], cwd=shop.folder, capture_output=True, text=True, check=True, env=environment
        ).stdout
        assert "queue.jsonl" in kept
        assert "sampled.jsonl" not in kept


def test_a_refresh_that_brought_nothing_does_not_hold_up_the_next(shop):
    shop.rows("logs.jsonl", [{"text": row["text"]} for row in shop.samples])
    policy = read_policy(shop.folder / "refresh.yaml")
    first, _ = unattended(policy, shop.root, "2026-11-23", shop.folder / "reports")
    assert (first.counts["new"], first.next_step) == (0, "")
    again, _ = unattended(policy, shop.root, "2026-11-23", shop.folder / "reports")
    assert again == first
    shop.rows("logs.jsonl", shop.production)
    later, _ = unattended(policy, shop.root, "2026-11-30", shop.folder / "reports")
    assert (later.folder.name, later.counts["new"]) == ("2026-11-30", 20)
    kept, _ = unattended(policy, shop.root, "2026-12-07", shop.folder / "reports")
    assert kept.folder == later.folder


def test_a_policy_that_names_an_older_version_is_told_the_newest(shop, capsys, monkeypatch):
    with shop.desk() as desk:
        shop.to_approval(desk)
        release(desk, "minor")
    before = files(shop.root)
    monkeypatch.setattr("evalkit.jobs.refresh.unattended.rot", lambda _options: pytest.fail("measured for nothing"))
    assert execute(["refresh", "run"]) == 2
    assert "help: name that one: suite/versions/1.1.0/suite.yaml" in capsys.readouterr().err
    assert files(shop.root) == before
    assert [path.name for path in shop.root.iterdir() if path.is_dir()] == [DATE]
    monkeypatch.undo()
    monkeypatch.chdir(shop.folder)
    shop.write("refresh.yaml", "suite: suite/versions/1.1.0/suite.yaml\nlogs: [logs.jsonl]\nsize: 20\n")
    assert execute(["refresh", "run"]) == 0
