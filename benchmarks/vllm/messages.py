"""The backend `anthropic` against a real server that speaks the Messages API: vLLM's /v1/messages.

    python benchmarks/vllm/messages.py MODELS [SAMPLES]

with an interpreter that has vLLM and evalkit with its extra `anthropic`; MODELS is what unpack.py writes. Asks the
first SAMPLES (60) of suites/review-triage of base and adapter, once through each API of the same engine, answers held
to the suite's schema both ways, and prints both.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from probe import SUITE, plan

from evalkit.backends.vllm.engine import Engine

APIS = {"openai_compatible": "/v1", "anthropic": ""}


def main() -> None:
    """Both APIs of one engine."""
    models, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60
    print(asyncio.run(_asked(models, count)))


async def _asked(models: Path, count: int) -> str:
    engine = Engine(plan(models), ("bench",), lambda note: print(note, file=sys.stderr))
    running = await engine.start()
    try:
        rows = []
        for backend, path in APIS.items():
            url = f"{running.endpoint.url}{path}"
            rows.append(_row(backend, await asyncio.to_thread(_verdict, backend, url, running.key, count)))
    finally:
        await engine.release("bench")
    return "\n".join(
        [
            "| API | answers | baseline | candidate | tokens in and out, both sides | verdict |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


def _verdict(backend: str, url: str, key: str, count: int) -> dict[str, Any]:
    """verdict.json of one run."""
    with tempfile.TemporaryDirectory(prefix="evalkit-vllm-messages-") as folder:
        suite = Path(shutil.copytree(SUITE.parent, f"{folder}/suite")) / SUITE.name
        lines = suite.read_text(encoding="utf-8").splitlines()  # a server has the adapter as a model of its own
        suite.write_text("\n".join(one for one in lines if not one.startswith("    adapter:")), encoding="utf-8")
        command = [sys.executable, "-m", "evalkit", "--json", "run", str(suite), "--limit", str(count), "--no-cache"]
        sets = ["gate.guards=[]", "generation.seed=null"]  # the Messages API knows no seed
        for role, name in (("baseline", "base"), ("candidate", "base+candidate")):
            sets += [f"models.{role}.backend={backend}", f"models.{role}.model={name}", f"models.{role}.base_url={url}"]
            sets += [f"models.{role}.api_key_env=BENCH_KEY"]
            # vLLM takes the API's own form of a schema; a tool would want --tool-call-parser
            sets += [f"models.{role}.structured=schema"] if backend == "anthropic" else []
        for assignment in sets:
            command += ["--set", assignment]
        env = {**os.environ, "BENCH_KEY": key, "EVALKIT_HOME": f"{folder}/home"}
        ended = subprocess.run(
            [*command, "--out", f"{folder}/out"], env=env, stdout=subprocess.PIPE, text=True, check=False
        )
        if ended.returncode not in {0, 1, 3}:
            sys.exit(f"evalkit ended with {ended.returncode}: {ended.stdout[-1000:]}")
        found: dict[str, Any] = json.loads(ended.stdout)
        return found


def _row(backend: str, verdict: dict[str, Any]) -> str:
    primary, outcomes = verdict["primary"], verdict["outcomes"]
    answered = " and ".join(f"{outcomes[role]['ok']} of {outcomes[role]['planned']}" for role in outcomes)
    tokens = [sum(verdict["cost"][role][key] for role in outcomes) for key in ("input_tokens", "output_tokens")]
    return (
        f"| `{backend}` | {answered} | {primary['baseline_points']:.1f} | {primary['candidate_points']:.1f} | "
        f"{tokens[0]:,} and {tokens[1]:,} | {verdict['verdict']} |"
    )


if __name__ == "__main__":
    main()
