"""One figure about vLLM, measured with the interpreter that has it; prints JSON on its last line.

    python benchmarks/vllm/probe.py served|inprocess|starts MODELS SAMPLES

The prompts are those of suites/review-triage as evalkit renders them, both sides, the sides of a sample next to each
other, decoded as the suite says (constrained to its JSON Schema).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.backends.chat_http import ChatOptions, chat_body
from evalkit.backends.vllm import make_together
from evalkit.backends.vllm.engine import Engine, EnginePlan, hardware_here
from evalkit.backends.vllm.flags import engine_args, environment
from evalkit.backends.vllm.weights import find_adapter, find_model
from evalkit.run.plan import Part, Side
from evalkit.suites.load import load_suite
from evalkit.suites.prompts import Renderer
from evalkit.types import ModelIdentity, ModelSpec, Request

SUITE = Path(__file__).resolve().parents[2] / "suites" / "review-triage" / "suite.yaml"
AT_ONCE = 128
ROUNDS = 3


def main() -> None:
    """One figure."""
    what, models, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    measure = {"served": served, "inprocess": inprocess, "starts": starts}[what]
    print(json.dumps(measure(models, count)))


def served(models: Path, count: int) -> dict[str, Any]:
    """Seconds of evalkit, asking and in all, and of a bare client on the same server, in turns; the medians."""

    async def go() -> dict[str, Any]:
        engine = Engine(plan(models), ("bench",), lambda note: print(note, file=sys.stderr))
        running = await engine.start()
        try:
            bodies = [_body(request) for request in requests(models, count)]
            url = f"{running.endpoint.url}/v1"
            await bare(running.endpoint.port, running.key, bodies[:8])  # both sides' first answers compile grammars
            bare_s, asking_s, own_s = [], [], []
            for number in range(ROUNDS):
                bare_s.append(await bare(running.endpoint.port, running.key, bodies))
                asking, whole = await asyncio.to_thread(own, models, count, url, running.key, number)
                asking_s.append(asking)
                own_s.append(whole)
        finally:
            await engine.release("bench")
        return {
            "bare_s": statistics.median(bare_s),
            "asking_s": statistics.median(asking_s),
            "evalkit_s": statistics.median(own_s),
            "rounds": ROUNDS,
        }

    return asyncio.run(go())


def own(models: Path, count: int, url: str, key: str, number: int) -> tuple[float, float]:
    """Wall seconds of asking, and of the whole command `evalkit run`, against that server."""
    sets = [f"dataset.path={SUITE.parent / 'samples.jsonl'}", "gate.guards=[]"]
    for role in ("baseline", "candidate"):
        sets += [f"models.{role}.backend=vllm", f"models.{role}.model=base", f"models.{role}.base_url={url}"]
        sets += [f"models.{role}.api_key_env=BENCH_KEY"]
    sets.append(f"models.candidate.adapter={models / 'adapter'}")
    return _whole_command(sets, count, {"BENCH_KEY": key}, number)


def inprocess(models: Path, count: int) -> dict[str, Any]:
    """Seconds of evalkit on its in-process engine and of `LLM.chat`, each without the engine's start."""
    sets = ["gate.guards=[]", f"models.candidate.adapter={models / 'adapter'}"]
    for role in ("baseline", "candidate"):
        sets += [f"models.{role}.backend=vllm", f"models.{role}.model={models / 'base'}"]
        sets += [f"models.{role}.engine=inprocess"]
    asking_s, own_s = _whole_command(sets, count, {}, 0)
    return {"bare_s": _llm_chat(models, count), "asking_s": asking_s, "evalkit_s": own_s}


def starts(models: Path, count: int) -> dict[str, Any]:
    """Seconds until one engine answers, until two do that are started together, and one after the other."""
    del count

    async def go(plans: list[EnginePlan]) -> float:
        engines = [Engine(one, ("bench",), lambda _: None) for one in plans]
        began = time.perf_counter()
        try:
            await asyncio.gather(*(engine.start() for engine in engines))
            return time.perf_counter() - began
        finally:
            await asyncio.gather(*(engine.release("bench") for engine in engines))

    one_s = asyncio.run(go([plan(models)]))
    together_s = asyncio.run(go([plan(models), plan(models)]))
    in_turns_s = one_s + asyncio.run(go([plan(models)]))
    return {"one_s": one_s, "together_s": together_s, "in_turns_s": in_turns_s}


def plan(models: Path) -> EnginePlan:
    """Base and adapter."""
    return EnginePlan(model=str(models / "base"), adapters={"base+candidate": models / "adapter"}, args={})


def requests(models: Path, count: int) -> list[Request]:
    """What a run would ask, in its order."""
    suite = load_suite(SUITE, limit=count)
    backends = make_together(
        {
            "baseline": ModelSpec(role="baseline", backend="vllm", model=str(models / "base")),
            "candidate": ModelSpec(
                role="candidate", backend="vllm", model=str(models / "base"), adapter=models / "adapter"
            ),
        },
        timeout_s=300.0,
        tell=lambda _: None,
    )
    sides = {
        role: Side(spec=spec, backend=backends[role], identity=ModelIdentity(), renderer=Renderer(spec))
        for role, spec in suite.models.items()
    }
    return list(Part(suite=suite, sides=sides).requests())


async def bare(port: int, key: str, bodies: list[bytes]) -> float:
    """Seconds for all bodies over raw asyncio, `AT_ONCE` at a time."""
    waiting = iter(bodies)
    began = time.perf_counter()
    await asyncio.gather(*(_worker(port, key, waiting) for _ in range(min(AT_ONCE, len(bodies)))))
    return time.perf_counter() - began


async def _worker(port: int, key: str, waiting: Iterator[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
    head += "content-type: application/json\r\ncontent-length: "
    for body in waiting:
        writer.write(head.encode() + b"%d\r\n\r\n%b" % (len(body), body))
        answered = await reader.readuntil(b"\r\n\r\n")
        length = int(answered.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        reply = json.loads(await reader.readexactly(length))
        if not reply["choices"]:
            sys.exit("a reply without an answer")
    writer.close()


def _whole_command(sets: list[str], count: int, more: Mapping[str, str], number: int) -> tuple[float, float]:
    """Wall seconds until both sides had answered everything, and of `evalkit run` less the engine's start."""
    with tempfile.TemporaryDirectory(prefix="evalkit-vllm-probe-") as folder:
        env = {**os.environ, **more, "EVALKIT_HOME": f"{folder}/home-{number}"}
        command = [sys.executable, "-m", "evalkit", "--json", "run", str(SUITE), "--limit", str(count), "--no-cache"]
        command += ["--out", f"{folder}/out"]
        for assignment in sets:
            if not assignment.startswith("dataset.path"):
                command += ["--set", assignment]
        began = time.perf_counter()
        ended = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
        wall_s = time.perf_counter() - began
        if ended.returncode != 3:
            sys.exit(f"evalkit ended with {ended.returncode}: {ended.stdout[-1000:]}")
        verdict = json.loads(ended.stdout)
        facts = verdict["identity"]["baseline"].get("facts", {})
    return verdict["provenance"]["asking_s"], wall_s - float(facts.get("engine_start_s", 0.0))


def _llm_chat(models: Path, count: int) -> float:
    """Seconds of one call of `LLM.chat` for the same conversations in the same order, without the engine's start."""
    hardware = hardware_here()
    if hardware is None:
        sys.exit("this interpreter has no vLLM")
    os.environ.update(environment(hardware))  # the same cores and memory as evalkit's engine
    base = find_model(str(models / "base"))
    arguments = engine_args(base, [find_adapter(models / "adapter", base)], hardware, {})

    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest
    from vllm.sampling_params import StructuredOutputsParams

    asked = requests(models, count)
    params = asked[0].params
    schema = dict(params.response_schema) if params.response_schema else None
    sampling = SamplingParams(
        temperature=params.temperature,
        max_tokens=params.max_tokens,
        seed=params.seed,
        structured_outputs=StructuredOutputsParams(json=schema) if schema else None,
    )
    adapter = LoRARequest("candidate", 1, str(models / "adapter"))
    with contextlib.redirect_stdout(sys.stderr):
        llm = LLM(model=str(base.folder), **arguments)
        began = time.perf_counter()
        llm.chat(
            [[{"role": m.role, "content": m.content} for m in request.messages] for request in asked],
            sampling,
            lora_request=[None if request.key.role == "baseline" else adapter for request in asked],
            use_tqdm=False,
        )
        seconds = time.perf_counter() - began
        llm.llm_engine.engine_core.shutdown()  # else this process waits for the engine's for ever
        return seconds


def _body(request: Request) -> bytes:
    name = "base" if request.key.role == "baseline" else "base+candidate"
    return json.dumps(chat_body(name, request, ChatOptions())).encode()


if __name__ == "__main__":
    main()
