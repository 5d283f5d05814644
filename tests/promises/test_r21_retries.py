"""One retry layer: five sends a request at most; a server that is down is left alone, tried again, then given up."""

import asyncio
import contextlib
import itertools

import pytest
from bench import scripted, side
from engines import Scripted, part, run
from vendors import VENDORS, entries, run_here, set_keys

from evalkit.errors import (
    BadRequest,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    EvalkitError,
    ExecutionError,
    Overloaded,
    RateLimited,
    ServerDown,
)
from evalkit.jobs.running.run import RunOptions
from evalkit.jobs.running.run import run as evalkit_run
from evalkit.run import retry, turnstile
from evalkit.run.progress import Progress
from evalkit.run.turnstile import BREAKER, COOLING_S
from evalkit.testing import ScriptedServer, VirtualClock, fails
from evalkit.types import Failure


class Timed(Scripted):
    """Remembers when it was asked; `is_up(seconds)` says whether it answers then."""

    def __init__(self, clock, is_up, error=lambda: ConnectionLost("refused")):
        super().__init__()
        self.clock, self.is_up, self.error, self.at = clock, is_up, error, []

    async def answer(self, request):
        self.at.append(self.clock.monotonic())
        if not self.is_up(self.clock.monotonic()):
            await asyncio.sleep(0)
            raise self.error()
        await self.clock.sleep(0.05)
        return await super().answer(request)


@pytest.mark.parametrize("asked_s", [None, 0.0, 3.0])
def test_a_server_that_always_refuses_gets_five_sends_a_request(asked_s):
    backend = Scripted(errors={"*": lambda: RateLimited("busy", retry_after_s=asked_s)})
    outcomes, error = run(None, part(backend, n=25, endpoint="http://x"), concurrency=32)
    assert error is None
    assert {backend.asked.count(sample) for sample in set(backend.asked)} == {2 * 5}
    assert {found[0].attempts for found in outcomes.values()} == {5}


def test_nothing_but_refusals_for_half_an_hour_ends_the_run():
    clock = VirtualClock()
    backend = Scripted(errors={"*": lambda: RateLimited("busy", retry_after_s=300.0)})
    outcomes, error = run(None, part(backend, n=400, endpoint="http://x"), clock=clock, concurrency=32)
    assert isinstance(error, ServerDown)
    assert "(http://x): the server refused every request for 30 minutes" in str(error)
    assert 1800 <= clock.monotonic() <= 1800 + 600
    assert all(isinstance(found[0], Failure) for found in outcomes.values())


@pytest.mark.parametrize("concurrency", [4, 16, 64])
def test_a_dead_server_is_left_alone_tried_again_and_given_up(concurrency):
    clock = VirtualClock()
    backend = Timed(clock, lambda _: False)
    _, error = run(None, part(backend, n=500, endpoint="http://x"), clock=clock, concurrency=concurrency)
    assert isinstance(error, ServerDown)
    assert error.exit_code == 5
    tries = sorted(backend.at)[-len(COOLING_S) :]
    before = [moment for moment in backend.at if moment < tries[0]]
    assert len(before) <= BREAKER + concurrency
    assert [later - earlier for earlier, later in itertools.pairwise(tries)] == pytest.approx([4, 8, 16])
    assert f"{BREAKER} attempts in a row failed, and 4 more" in str(error)


def test_a_server_that_comes_back_is_asked_on():
    clock, notes = VirtualClock(), []
    backend = Timed(clock, lambda now: not 1.0 < now < 9.0)
    progress = Progress(on_note=notes.append)
    outcomes, error = run(
        None, part(backend, n=300, endpoint="http://x"), clock=clock, progress=progress, concurrency=16
    )
    assert error is None
    assert sum(isinstance(found[0], Failure) for found in outcomes.values()) == 0
    # The answers that were under way when it went down start the count again once; then it is tried twice.
    assert sum(1.0 < moment < 9.0 for moment in backend.at) <= 16 + BREAKER + 16 + 2
    assert "(http://x): the server seems to be down (refused), waiting until " in notes[0]
    assert notes[-1] == "baseline and candidate (http://x): the server answers again"


@pytest.mark.parametrize("kind", [ContextTooLong, ContentFiltered])
def test_a_server_that_is_tried_with_a_prompt_it_cannot_take_is_back_too(kind):
    clock, notes = VirtualClock(), []

    class PickyOnceBack(Timed):
        is_back = False

        async def answer(self, request):
            if self.clock.monotonic() >= 9.0 and not self.is_back:
                self.is_back = True
                raise kind("not this one", status=400)
            return await super().answer(request)

    backend = PickyOnceBack(clock, lambda now: not 1.0 < now < 9.0)
    work = part(backend, n=300, endpoint="http://x")
    outcomes, error = run(None, work, clock=clock, progress=Progress(on_note=notes.append), concurrency=16)
    assert error is None
    assert [found[0].kind for found in outcomes.values() if isinstance(found[0], Failure)] == [kind.kind]
    assert notes[-1] == "baseline and candidate (http://x): the server answers again"


def test_a_server_that_refuses_every_request_for_good_is_not_waited_for():
    clock = VirtualClock()
    backend = Scripted(errors={"*": lambda: BadRequest("no such field", status=400)})
    _, error = run(None, part(backend, n=100, endpoint="http://x"), clock=clock)
    assert "20 attempts in a row failed, the last one with: no such field" in str(error)
    assert clock.monotonic() == 0.0


def test_attempts_that_take_minutes_are_not_repeated_for_long():
    clock = VirtualClock()

    class Hanging(Scripted):
        async def answer(self, request):
            await clock.sleep(300.0)
            raise Overloaded("gave up")

    _, error = run(None, part(Hanging(), n=100, endpoint="http://x"), clock=clock, concurrency=32)
    assert isinstance(error, ServerDown)
    assert clock.monotonic() < 660


def test_a_server_that_goes_away_in_the_middle_loses_nothing(bench, monkeypatch):
    monkeypatch.setattr(turnstile, "COOLING_S", (0.1, 0.1))
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / "state"))

    def options(**more):
        return RunOptions(suite_path=suite, command=f"evalkit run {suite}", use_cache=False, **more)

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(scripted(60, 90))
        suite, port = bench.write_suite(server.base_url, 150, run={"concurrency": 4}), server.port
        # Closing a closed stack does nothing.
        progress = Progress(on_change=lambda seen: stack.close() if seen.sent >= 100 else None)
        with pytest.raises(ExecutionError) as caught:
            evalkit_run(options(), progress)
    answered = sum(counters.answered for counters in progress.sides.values())
    assert "attempts in a row failed" in str(caught.value)
    assert any("--resume" in note for note in caught.value.__notes__)
    with scripted(60, 90, port=port) as server:
        finished = evalkit_run(options(resume="latest"), Progress())
        assert finished.document["outcomes"]["baseline"]["ok"] == 150
        assert len(server.ledger.chats) <= 300 - answered


@pytest.mark.parametrize("backend", ["openai_compatible", *VENDORS])
def test_no_layer_below_sends_anything_again(bench, monkeypatch, backend):
    """Five sends a request as the server counts them, the vendors' SDKs included, which would retry by themselves."""
    set_keys(monkeypatch)
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / "state"))
    monkeypatch.setattr(retry, "backoff_s", lambda *_: 0.001)
    refused = fails(429, headers={"retry-after-ms": "1"})
    with ScriptedServer([side("base", refused), side("tuned", refused)]) as server:
        suite = bench.write_suite(server.base_url, 1, models=entries(backend, server.base_url))
        with contextlib.suppress(EvalkitError):
            run_here(suite, use_cache=False)
        sends = server.ledger.sends()
    # The check that both sides are two models gives up at the first refusal; the run's own two requests do not.
    assert sorted(sends.values()) == [1, 1, 5, 5]
