import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.backends import local
from evalkit.backends.local import make
from evalkit.backends.local import process as llama_process
from evalkit.errors import ConnectionLost, ContextTooLong, ExecutionError, ServerDown, UsageError
from evalkit.testing.contracts import question
from evalkit.types import ModelSpec, Params

NAME = "smollm2-135m-instruct"
ADAPTER = Path(__file__).parents[3] / "suites" / "review-triage" / "adapter"
SHORT = Params(max_tokens=12, seed=7)


def spec(**changes):
    return ModelSpec(**{"role": "baseline", "backend": "local", "model": NAME, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None}, "needs model"),
        ({"base_url": "http://x"}, "base_url"),
        ({"api_key_env": "X"}, "api_key_env"),
        ({"options": {"slotz": 4}}, "slotz: unknown key"),
        ({"options": {"slots": 0}}, "slots: must be a whole number from 1 to 64"),
        ({"options": {"slots": True}}, "slots: must be"),
        ({"options": {"context": "big"}}, "context: must be"),
    ],
)
def test_an_entry_it_cannot_act_on_is_a_usage_error(changes, words):
    with pytest.raises(UsageError, match=words):
        make(spec(**changes), timeout_s=1.0)


def test_concurrency_is_the_number_of_slots():
    assert make(spec(options={"slots": 3}), timeout_s=1.0).concurrency == 3


def test_a_missing_engine_comes_with_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(ExecutionError, match=r'pip install "evalkit-gate\[local\]"'):
        asyncio.run(make(spec(), timeout_s=1.0).open())


def test_answering_before_opening_is_an_error():
    with pytest.raises(ConnectionLost, match="not running"):
        asyncio.run(make(spec(), timeout_s=1.0).answer(question()))


CHILDREN = {
    "refuses": 'import sys; sys.stdin.readline(); print("loading", file=sys.stderr); print(\'{"error": "bad magic"}\')',
    "dies": 'import sys, os; sys.stdin.readline(); print("out of memory", file=sys.stderr, flush=True); os._exit(3)',
    "babbles": "print('hello')",
}


@pytest.fixture
def engine_script(monkeypatch, tmp_path, weights_found):
    def use(code):
        path = tmp_path / "child.py"
        path.write_text(code)
        monkeypatch.setattr(llama_process, "__file__", str(path))

    return use


@pytest.fixture
def weights_found(monkeypatch, tmp_path):
    found = local.Weights(alias=NAME, model=tmp_path / "m.gguf", model_sha256="0" * 64)
    monkeypatch.setattr(local, "find_weights", lambda *_: found)
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: object())


@pytest.mark.parametrize(
    ("child", "words"),
    [("refuses", "(?s)bad magic.*loading"), ("dies", "(?s)ended at once.*out of memory"), ("babbles", "ended")],
)
def test_an_engine_that_does_not_start_says_why(engine_script, child, words):
    engine_script(CHILDREN[child])
    with pytest.raises(ExecutionError, match=words):
        asyncio.run(make(spec(), timeout_s=1.0).open())


SERVER = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = {rows!r}.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
settings = json.loads(sys.stdin.readline())
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({{"address": "http://127.0.0.1:%d" % server.server_port}}), flush=True)
import threading
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
"""


OTHER = '[{"path": "/elsewhere.gguf", "scale": 1.0}]'
UNUSED = '[{"path": "ADAPTER", "scale": 0.0}]'


@pytest.mark.parametrize("rows", ["[]", OTHER, UNUSED, "?"])
def test_an_engine_that_does_not_apply_the_adapter_is_refused(engine_script, monkeypatch, tmp_path, rows):
    adapter = tmp_path / "a.gguf"
    found = local.Weights(alias=NAME, model=tmp_path / "m", model_sha256="0", adapter=adapter, adapter_sha256="1")
    monkeypatch.setattr(local, "find_weights", lambda *_: found)
    engine_script(SERVER.format(rows=rows.replace("ADAPTER", str(adapter))))
    backend = make(spec(), timeout_s=5.0)

    async def main():
        try:
            await backend.open()
        finally:
            await backend.close()

    with pytest.raises(ExecutionError, match="applies the adapters"):
        asyncio.run(main())


def test_an_engine_with_an_adapter_nobody_asked_for_is_refused_and_ended(engine_script, tmp_path):
    pid_file = tmp_path / "pid"
    engine_script(f"import os; open({str(pid_file)!r}, 'w').write(str(os.getpid()))" + SERVER.format(rows=OTHER))
    with pytest.raises(ExecutionError, match="elsewhere"):
        asyncio.run(make(spec(), timeout_s=5.0).open())
    assert not is_alive(int(pid_file.read_text()))


def test_an_engine_that_never_gets_ready_is_ended(engine_script, monkeypatch, tmp_path):
    pid_file = tmp_path / "pid"
    engine_script(f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    monkeypatch.setattr(local, "START_TIMEOUT_S", 2.0)
    monkeypatch.setattr(local, "_STOP_TIMEOUT_S", 0.1)
    with pytest.raises(ExecutionError, match="not ready within 2 s"):
        asyncio.run(make(spec(), timeout_s=1.0).open())
    assert not is_alive(int(pid_file.read_text()))


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(pid)


def on_both(work):
    """What `work(base, tuned)` returns for the opened default model without and with the adapter."""
    options = {"slots": 2}

    async def main():
        base = make(spec(options=options), timeout_s=120.0)
        tuned = make(spec(role="candidate", adapter=ADAPTER, options=options), timeout_s=120.0)
        try:
            identities = await asyncio.gather(base.open(), tuned.open())
            return await work(base, tuned, identities)
        finally:
            await asyncio.gather(base.close(), tuned.close())

    return asyncio.run(main())


REVIEWS = ["The plot never starts.", "Best noodles in town.", "The battery died after a week."]


@pytest.mark.model
def test_each_side_answers_as_itself_whatever_the_other_did():
    async def work(base, tuned, identities):
        asked = [question(f"Label this review as JSON: {text}", params=SHORT) for text in REVIEWS]
        before = [(await base.answer(a)).text for a in asked]
        other = [(await tuned.answer(a)).text for a in asked]
        after = [(await base.answer(a)).text for a in asked]
        return before, other, after, identities

    before, other, after, (base, tuned) = on_both(work)
    assert before == after
    assert all(b != o for b, o in zip(before, other, strict=True))
    assert base.weights_sha256 == tuned.weights_sha256
    assert (base.has_adapter_applied, tuned.has_adapter_applied) == (None, True)
    assert base.adapter_sha256 is None
    assert len(tuned.adapter_sha256) == 64


@pytest.mark.model
def test_schema_limits_and_death_of_the_real_engine():
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}

    async def main():
        backend = make(spec(options={"slots": 1, "context": 256}), timeout_s=120.0)
        try:
            await backend.open()
            bound = await backend.answer(question("Is it fine?", params=Params(response_schema=schema, max_tokens=30)))
            cut = await backend.answer(question("Tell me a story.", params=Params(max_tokens=3)))
            with pytest.raises(ContextTooLong):
                await backend.answer(question("word " * 2000))
            pid = backend._engine._process.pid
            os.kill(pid, signal.SIGKILL)
            await backend._engine._process.wait()
            with pytest.raises(ServerDown, match="engine died: exit code -9"):
                await backend.answer(question())
            return bound, cut
        finally:
            await backend.close()

    bound, cut = asyncio.run(main())
    assert isinstance(json.loads(bound.text)["ok"], bool)
    assert (cut.finish, cut.usage.output_tokens, cut.served_model) == ("length", 3, NAME)


@pytest.mark.model
def test_the_engine_dies_with_its_parent_even_by_kill_9():
    code = (
        "import asyncio, sys\n"
        "from evalkit.backends.local import make\n"
        "from evalkit.types import ModelSpec\n"
        "async def main():\n"
        f"    backend = make(ModelSpec(role='baseline', backend='local', model={NAME!r}), timeout_s=60.0)\n"
        "    await backend.open()\n"
        "    print(backend._engine._process.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        engine = int(parent.stdout.readline())
        assert is_alive(engine)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    assert wait_until_gone(engine)
