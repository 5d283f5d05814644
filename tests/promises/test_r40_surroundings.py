"""A run talks to the endpoints of its suite and to nobody else; what is installed is what was built."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from bench import REPO, scripted

from evalkit.testing import Behaviour, Rule, ScriptedServer
from evalkit.testing.behaviours import MODELS_PATH

WATCHED = """
import json, sys
seen = []
NAMES = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
         "subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "urllib.Request",
         "http.client.connect", "ftplib.connect", "smtplib.connect", "webbrowser.open")
def watch(event, arguments):
    if event in NAMES:
        seen.append([event, *map(repr, arguments[1:] if event == "socket.connect" else arguments)])
sys.addaudithook(watch)
file, sys.argv = sys.argv[1], ["evalkit", *sys.argv[2:]]
from evalkit.__main__ import main
try:
    main()
finally:
    with open(file, "w") as out:
        json.dump(seen, out)
"""


def watched(bench, *arguments, **more):
    """What a whole command, imports included, asks of the network and of other programs: [[event, arguments …]]."""
    file = bench.folder / "seen.json"
    child = subprocess.run(
        [sys.executable, "-c", WATCHED, file, *map(str, arguments)],
        cwd=bench.folder,
        env=os.environ | {"PYTHONPATH": str(REPO), "NO_COLOR": "1", "DO_NOT_TRACK": "0"} | more,
        capture_output=True,
        text=True,
        check=False,
    )
    return child, json.loads(file.read_text())


def test_a_run_connects_to_its_endpoint_only_and_listens_nowhere(bench):
    with scripted(20, 50) as server:
        child, seen = watched(bench, "run", bench.write_suite(server.base_url, 60), "--no-cache")
        assert child.returncode == 0, child.stderr
        connected = {tuple(event) for event in seen if event[0] != "subprocess.Popen"}
        assert connected == {("socket.connect", f"('127.0.0.1', {server.port})")}
    # The one program besides: git is asked at which commit the suite is, and may run nothing of the repository's.
    (started,) = [event for event in seen if event[0] == "subprocess.Popen"]
    assert started[1] == "'git'"
    words = started[2].strip("[]").split(", ")
    assert {"'status'", "'core.fsmonitor=false'", "'core.hooksPath=/dev/null'"} <= set(words)


@pytest.mark.parametrize("command", [["report", "colours"], ["gate", "colours"], ["--help"], ["schema"]])
def test_the_other_verbs_connect_to_nothing(bench, command):
    with scripted(20, 50) as server:
        if command[-1] == "colours":
            bench.run(bench.write_suite(server.base_url, 60))
    child, seen = watched(bench, *command)
    assert child.returncode == 0, child.stderr
    assert seen == []


@pytest.mark.parametrize(
    ("key", "value", "refused"),
    [
        ("dataset.path", '"hf://nobody/nothing?split=test"', "is not on this machine"),
        (
            "metrics.0",
            '{"name": "exact", "type": "hf_evaluate", "metric": "squad_v2", "key": "f1"}',
            "would be downloaded",
        ),
    ],
)
def test_libraries_of_a_hub_ask_it_nothing(bench, key, value, refused):
    pytest.importorskip("evaluate")
    suite = bench.write_suite("http://127.0.0.1:9/v1")
    # A home of its own: what the libraries once asked for they keep there for a day.
    child, seen = watched(bench, "check", suite, "--set", f"{key}={value}", HF_HOME=bench.folder / "hub")
    assert child.returncode == 2, child.stderr
    assert refused in child.stderr
    # urllib3 tries, while it is loaded, whether this machine has an address ::1.
    assert [
        event for event in seen if event[0].startswith(("socket", "http", "urllib")) and "'::1'" not in str(event)
    ] == []


def test_a_redirect_is_not_followed(bench, monkeypatch):
    monkeypatch.setenv("SENTINEL_KEY", "sk-sentinel-0123456789")
    with ScriptedServer([]) as elsewhere:
        moved = Behaviour(kind="moved", status=307, headers={"location": f"{elsewhere.base_url}/chat/completions"})
        for path in ("/v1/chat/completions", MODELS_PATH):
            with scripted(20, 50, Rule(behaviour=moved, path=path)) as server:
                entry = {"backend": "openai_compatible", "base_url": server.base_url, "api_key_env": "SENTINEL_KEY"}
                models = {"baseline": entry | {"model": "base"}, "candidate": entry | {"model": "tuned"}}
                finished = bench.run(bench.write_suite(server.base_url, 30, models=models), "--no-cache")
            # An endpoint that will not list its models may still answer; one that moves its answers may not.
            assert finished.code in ({4, 5} if path != MODELS_PATH else {0, 1, 5}), finished.err
        assert elsewhere.ledger.entries == ()


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org", "10.0.0.5"])
def test_plain_http_to_another_machine_is_refused_before_anything_is_sent(bench, host):
    suite = bench.write_suite(f"http://{host}:8000/v1", 40)
    child, seen = watched(bench, "run", suite)
    assert child.returncode == 5
    assert "plain http to another machine" in child.stderr
    assert "allow_http: true" in child.stderr
    assert seen == []


BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


def test_two_builds_are_one_wheel_and_nothing_in_it_runs_by_itself(tmp_path):
    digests = set()
    for number, umask in ((1, 0o022), (2, 0o077)):
        # Another folder, other times and rights: what may differ from machine to machine.
        tree, out = tmp_path / f"tree{number}", tmp_path / f"out{number}"
        tree.mkdir(mode=0o755)
        for name in ("pyproject.toml", "README.md", "hatch_build.py"):
            shutil.copyfile(REPO / name, tree / name)
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("evalkit", "judges"):
            shutil.copytree(REPO / name, tree / name, copy_function=shutil.copyfile, ignore=ignored)
        subprocess.run(
            [sys.executable, "-c", BUILD, out],
            cwd=tree,
            check=True,
            umask=umask,
            env=os.environ | {"SOURCE_DATE_EPOCH": "1577836800"},
        )
        (wheel,) = out.glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
        names = zipfile.ZipFile(wheel).namelist()
    assert len(digests) == 1
    assert "evalkit/cli/app.py" in names
    assert [name for name in names if name.endswith((".pth", ".egg-link", ".so")) or "sitecustomize" in name] == []
    assert {name.split("/")[0].split("-")[0] for name in names} == {"evalkit", "evalkit_gate"}
