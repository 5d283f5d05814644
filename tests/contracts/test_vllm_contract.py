"""The engine we start and the engine we find, against a stand-in that speaks as vLLM does and fails as it does."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import vllm_files

from evalkit.backends.vllm import make, make_together
from evalkit.backends.vllm.engine import PYTHON
from evalkit.errors import ConnectionLost, ExecutionError, ServerDown
from evalkit.testing.contracts import BackendContract, question
from evalkit.types import ModelSpec

FAKE = vllm_files.FAKE


@pytest.fixture(autouse=True)
def fake(tmp_path, monkeypatch):
    """vLLM's stand-in is installed; the pids of its servers are written down."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    monkeypatch.setenv("FAKE_VLLM_PIDS", str(tmp_path / "pids"))
    monkeypatch.delenv(PYTHON, raising=False)
    vllm_files.model(tmp_path / "base")
    vllm_files.adapter(tmp_path / "adapter")
    return tmp_path


def side(folder, role="baseline", **given):
    return ModelSpec(**{"role": role, "backend": "vllm", "model": str(folder / "base"), **given})


def pair(folder):
    return {"baseline": side(folder), "candidate": side(folder, "candidate", adapter=folder / "adapter")}


def pids(folder):
    return [int(line) for line in (folder / "pids").read_text().split()]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def gone(pid, within_s=20.0):
    end = time.monotonic() + within_s
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not is_alive(pid)


async def with_sides(specs, work, told=None):
    notes = [] if told is None else told
    backends = make_together(specs, timeout_s=10.0, tell=notes.append)
    try:
        identities = await asyncio.gather(*(backend.open() for backend in backends.values()))
        return await work(backends, dict(zip(backends, identities, strict=True)))
    finally:
        await asyncio.gather(*(backend.close() for backend in backends.values()))


class TestOurs(BackendContract):
    @pytest.fixture
    def backend(self, fake):
        return make(side(fake, adapter=fake / "adapter"), timeout_s=10.0)


def test_base_and_adapter_share_one_engine_that_ends_with_the_last(fake):
    async def work(backends, identities):
        texts = {role: (await b.answer(question("Hello"))).text for role, b in backends.items()}
        await backends["baseline"].close()
        again = await backends["candidate"].answer(question("Still there"))
        return texts, identities, again.text, await backends["candidate"].gauges()

    texts, identities, again, gauges = asyncio.run(with_sides(pair(fake), work))
    assert texts == {"baseline": "base heard Hello", "candidate": "base+candidate heard Hello"}
    assert again == "base+candidate heard Still there"
    (pid,) = pids(fake)
    assert gone(pid, 0.0), "close returns when the engine is gone"
    base, tuned = identities["baseline"], identities["candidate"]
    assert base.weights_sha256 == tuned.weights_sha256
    assert base.adapter_sha256 is None
    assert len(tuned.adapter_sha256) == 64
    assert tuned.has_adapter_applied is True
    assert tuned.engine_version == "9.9.0 dtype=float32 generation_config=vllm"
    assert tuned.facts["prompt_first_tokens"] == [1, 5, 7]
    assert tuned.facts["starts_twice"] is False
    assert tuned.facts["engine_args"]["max_lora_rank"] == 8
    assert tuned.facts["engine_args"]["max_loras"] == 2, "on a CPU the last slot has to stay empty"
    assert tuned.facts["adapters_kept_apart"] is True
    assert (gauges["prompt_tokens"], gauges["generation_tokens"], gauges["running"]) == (30.0, 15.0, 1.0)


def test_other_arguments_are_another_engine(fake):
    specs = {"baseline": side(fake), "candidate": side(fake, "candidate", options={"args": {"max_model_len": 64}})}

    async def work(_backends, identities):
        return [identity.facts["engine_args"]["max_model_len"] for identity in identities.values()]

    assert asyncio.run(with_sides(specs, work)) == [4096, 64]
    assert len(pids(fake)) == 2


def test_an_engine_that_does_not_start_says_why_and_leaves_nothing(fake, monkeypatch):
    monkeypatch.setenv("FAKE_VLLM", "start")
    with pytest.raises(ExecutionError, match="ValueError: the KV cache is too small for max_model_len"):
        asyncio.run(with_sides(pair(fake), None))
    assert not (fake / "pids").exists()


def test_an_engine_that_never_gets_ready_is_given_up_and_tells_what_it_does(fake, monkeypatch):
    monkeypatch.setenv("FAKE_VLLM", "never")
    monkeypatch.setattr("evalkit.backends.vllm.engine.START_TIMEOUT_S", 3.0)
    monkeypatch.setattr("evalkit.backends.vllm.engine._TELL_EVERY_S", 0.5)
    told = []
    with pytest.raises(ExecutionError, match="was not ready within 3 s"):
        asyncio.run(with_sides(pair(fake), None, told))
    assert any("vLLM is loading base" in note and "Resolved architecture" in note for note in told)
    assert gone(pids(fake)[0])


def test_an_engine_that_dies_is_told_with_its_own_last_words(fake, monkeypatch):
    monkeypatch.setenv("FAKE_VLLM", "die")

    async def work(backends, _):
        for _number in range(2):
            await backends["baseline"].answer(question("Hello"))
        for _attempt in range(300):  # as a run does: a lost connection is tried again
            with contextlib.suppress(ConnectionLost):
                await backends["candidate"].answer(question("Hello"))
            await asyncio.sleep(0.1)

    with pytest.raises(ServerDown, match="CUDA out of memory"):
        asyncio.run(with_sides(pair(fake), work))


def test_an_adapter_that_is_not_served_as_one_is_refused(fake, monkeypatch):
    monkeypatch.setenv("FAKE_VLLM", "unserved")
    with pytest.raises(ExecutionError, match="as a model of its own, not as an adapter"):
        asyncio.run(with_sides(pair(fake), None))
    assert gone(pids(fake)[0])


def test_an_engine_that_mixes_up_its_adapters_is_refused(fake, monkeypatch):
    monkeypatch.setenv("FAKE_VLLM", "mixes")
    with pytest.raises(ExecutionError, match="mixes up its adapters: base gives other answers to 6 of 6 questions"):
        asyncio.run(with_sides(pair(fake), None))
    assert gone(pids(fake)[0])


def test_an_adapter_that_does_not_fit_starts_nothing(fake):
    vllm_files.adapter(fake / "odd", module="mlp.up_proj")
    specs = {"candidate": side(fake, "candidate", adapter=fake / "odd")}
    with pytest.raises(ExecutionError, match="matches no module of the base"):
        asyncio.run(with_sides(specs, None))
    assert not (fake / "pids").exists()


def test_without_vllm_the_way_to_install_it_is_told(fake, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    with pytest.raises(ExecutionError, match=r"needs vLLM, which this environment does not have: pip install vllm"):
        asyncio.run(with_sides({"baseline": side(fake)}, None))
    monkeypatch.setenv(PYTHON, str(fake / "no-python"))
    with pytest.raises(ExecutionError, match=f"{PYTHON} names .* which cannot be started"):
        asyncio.run(with_sides({"baseline": side(fake)}, None))


def test_killing_evalkit_leaves_no_engine(fake):
    script = (
        "import asyncio, sys\n"
        "from evalkit.backends.vllm import make\n"
        "from evalkit.types import ModelSpec\n"
        "async def main():\n"
        "    await make(ModelSpec(role='baseline', backend='vllm', model=sys.argv[1]), timeout_s=9.0).open()\n"
        "    print('open', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", script, str(fake / "base")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "open\n"
        (pid,) = pids(fake)
        assert is_alive(pid)
        child.send_signal(signal.SIGKILL)
    assert gone(pid)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def running(fake, monkeypatch):
    """An engine somebody else started, with the adapter: (base_url, folder)."""
    monkeypatch.setenv("VLLM_API_KEY", "somebody's")
    monkeypatch.setenv("THEIR_KEY", "somebody's")
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--model", str(fake / "base"), "--served-model-name", "base", "--enable-lora"]
    with subprocess.Popen([*command, "--lora-modules", f"tuned={fake / 'adapter'}"]) as engine:
        while not listens(port):
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"
        engine.kill()


def test_an_engine_that_runs_already_is_used_and_left_running(fake, running):
    theirs = {"base_url": running, "api_key_env": "THEIR_KEY", "model": "base"}
    specs = {
        "baseline": side(fake, **theirs),
        "candidate": side(fake, "candidate", adapter=fake / "adapter", **theirs),
    }

    async def work(backends, identities):
        return {role: (await b.answer(question("Hello"))).text for role, b in backends.items()}, identities

    texts, identities = asyncio.run(with_sides(specs, work))
    assert texts == {"baseline": "base heard Hello", "candidate": "tuned heard Hello"}
    assert identities["candidate"].served_model == "tuned"
    assert identities["candidate"].has_adapter_applied is True
    assert identities["baseline"].engine_version == "9.9.0"
    assert is_alive(pids(fake)[0])


def test_an_adapter_a_running_engine_lacks_is_told_with_what_it_has(fake, running):
    vllm_files.adapter(fake / "other")
    spec = side(fake, "candidate", base_url=running, api_key_env="THEIR_KEY", model="base", adapter=fake / "other")
    with pytest.raises(ExecutionError, match=r"does not serve the adapter .*other; adapters it serves: tuned \("):
        asyncio.run(with_sides({"candidate": spec}, None))
