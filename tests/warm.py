"""A process with evalkit imported that forks one for each command: real processes, without a second of imports each.

Run as a script it reads one JSON line a command, `{"arguments", "folder", "out", "err", "trap"}`, and answers with
the child's process id and, once it has ended, its exit code (negative: the signal that ended it).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[1]


WARM_UP_SUITE = """
version: 1
name: warm
dataset: {path: samples.jsonl, id: id, prompt: "{{ text }}", target: label}
models: {baseline: {backend: outputs, path: base.jsonl}, candidate: {backend: outputs, path: tuned.jsonl}}
metrics: [{name: exact, type: exact_match}]
gate: {primary: {metric: exact, min_delta: 5.0}}
"""


@dataclass(frozen=True)
class Trap:
    """What befalls the child at the `nth` call of a function: a point of the program, not of the clock."""

    file: str
    """The end of the module's path: `run/engine.py`."""
    function: str
    nth: int = 1
    name: str = "SIGTERM"
    """A signal it sends itself, or CRASH: an error that nobody foresaw."""


class Child:
    """One evalkit command in a process of its own."""

    def __init__(self, warm: Warm, pid: int, out: Path, err: Path) -> None:
        self._warm = warm
        self._out, self._err = out, err
        self.pid = pid
        self.code: int | None = None

    @property
    def out(self) -> str:
        return self._out.read_text("utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text("utf-8") if self._err.exists() else ""

    def send(self, name: str) -> None:
        os.kill(self.pid, getattr(signal, name))

    def says(self, word: str, within_s: float) -> bool:
        """True as soon as stderr holds `word`."""
        deadline = time.monotonic() + within_s
        while word not in self.err:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        self.code = self._warm.answer() if self.code is None else self.code
        return self.code


class Warm:
    """Starts commands, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(REPO), "NO_COLOR": "1"},
        )
        self._count = 0
        self._child: Child | None = None

    def start(self, folder: Path, *arguments: str | Path, **more: Any) -> Child:
        """Starts `evalkit ARGUMENTS` in `folder`.

        `trap`; `out` and `err`: paths to use instead of new files; `ignored`: names of signals; `closed`: file numbers;
        `env`: variables to set.
        """
        self.finish()
        self._count += 1
        trap = more.pop("trap", None)
        command = {
            "arguments": [*map(str, arguments)],
            "folder": str(folder),
            "out": str(more.pop("out", folder / f"{self._count}.out")),
            "err": str(more.pop("err", folder / f"{self._count}.err")),
            "trap": trap.__dict__ if trap else None,
            **more,
        }
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        self._child = Child(self, self.answer(), Path(command["out"]), Path(command["err"]))
        return self._child

    def answer(self) -> int:
        return int(self._process.stdout.readline())

    def finish(self) -> None:
        """Ends the command that a failed test has left behind."""
        if self._child is not None and self._child.code is None:
            self._child.send("SIGKILL")
            self._child.wait()

    def close(self) -> None:
        self.finish()
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def warm():
    process = Warm()
    yield process
    process.close()


def set_trap(file: str, function: str, nth: int, name: str) -> None:
    """`name`: a signal to send, or CRASH to raise an error that nobody foresaw."""
    calls = 0

    def watch(frame, event, _):
        nonlocal calls
        if event == "call" and frame.f_code.co_name == function and frame.f_code.co_filename.endswith(file):
            calls += 1
            if calls == nth:
                sys.setprofile(None)
                if name == "CRASH":
                    raise RuntimeError("crashed on purpose")
                os.kill(os.getpid(), getattr(signal, name))

    sys.setprofile(watch)


def become(command: dict) -> None:
    """Turns this process into the one asked for; does not return."""
    os.setsid()
    os.chdir(command["folder"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(command[name], flags), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler if name == signal.SIGINT else signal.SIG_DFL)
    for name in command.get("ignored", ()):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    for number in command.get("closed", ()):
        os.close(number)
    os.environ.update(command.get("env", {}))
    sys.argv = ["evalkit", *command["arguments"]]
    if command["trap"]:
        set_trap(**command["trap"])
    importlib.import_module("evalkit.__main__").main()


def warm_up() -> None:
    """One whole run of recorded answers, so that templates are compiled and schemas built before the first fork."""
    home, output = Path.cwd(), os.dup(1)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.dup2(2, 1)
        rows = [
            {"id": str(i), "text": f"item {i}", "label": "red", "output": ("red", "blue")[i % 2]} for i in range(40)
        ]
        Path("samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for side in ("base", "tuned"):
            answers = [{"id": row["id"], "output": row["output"] if side == "base" else "red"} for row in rows]
            Path(f"{side}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
        Path("suite.yaml").write_text(WARM_UP_SUITE)
        code = importlib.import_module("evalkit.cli.app").execute(["run", "suite.yaml", "-q"])
        os.dup2(output, 1)
        os.chdir(home)
    if code != 0:
        raise SystemExit(code)


def serve() -> None:
    package = importlib.import_module("evalkit")
    for module in pkgutil.walk_packages(package.__path__, "evalkit."):
        if not module.name.endswith(".process") and not module.name.startswith("evalkit.testing"):
            importlib.import_module(module.name)
    warm_up()
    gc.freeze()  # a collection in the child would touch, and so copy, every page
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
        answers.write(f"{pid}\n")
        _, status = os.waitpid(pid, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    serve()
