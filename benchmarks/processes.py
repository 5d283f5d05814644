"""Child processes and what they took: the command under test, and the mock server beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).resolve().parent
POLL_S = 0.05
TAIL = 2_000


class NotMeasuredError(Exception):
    """Why there is no figure, in words for the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended."""

    code: int
    wall_s: float
    """From just before the process was started to just after it had ended."""
    cpu_s: float
    """User and system time of the process and of the children it waited for."""
    peak_mb: float
    """The largest resident set of the process (VmHWM), in MB of 10^6 bytes; 0.0 when it ended before one look."""
    out: str
    err: str


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float = 300.0,
    watch: Callable[[int], None] | None = None,
) -> Ended:
    """The command, run to its end in `cwd`. Every 50 ms `watch` gets its process id.

    Raises NotMeasuredError when it cannot be started or takes longer than `timeout_s`; it is killed then, with the
    processes it started.
    """
    started = time.perf_counter()
    try:
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise NotMeasuredError(f"{command[0]} did not start: {error.strerror}") from error
    texts: dict[str, bytes] = {}
    readers = [
        threading.Thread(target=_drain, args=(pipe, name, texts))
        for name, pipe in (("out", child.stdout), ("err", child.stderr))
    ]
    for reader in readers:
        reader.start()
    ender = threading.Timer(timeout_s, os.killpg, (child.pid, signal.SIGKILL))
    ender.start()
    peak = _Peak(child.pid, watch)
    peak.start()
    try:
        _, status, usage = os.wait4(child.pid, 0)
    except BaseException:  # Ctrl-C reaches this process only: the child has a session of its own
        os.killpg(child.pid, signal.SIGKILL)
        raise
    wall_s = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for it again
    ender.cancel()
    peak.stop()
    for reader in readers:
        reader.join()
    if child.returncode == -signal.SIGKILL and wall_s >= timeout_s:
        raise NotMeasuredError(f"not done after {timeout_s:.0f} s")
    return Ended(
        code=child.returncode,
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=peak.mb,
        out=texts["out"].decode(errors="replace"),
        err=texts["err"].decode(errors="replace"),
    )


def _drain(pipe: Any, name: str, into: dict[str, bytes]) -> None:
    with pipe:
        into[name] = pipe.read()


class _Peak(threading.Thread):
    """Looks at a process every 50 ms until told to stop."""

    def __init__(self, pid: int, watch: Callable[[int], None] | None) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._watch = watch
        self._over = threading.Event()
        self.mb = 0.0

    def run(self) -> None:
        """The thread's work."""
        while not self._over.wait(POLL_S):
            self.mb = max(self.mb, memory_mb(self._pid, "VmHWM"))
            if self._watch is not None:
                self._watch(self._pid)

    def stop(self) -> None:
        """Ends the looking."""
        self._over.set()
        self.join()


def memory_mb(pid: int, field: str) -> float:
    """`VmRSS` (now) or `VmHWM` (the most so far) of a process in MB of 10^6 bytes; 0.0 when it has none any more."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def successful(ended: Ended, what: str, *, codes: Sequence[int] = (0,)) -> Ended:
    """`ended`, when its exit code is among `codes`. Raises NotMeasuredError with its last words when not."""
    if ended.code not in codes:
        words = " ".join((ended.err or ended.out)[-TAIL:].split())
        raise NotMeasuredError(f"{what} ended with exit code {ended.code}: {words[-300:]}")
    return ended


def plain_environment() -> dict[str, str]:
    """The caller's environment without what would make Python compile at every start or import other code."""
    dropped = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def evalkit(
    *arguments: str | Path,
    folder: Path,
    home: Path,
    watch: Callable[[int], None] | None = None,
    timeout_s: float = 300.0,
) -> Ended:
    """One evalkit command in a fresh process, its state in `home`, its reports below `folder`."""
    command = [sys.executable, "-m", "evalkit", *arguments]
    env = plain_environment() | {"EVALKIT_HOME": str(home), "NO_COLOR": "1"}
    return run(command, cwd=folder, env=env, timeout_s=timeout_s, watch=watch)


def script(name: str, *arguments: str | Path, folder: Path, timeout_s: float = 300.0) -> Any:
    """What one of the scripts beside this one prints as JSON. Raises NotMeasuredError when it fails."""
    command = [sys.executable, HERE / name, *arguments]
    ended = successful(run(command, cwd=folder, env=plain_environment(), timeout_s=timeout_s), name)
    return json.loads(ended.out.splitlines()[-1])


class MockServer:
    """The mock server as a process, for the length of a `with` block."""

    def __init__(self, python: Path, *, latency_ms: float, has_faults: bool = False) -> None:
        self._command = [str(python), str(HERE / "mock_server.py"), "--latency-ms", str(latency_ms)]
        if has_faults:
            self._command.append("--faults")
        self.port = 0
        self.loop = ""
        """`uvloop` or `asyncio`."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=plain_environment()
        )
        assert self._process.stdout is not None  # noqa: S101 - tells mypy what PIPE gives
        said = self._process.stdout.readline().split()
        if len(said) != 2:
            raise NotMeasuredError("the mock server did not start")
        self.port, self.loop = int(said[0]), said[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # the end of its input is its order to stop

    @property
    def cpu_s(self) -> float:
        """User and system time the server has taken so far (fields 14 and 15 of proc(5)'s stat)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}/v1"

    def counts(self) -> dict[str, int]:
        """Requests for answers that arrived and that were replied to, and requests for the list of models."""
        found: dict[str, int] = self._ledger("counts")
        return found

    def events(self) -> list[tuple[str, int, float, float, int]]:
        """(model, sample number, arrived, replied, status) of every request for an answer, in order of reply."""
        return [(str(m), int(n), float(a), float(r), int(s)) for m, n, a, r, s in self._ledger("events")]

    def _ledger(self, name: str) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", f"/ledger/{name}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()
