"""What every backend and metric has to do, as test classes to subclass. Needs pytest.

A plug-in's test module is short::

    class TestMyBackend(HttpBackendContract):
        def backend_for(self, base_url: str, *, timeout_s: float) -> Backend:
            return make(ModelSpec(role="baseline", backend="mine", model="base", base_url=base_url,
                                  api_key_env=KEY_VARIABLE), timeout_s=timeout_s)
"""
# ruff: noqa: S101, PLR2004, D102 - a contract is made of assertions about figures; a test's name is its sentence

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from msgspec import structs

from evalkit.errors import BackendError, ExecutionError, RateLimited
from evalkit.protocols import Backend
from evalkit.testing.behaviours import MODELS_PATH, Behaviour, Rule, answers, echoes, fails
from evalkit.testing.faults import FAULTS, FINISHES, KEY_VARIABLE, PROMPT, SECRET
from evalkit.testing.score_contracts import NASTY_TEXTS, CheckContract, MetricContract
from evalkit.testing.scripted_server import ScriptedServer
from evalkit.types import Finish, Key, Message, Params, Request, Response

__all__ = [
    "KEY_VARIABLE",
    "NASTY_TEXTS",
    "BackendContract",
    "CheckContract",
    "HttpBackendContract",
    "MetricContract",
    "question",
]

_T = TypeVar("_T")


def question(content: str = PROMPT, *, sample_id: str = "s1", params: Params | None = None) -> Request:
    """A request with one user turn."""
    key = Key(suite="contract", role="baseline", sample_id=sample_id)
    return Request(key=key, messages=(Message(role="user", content=content),), params=params or Params())


def with_backend(backend: Backend, work: Callable[[Backend], Awaitable[_T]]) -> _T:
    """What `work` returns, on an event loop of its own, after which the backend is closed."""

    async def main() -> _T:
        try:
            return await work(backend)
        finally:
            await backend.close()

    return asyncio.run(main())


class BackendContract:
    """Holds for every backend. Subclasses define the fixture `backend`, and `asked` where a request must be known."""

    @pytest.fixture
    def backend(self) -> Backend:
        """A backend that has not been opened."""
        raise NotImplementedError("define the fixture `backend` in the subclass")

    @pytest.fixture
    def asked(self) -> Request:
        """A request the backend can answer."""
        return question()

    def test_is_a_backend(self, backend: Backend) -> None:
        assert isinstance(backend, Backend)
        assert backend.concurrency >= 1

    def test_wire_is_pure_json(self, backend: Backend, asked: Request) -> None:
        before = structs.replace(asked)
        first, second = backend.wire(asked), backend.wire(asked)
        assert first == second
        assert json.loads(json.dumps(first, allow_nan=False)) == first
        first.clear()
        assert backend.wire(asked) == second
        assert asked == before

    def test_says_no_secret(self, backend: Backend, asked: Request) -> None:
        identity = with_backend(backend, lambda b: b.open())
        for text in (json.dumps(backend.wire(asked)), repr(backend), str(backend), repr(identity)):
            assert SECRET not in text

    def test_opens_answers_and_closes_twice(self, backend: Backend, asked: Request) -> None:
        async def work(b: Backend) -> Response:
            await b.open()
            response = await b.answer(asked)
            await b.close()
            await b.close()
            return response

        response = with_backend(backend, work)
        assert isinstance(response, Response)
        assert response.text
        assert response.attempts == 1
        assert not response.is_cached

    def test_closes_without_having_been_opened(self, backend: Backend) -> None:
        asyncio.run(backend.close())


class HttpBackendContract(BackendContract):
    """Holds for every backend that asks a server for answers, by chat completions or by Anthropic's messages.

    Subclasses define `backend_for`.
    """

    has_seed = True
    """False for an API that has no seed to send."""

    def backend_for(self, base_url: str, *, timeout_s: float) -> Backend:
        """The backend for model `base` at `base_url`, with the key that lies in `KEY_VARIABLE`."""
        raise NotImplementedError("define `backend_for` in the subclass")

    @pytest.fixture(autouse=True)
    def _key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(KEY_VARIABLE, SECRET)

    @pytest.fixture
    def backend(self) -> object:
        """A backend in front of a server that echoes."""
        with ScriptedServer([Rule(behaviour=echoes())]) as server:
            yield self.backend_for(server.base_url, timeout_s=10.0)

    def ask(self, server: ScriptedServer, asked: Request | None = None, *, timeout_s: float = 10.0) -> Response:
        """One answer from a fresh backend."""
        backend = self.backend_for(server.base_url, timeout_s=timeout_s)
        return with_backend(backend, lambda b: b.answer(asked or question()))

    @pytest.mark.parametrize(("behaviour", "expected"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
    def test_fault_becomes_its_error_after_one_send(self, behaviour: Behaviour, expected: type[BackendError]) -> None:
        is_slow = behaviour.is_hanging or behaviour.drip_s > 0
        with ScriptedServer([Rule(behaviour=behaviour)]) as server:
            with pytest.raises(BackendError) as caught:
                self.ask(server, timeout_s=0.5 if is_slow else 10.0)
            assert len(server.ledger.chats) == 1, "a backend sends each request once; the engine retries"
            assert len(server.ledger.entries) == 1, "nothing else is asked either, no redirect followed"
        assert type(caught.value) is expected
        text = f"{caught.value} {caught.value!r}"
        assert SECRET[:8] not in text
        assert PROMPT[:30] not in text
        if behaviour.status != 200 and caught.value.status is not None:
            assert caught.value.status == behaviour.status

    @pytest.mark.parametrize(("behaviour", "finish"), [f[1:] for f in FINISHES], ids=[f[0] for f in FINISHES])
    def test_finish_reason_is_kept(self, behaviour: Behaviour, finish: Finish) -> None:
        with ScriptedServer([Rule(behaviour=behaviour)]) as server:
            assert self.ask(server).finish == finish

    def test_an_empty_answer_is_an_answer(self) -> None:
        with ScriptedServer([Rule(behaviour=answers(""))]) as server:
            response = self.ask(server)
        assert (response.text, response.finish) == ("", "stop")

    def test_pause_that_the_server_asked_for(self) -> None:
        rule = Rule(behaviour=fails(429, headers={"retry-after": "7"}))
        with ScriptedServer([rule]) as server, pytest.raises(RateLimited) as caught:
            self.ask(server)
        assert caught.value.retry_after_s == 7.0

    def test_usage_model_and_latency(self) -> None:
        usage = {"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
        with ScriptedServer([Rule(behaviour=answers(usage=usage, model="base-2026", delay_s=0.05))]) as server:
            response = self.ask(server)
        assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.cached_tokens) == (11, 3, 4)
        assert response.served_model == "base-2026"
        assert response.latency_s is not None
        assert 0.05 <= response.latency_s < 5.0

    def test_usage_not_told_is_unknown(self) -> None:
        with ScriptedServer([Rule(behaviour=answers(usage={}))]) as server:
            usage = self.ask(server).usage
        assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (None, None, None)

    def test_what_changes_an_answer_changes_the_wire(self) -> None:
        backend = self.backend_for("http://127.0.0.1:9/v1", timeout_s=1.0)
        variants = [
            question("another question"),
            question(params=Params(temperature=0.5)),
            question(params=Params(max_tokens=17)),
            question(params=Params(response_schema={"type": "object"})),
        ]
        if self.has_seed:
            variants.append(question(params=Params(seed=3)))
        wires = [json.dumps(backend.wire(asked), sort_keys=True) for asked in (question(), *variants)]
        assert len(set(wires)) == len(wires)

    def test_the_wire_is_what_is_sent(self) -> None:
        with ScriptedServer([Rule(behaviour=answers(lambda asked: asked.body.decode()))]) as server:
            backend = self.backend_for(server.base_url, timeout_s=10.0)
            sent = with_backend(backend, lambda b: b.answer(question())).text
            assert server.ledger.chats[0].has_key
        assert json.loads(sent) == backend.wire(question())

    @pytest.mark.parametrize("text", ["ünï 😀 \u0000\u202e", "cut \ud83d here", "</script>", "a\r\nb: c"])
    def test_any_text_goes_there_and_back(self, text: str) -> None:
        with ScriptedServer([Rule(behaviour=echoes())]) as server:
            assert self.ask(server, question(text)).text == text

    def test_many_at_once_are_not_mixed(self) -> None:
        rng = random.Random(5)  # noqa: S311 - no secret
        delays = {str(n): rng.random() * 0.1 for n in range(100)}
        slow_echo = echoes(delay_s=lambda asked: delays[asked.prompt])

        async def work(b: Backend) -> list[Response]:
            return await asyncio.gather(*(b.answer(question(n)) for n in delays))

        with ScriptedServer([Rule(behaviour=slow_echo)]) as server:
            responses = with_backend(self.backend_for(server.base_url, timeout_s=10.0), work)
        assert [r.text for r in responses] == list(delays)

    def test_an_answer_given_up_spoils_no_other(self) -> None:
        async def work(b: Backend) -> str:
            slow = asyncio.create_task(b.answer(question("slow")))
            await asyncio.sleep(0.05)
            slow.cancel()
            await asyncio.wait([slow])
            return (await b.answer(question("fast"))).text

        late = echoes(delay_s=lambda asked: 0.2 if asked.prompt == "slow" else 0.3)
        with ScriptedServer([Rule(behaviour=late)]) as server:
            assert with_backend(self.backend_for(server.base_url, timeout_s=10.0), work) == "fast"

    def test_open_refuses_a_model_that_is_not_served(self) -> None:
        with ScriptedServer(models=["other", "basic"]) as server, pytest.raises(ExecutionError, match="other"):
            with_backend(self.backend_for(server.base_url, timeout_s=10.0), lambda b: b.open())

    def test_open_refuses_a_wrong_key_without_saying_it(self) -> None:
        rule = Rule(path=MODELS_PATH, behaviour=fails(401, f"bad key {SECRET}"))
        with ScriptedServer([rule]) as server, pytest.raises(ExecutionError) as caught:
            with_backend(self.backend_for(server.base_url, timeout_s=10.0), lambda b: b.open())
        assert SECRET[:8] not in str(caught.value)

    @pytest.mark.parametrize("status", [404, 405, 429, 500])
    def test_open_can_do_without_a_list_of_models(self, status: int) -> None:
        with ScriptedServer([Rule(path=MODELS_PATH, behaviour=fails(status))]) as server:
            identity = with_backend(self.backend_for(server.base_url, timeout_s=10.0), lambda b: b.open())
        assert identity.served_model is None

    def test_open_without_a_server_says_so(self) -> None:
        with ScriptedServer() as server:
            base_url = server.base_url
        with pytest.raises(ExecutionError, match="running"):
            with_backend(self.backend_for(base_url, timeout_s=10.0), lambda b: b.open())
