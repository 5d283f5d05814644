"""However a run is stopped, the embedded engine it started is gone soon after."""

import json
import time
from pathlib import Path

import pytest
from warm import warm

__all__ = ["warm"]  # a fixture

pytestmark = pytest.mark.model
MODEL = {"backend": "local", "model": "smollm2-135m-instruct", "slots": 2, "context": 256, "threads": 1}


def engines(parent):
    """Process ids of the running engines that `parent` started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            command = (stat.parent / "cmdline").read_bytes()
            state, ppid = stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(ppid) == parent and state != "Z" and b"local/process.py" in command:
            found.append(int(stat.parent.name))
    return found


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(is_so, within_s):
    deadline = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(
    ("word", "signals", "code"),
    [
        ("loading", ["SIGTERM"], 130),
        ("evalkit: baseline", ["SIGTERM"], 130),
        ("loading", ["SIGINT", "SIGINT"], 130),
        ("evalkit: baseline", ["SIGKILL"], -9),
    ],
)
def test_no_engine_outlives_its_run(bench, warm, word, signals, code):
    models = {"baseline": MODEL | {"system": "Name the colour."}, "candidate": MODEL | {"threads": 2}}
    suite = bench.write_suite("", 40, models=models, run={"concurrency": 2})
    child = warm.start(bench.folder, "run", suite, "--no-cache", "--json")
    assert child.says(word, 60)
    assert wait_until(lambda: engines(child.pid), 30)
    started = engines(child.pid)
    for name in signals:
        child.send(name)
        assert name == "SIGKILL" or child.says("stopping", 2)
    assert child.wait() == code, child.err
    if len(signals) == 1 and code == 130:
        assert not [pid for pid in started if is_alive(pid)]
        assert json.loads(child.out)["verdict"] == "error"
    # Whoever leaves without a word leaves it to the engine to notice that its pipe has closed.
    assert wait_until(lambda: not [pid for pid in started if is_alive(pid)], 10)
