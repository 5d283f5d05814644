"""vLLM's Python engine in our own process, against a stand-in with its methods."""

import asyncio
import sys

import pytest
import vllm_files

from evalkit.backends.vllm import make, make_together
from evalkit.errors import BadRequest, ContextTooLong, ExecutionError, ServerDown, TimedOut
from evalkit.testing.contracts import BackendContract, question
from evalkit.types import Message, ModelSpec, Params


@pytest.fixture(autouse=True)
def fake(tmp_path, monkeypatch):
    """The stand-in is installed in this very environment, for one test."""
    monkeypatch.syspath_prepend(str(vllm_files.FAKE))
    vllm_files.model(tmp_path / "base")
    vllm_files.adapter(tmp_path / "adapter")
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        del sys.modules[name]


def side(folder, role="baseline", **args):
    options = {"engine": "inprocess", **({"args": args} if args else {})}
    adapter = folder / "adapter" if role == "candidate" else None
    return ModelSpec(role=role, backend="vllm", model=str(folder / "base"), adapter=adapter, options=options)


class TestInProcess(BackendContract):
    @pytest.fixture
    def backend(self, fake):
        return make(side(fake, "candidate"), timeout_s=10.0)


def asked(folder, *requests, timeout_s=10.0, roles=("baseline", "candidate")):
    async def go():
        backends = make_together({r: side(folder, r) for r in roles}, timeout_s=timeout_s, tell=lambda _: None)
        try:
            identities = [await b.open() for b in backends.values()]
            return identities, [[await b.answer(r) for r in requests] for b in backends.values()]
        finally:
            for b in backends.values():
                await b.close()

    return asyncio.run(go())


def engines():
    return sys.modules["vllm.v1.engine.async_llm"].AsyncLLM.live


def test_base_and_adapter_share_one_engine_that_ends_with_the_last(fake, capfd):
    identities, answers = asked(fake, question("Hello"), question("cut", params=Params(temperature=0.5)))
    assert [[a.text for a in side] for side in answers] == [
        ["base heard Hello at 0", "base heard cut at 0.5"],
        ["base+candidate heard Hello at 0", "base+candidate heard cut at 0.5"],
    ]
    assert [a.finish for a in answers[0]] == ["stop", "length"]
    usage = answers[1][0].usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (5, 3, 4)
    assert identities[0].weights_sha256 == identities[1].weights_sha256
    assert identities[1].adapter_sha256
    assert identities[1].has_adapter_applied is True
    assert identities[1].facts["adapters_kept_apart"] is True
    assert engines() == 0
    assert "what an engine prints" not in capfd.readouterr().out, "stdout is for the result"


@pytest.mark.parametrize(
    ("words", "error", "told", "timeout_s"),
    [
        ("too long", ContextTooLong, "longer than the maximum model length", 60.0),
        ("die", ServerDown, "vLLM died: EngineCore encountered an issue", 60.0),
        ("hang", TimedOut, "no answer within 0.2 s", 0.2),
    ],
)
def test_each_way_to_fail_is_its_own_error(fake, words, error, told, timeout_s):
    with pytest.raises(error, match=told):
        asked(fake, question(words), timeout_s=timeout_s, roles=("baseline",))
    assert engines() == 0


def test_a_template_that_refuses_a_conversation_is_told(fake):
    odd = question("x")
    odd = type(odd)(key=odd.key, messages=(Message(role="tool", content="x"),), params=odd.params)
    with pytest.raises(BadRequest, match="chat template refuses this conversation: this template knows no tools"):
        asked(fake, odd, roles=("baseline",))


def test_an_engine_that_does_not_start_says_why(fake):
    async def go():
        backend = make(side(fake, seed=13), timeout_s=1.0)
        try:
            await backend.open()
        finally:
            await backend.close()

    with pytest.raises(ExecutionError, match=r"(?s)Engine core initialization failed.*the workers found no memory"):
        asyncio.run(go())


def test_without_vllm_the_way_to_install_it_is_told(fake, monkeypatch):
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(vllm_files.FAKE)])
    with pytest.raises(ExecutionError, match="engine: inprocess needs vLLM in evalkit's own environment"):
        asked(fake, question("Hello"), roles=("baseline",))
