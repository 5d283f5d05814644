"""The CI recipes, their shell steps run as they stand: action.yml, the GitHub lines, GitLab's and Jenkins' scripts."""

import os
import re
import stat
import subprocess
import sys

import pytest
import yaml
from bench import REPO, scripted

ACTION = yaml.safe_load((REPO / "action.yml").read_text())
STEPS = {step.get("id") or step["name"]: step for step in ACTION["runs"]["steps"]}


@pytest.fixture
def workspace(bench):
    """A checkout with a suite in it, evalkit on the PATH, and a runner's environment."""
    tools = bench.folder / "tools"
    tools.mkdir()
    for name, words in (("evalkit", "-m evalkit "), ("python", "")):
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    for name in ("summary", "output"):
        (bench.folder / name).touch()
    return {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPO),
        "NO_COLOR": "1",
        "RUNNER_TEMP": str(tools),
        "GITHUB_OUTPUT": str(bench.folder / "output"),
        "GITHUB_STEP_SUMMARY": str(bench.folder / "summary"),
        "GITHUB_ACTION_PATH": str(REPO),
    }


def shell(script, folder, environment):
    # As GitHub runs it: https://docs.github.com/actions/reference/workflow-syntax-for-github-actions (shell: bash)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def act(bench, environment, **inputs):
    """The action's own steps, in order; (exit code of the last, outputs, everything it printed)."""
    given = {name: spec.get("default", "") for name, spec in ACTION["inputs"].items()} | inputs
    outputs, printed = {}, ""
    for key in ("run", "Tell the verdict"):
        known = {f"inputs.{n}": v for n, v in given.items()} | {f"steps.run.outputs.{n}": v for n, v in outputs.items()}
        named = {
            name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], value)  # noqa: B023 - used at once
            for name, value in STEPS[key]["env"].items()
        }
        ended = shell(STEPS[key]["run"], bench.folder, environment | named)
        printed += ended.stdout + ended.stderr
        lines = (bench.folder / "output").read_text().splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
    return ended.returncode, outputs, printed


@pytest.mark.parametrize(("tuned", "wanted", "verdict"), [(190, 0, "ship"), (60, 1, "dont_ship")])
def test_the_action_ends_as_the_verdict_and_leaves_a_summary(bench, workspace, tuned, wanted, verdict):
    with scripted(120, tuned) as server:
        suite = bench.write_suite(server.base_url, 200)
        code, outputs, printed = act(bench, workspace, suite="suite", args="--max-requests 5000")
    assert (code, outputs["exit-code"], outputs["verdict"]) == (wanted, str(wanted), verdict), printed
    assert (bench.folder / outputs["folder"] / "report.html").is_file()
    summary = (bench.folder / "summary").read_text()
    assert summary.startswith("> [!TIP]" if wanted == 0 else "> [!CAUTION]")
    assert summary.splitlines()[-1] == "<!-- evalkit:colours -->"
    assert ("::error file=suite/suite.yaml,line=" in printed) == (wanted == 1)
    assert suite.is_file()


def test_inconclusive_passes_only_where_the_action_is_told_so(bench, workspace):
    with scripted(120, 132) as server:
        bench.write_suite(
            server.base_url, 200, gate={"primary": {"metric": "exact", "min_delta": 5.0, "evidence": "margin"}}
        )
        assert act(bench, workspace, suite="suite")[0] == 3
        code, outputs, printed = act(bench, workspace, suite="suite", inconclusive="pass")
    assert (code, outputs["verdict"]) == (0, "inconclusive")
    assert "::warning file=suite/suite.yaml" in printed


def test_a_suite_that_is_none_fails_the_job_and_says_so(bench, workspace):
    code, outputs, printed = act(bench, workspace, suite="nowhere.yaml")
    assert (code, outputs["folder"], outputs["verdict"]) == (2, "", "error")
    assert "nowhere.yaml" in printed
    assert "no report (exit code 2)" in (bench.folder / "summary").read_text()


def test_shellcheck_can_read_what_is_said_to_it():
    """Words behind a directive make it an error (SC1072), and nothing of the step is checked."""
    told = [line.strip() for line in (REPO / "action.yml").read_text().splitlines() if "# shellcheck" in line]
    assert told
    assert all(re.fullmatch(r"# shellcheck disable=SC\d+( #.*)?", line) for line in told)


def test_every_input_is_used_and_none_is_written_into_a_script():
    scripts = [step["run"] for step in STEPS.values() if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]  # a name of a branch would be run as a command
    text = (REPO / "action.yml").read_text()
    assert [name for name in ACTION["inputs"] if f"inputs.{name}" not in text] == []


def recipes():
    gitlab = yaml.safe_load((REPO / "docs/ci/gitlab-ci.yml").read_text())["evalkit"]
    yield "gitlab", "\n".join(gitlab["script"])
    jenkins = (REPO / "docs/ci/Jenkinsfile").read_text()
    yield "jenkins", re.search(r"script: '''\n(.*?)'''", jenkins, re.DOTALL)[1].replace(".venv/bin/", "")
    guide = (REPO / "docs/ci.md").read_text()
    yield "github", re.search(r"<!-- run -->\n```sh\n(.*?)```", guide, re.DOTALL)[1]


@pytest.mark.parametrize(("name", "script"), list(recipes()), ids=[name for name, _ in recipes()])
def test_a_recipes_script_fails_with_the_verdicts_code(bench, workspace, name, script):
    with scripted(120, 60) as server:
        bench.write_suite(server.base_url, 200)
        ended = shell(script, bench.folder, workspace | {"SUITE": "suite"})
    assert ended.returncode == 1, ended.stderr
    assert len(list(bench.folder.glob("reports/*/latest/junit.xml"))) == 1
    if name == "gitlab":
        recipe = yaml.safe_load((REPO / "docs/ci/gitlab-ci.yml").read_text())["evalkit"]
        after = shell("\n".join(recipe["after_script"]), bench.folder, workspace)
        assert after.returncode == 0
        assert (bench.folder / recipe["artifacts"]["reports"]["junit"]).is_file()


def test_a_run_that_fails_is_not_passed_by_the_report_of_an_earlier_one(bench, workspace):
    script = dict(recipes())["github"]
    with scripted(120, 190) as server:
        bench.write_suite(server.base_url, 200)
        assert shell(script, bench.folder, workspace | {"SUITE": "suite"}).returncode == 0
    assert shell(script, bench.folder, workspace | {"SUITE": "nowhere.yaml"}).returncode == 2


def test_the_comments_script_edits_its_own_comment_and_makes_one_where_there_is_none(bench, workspace):
    steps = yaml.safe_load((REPO / "docs/ci/github-comment.yml").read_text())["jobs"]["gate"]["steps"]
    script = steps[-1]["run"]
    gh = bench.folder / "tools" / "gh"
    gh.write_text('#!/bin/sh\necho "$@" >> calls\ncase "$*" in *--paginate*) printf "%s" "$FOUND" ;; esac\n')
    gh.chmod(0o755)
    (bench.folder / "run").mkdir()
    (bench.folder / "run" / "summary.md").write_text("> [!TIP]\n\n<!-- evalkit:colours -->\n")
    more = {"FOLDER": "run", "PULL": "7", "GITHUB_REPOSITORY": "o/r"}
    for found, wanted in (
        ("", "--method POST repos/o/r/issues/7/comments"),
        ("41\n", "--method PATCH repos/o/r/issues/comments/41"),
    ):
        (bench.folder / "calls").unlink(missing_ok=True)
        ended = shell(script, bench.folder, workspace | more | {"FOUND": found})
        calls = (bench.folder / "calls").read_text()
        assert ended.returncode == 0, ended.stderr
        assert 'contains("<!-- evalkit:colours -->")' in calls
        assert f"api {wanted} --field body=@run/summary.md" in calls
