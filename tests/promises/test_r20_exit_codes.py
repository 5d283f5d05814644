"""Every ending has its exit code, also behind a pipe; only 0 ships."""

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest
from bench import REPO, scripted, side

from evalkit.testing import Rule, ScriptedServer, answers, fails, hangs

ENDINGS = {
    "ship": (60, 90, (), {}, (), 0),
    "below": (60, 61, (), {}, (), 1),
    "regression": (90, 60, (), {}, (), 1),
    "no-headroom": (98, 100, (), {}, (), 1),
    "unsettled": (60, 64, (), {"gate": {"primary": {"metric": "exact", "unresolved": "inconclusive"}}}, (), 3),
    "limited": (60, 90, (), {}, ("--limit", "40"), 3),
    "inconclusive-as-fail": (60, 90, (), {}, ("--limit", "40", "--inconclusive-as", "fail"), 1),
    "same-model": (60, 60, (), {}, (), 4),
    "too-few": (10, 20, (), {"gate": {"primary": {"metric": "exact"}, "validity": {"min_n": 101}}}, (), 4),
    "errors": (60, 90, (Rule(behaviour=fails(400), match=lambda asked: asked.number % 5 == 0),), {}, (), 4),
    "bad-key": (60, 90, (Rule(behaviour=fails(401)),), {}, (), 5),
    "budget": (60, 90, (), {}, ("--max-requests", "50"), 5),
    "bad-metric": (60, 90, (), {"metrics": [{"name": "exact", "type": "exact_mach"}]}, (), 2),
    "bad-option": (60, 90, (), {}, ("--limmit", "3"), 2),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_ending_behind_a_pipe(bench, ending):
    base, tuned, rules, changes, arguments, code = ENDINGS[ending]
    with scripted(base, tuned, *rules) as server:
        suite = bench.write_suite(server.base_url, 100, **({"run": {"concurrency": 16}} | changes))
        line = shlex.join([sys.executable, "-m", "evalkit", "run", str(suite), "--json", *arguments])
        child = subprocess.run(
            ["bash", "-c", f'{line} | tee out.json; echo "${{PIPESTATUS[0]}}" >code'],
            cwd=bench.folder,
            env=os.environ | {"PYTHONPATH": str(REPO), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    assert (bench.folder / "code").read_text() == f"{code}\n", child.stderr
    document = json.loads((bench.folder / "out.json").read_text())
    assert document == json.loads(child.stdout)
    assert (document["exit_code"] == code) or "--inconclusive-as" in arguments
    assert (document["verdict"] == "ship") == (code == 0)
    assert document["reasons"]
    if code == 2:
        assert not (bench.folder / "reports").exists()


def test_a_missing_suite_is_a_usage_error(bench):
    assert bench.run(bench.folder / "nowhere.yaml").code == 2


def test_a_dead_server_is_an_execution_failure_and_is_left_alone(bench):
    with scripted(60, 90) as server:
        suite = bench.write_suite(server.base_url, 100)
    finished = bench.run(suite)
    assert finished.code == 5
    assert "Traceback" not in finished.err


def test_gate_repeats_the_verdict(bench):
    with scripted(60, 90) as server:
        bench.run(bench.write_suite(server.base_url, 100))
    again = bench.evalkit("gate", "colours")
    assert again.code == 0
    assert again.out.startswith("SHIP")
    verdict = next((bench.folder / "reports").glob("colours/2*/verdict.json"))
    verdict.write_text(verdict.read_text().replace('"exit_code": 0', '"exit_code": 1'))
    assert bench.evalkit("gate", "colours").code == 5
    verdict.unlink()
    assert bench.evalkit("gate", "colours").code == 2


def test_pipefail_hands_the_code_on(bench):
    with scripted(90, 60) as server:
        suite = bench.write_suite(server.base_url, 100)
        line = f"set -o pipefail; {sys.executable} -m evalkit run {suite} | tee out.txt"
        child = subprocess.run(
            ["bash", "-c", line],
            cwd=bench.folder,
            env={"PYTHONPATH": str(REPO), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
        )
    assert child.returncode == 1
    assert b"DON" in (bench.folder / "out.txt").read_bytes()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stopped_run_says_how_to_go_on(bench, name):
    with ScriptedServer(
        [Rule(behaviour=hangs(), match=lambda asked: asked.number > 60), side("base", answers("red"))]
    ) as server:
        suite = bench.write_suite(server.base_url, 100, run={"concurrency": 4})
        child = bench.start("run", suite, "--json")
        assert server.ledger.wait_for(lambda seen: "hang" in seen.kinds(), 60)
        child.send_signal(getattr(signal, name))
        # A second one does not wait for the answers that will never come.
        assert "stopping" in wait_for_line(child, "stopping")
        child.send_signal(getattr(signal, name))
        out, _ = child.communicate(timeout=10)
    assert child.returncode == 130
    assert not out or json.loads(out)["verdict"] == "error"
    assert not (bench.folder / "reports").exists()


def wait_for_line(child, word):
    for line in child.stderr:
        if word in line:
            return line
    return ""
