"""The engine on a virtual clock: retries, pauses, caps, the breaker, stopping."""

import asyncio
import contextlib

import pytest
from engines import Scripted, part, run
from msgspec import structs

from evalkit.errors import (
    AuthFailed,
    BadRequest,
    BudgetReached,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    ExecutionError,
    ModelNotFound,
    Overloaded,
    RateLimited,
)
from evalkit.run.hiring import SCOUTING_S
from evalkit.run.retry import MAX_ATTEMPTS, backoff_s, pause_s
from evalkit.store.cache import Cache
from evalkit.testing import VirtualClock
from evalkit.types import Failure, Response


def test_every_request_has_one_outcome(tmp_path):
    outcomes, error = run(tmp_path, part(Scripted(), n=50))
    assert error is None
    assert len(outcomes) == 100
    assert all(found[0].text == sample for (_, sample), found in outcomes.items())


def test_repeats_are_separate_requests(tmp_path):
    outcomes, _ = run(tmp_path, part(Scripted(), n=5, repeats=3))
    assert all(len(found) == 3 for found in outcomes.values())


def test_a_passing_fault_is_retried_and_counted(tmp_path):
    backend = Scripted(errors={"3": [Overloaded("busy"), ConnectionLost("gone")]})
    outcomes, _ = run(tmp_path, part(backend))
    assert outcomes["baseline", "3"][0].text == "3"
    assert sum(outcomes[role, "3"][0].attempts for role in ("baseline", "candidate")) == 4
    assert backend.asked.count("3") == 4


def test_a_lasting_fault_costs_five_sends_and_becomes_a_failure(tmp_path):
    backend = Scripted(errors={"3": lambda: Overloaded("busy", status=503)})
    outcomes, error = run(tmp_path, part(backend, n=60))
    assert error is None
    failure = outcomes["candidate", "3"][0]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status, failure.attempts) == ("overloaded", 503, MAX_ATTEMPTS)
    assert backend.asked.count("3") == 2 * MAX_ATTEMPTS


def test_a_permanent_fault_is_not_retried(tmp_path):
    backend = Scripted(errors={"3": lambda: BadRequest("no", status=400)})
    run(tmp_path, part(backend))
    assert backend.asked.count("3") == 2


def test_nothing_is_sent_before_the_server_said(tmp_path):
    clock = VirtualClock()
    backend = Scripted(errors={"3": [RateLimited("slow down", retry_after_s=7.0)] * 2})
    run(tmp_path, part(backend), clock=clock)
    assert [pause for pause in clock.slept if pause != SCOUTING_S] == pytest.approx([7.5, 7.5], abs=0.5)


def test_a_dead_server_is_left_alone(tmp_path):
    backend = Scripted(errors={"*": lambda: ConnectionLost("refused")})
    outcomes, error = run(tmp_path, part(backend, n=500), concurrency=16)
    assert "20 attempts in a row" in str(error)
    assert len(backend.asked) <= 20 + 16
    assert all(isinstance(found[0], Failure) for found in outcomes.values())


def test_a_server_that_is_always_busy_is_asked_five_times_each(tmp_path):
    backend = Scripted(errors={"*": lambda: RateLimited("busy")})
    outcomes, error = run(tmp_path, part(backend, n=30))
    assert error is None
    assert len(backend.asked) == 30 * 2 * MAX_ATTEMPTS
    assert {found[0].kind for found in outcomes.values()} == {"rate_limited"}


def test_a_third_of_poisoned_requests_does_not_stop_the_run(tmp_path):
    poison = {str(i): (lambda: Overloaded("busy")) for i in range(0, 90, 3)}
    outcomes, error = run(tmp_path, part(Scripted(errors=poison), n=90), concurrency=32)
    assert error is None
    assert sum(isinstance(found[0], Failure) for found in outcomes.values()) == 60


def test_poison_at_the_end_stops_once_and_finishes_when_resumed(tmp_path):
    poison = {str(i): (lambda: Overloaded("busy")) for i in range(40, 50)}
    runs = 0
    error = ExecutionError("not yet run")
    while error is not None:
        outcomes, error = run(tmp_path, part(Scripted(errors=poison), n=50))
        assert error is None or "in a row" in str(error)
        runs += 1
        # Each stop journals what was failing, so every resume gets further.
        assert runs <= 5
    assert len(outcomes) == 100
    assert sum(isinstance(found[0], Failure) for found in outcomes.values()) == 20


@pytest.mark.parametrize("kind", [ContextTooLong, ContentFiltered])
def test_long_or_filtered_prompts_at_the_end_do_not_stop_a_run(tmp_path, kind):
    poison = {str(i): (lambda: kind("not this one", status=400)) for i in range(30, 50)}
    outcomes, error = run(tmp_path, part(Scripted(errors=poison), n=50))
    assert error is None
    assert {found[0].kind for found in outcomes.values() if isinstance(found[0], Failure)} == {kind.kind}
    assert sum(isinstance(found[0], Failure) for found in outcomes.values()) == 40


@pytest.mark.parametrize("kind", [ContextTooLong, ContentFiltered])
def test_nor_where_the_others_were_answered_before_the_run_was_resumed(tmp_path, kind):
    poison = {str(i): (lambda: kind("not this one", status=400)) for i in range(30, 50)}
    run(tmp_path, part(Scripted(errors=poison), n=50), max_requests=60)
    backend = Scripted(errors=poison)
    outcomes, error = run(tmp_path, part(backend, n=50))
    assert (error, set(backend.asked)) == (None, set(poison))
    assert sum(isinstance(found[0], Failure) for found in outcomes.values()) == 40


@pytest.mark.parametrize("kind", [ContextTooLong, ContentFiltered])
def test_nor_where_the_answers_to_the_others_come_from_the_cache(tmp_path, kind):
    poison = {str(i): (lambda: kind("not this one", status=400)) for i in range(30, 50)}
    clock = VirtualClock()

    class Dated(Scripted):
        async def answer(self, request):
            return structs.replace(await super().answer(request), at=clock.time())

    with contextlib.closing(Cache(tmp_path / "cache.sqlite")) as cache:
        run(None, part(Dated(errors=poison), n=50), clock=clock, cache=cache)
        backend = Dated(errors=poison)
        outcomes, error = run(None, part(backend, n=50), clock=clock, cache=cache)
    assert (error, set(backend.asked)) == (None, set(poison))
    assert sum(isinstance(found[0], Failure) for found in outcomes.values()) == 40


@pytest.mark.parametrize("kind", [ContextTooLong, ContentFiltered])
def test_nor_where_they_come_before_the_first_good_one(tmp_path, kind):
    poison = {str(i): (lambda: kind("not this one", status=400)) for i in range(45)}
    backend = Scripted(errors=poison)
    outcomes, error = run(tmp_path, part(backend, n=50))
    assert error is None
    assert sum(isinstance(found[0], Response) for found in outcomes.values()) == 10
    assert len(backend.asked) == 100, "each is asked once"


def test_a_refused_key_stops_at_once(tmp_path):
    backend = Scripted(errors={"*": lambda: AuthFailed("wrong key", status=401)})
    _, error = run(tmp_path, part(backend, n=100))
    assert "refused access" in str(error)
    assert len(backend.asked) == 2, "one a side"


def test_a_model_that_is_not_there_stops_a_run_at_once_also_beside_one_that_is(tmp_path):
    work, missing = part(Scripted(), n=100), Scripted(errors={"*": lambda: ModelNotFound("no such model", status=404)})
    sides = work.sides | {"candidate": structs.replace(work.sides["candidate"], backend=missing)}
    _, error = run(tmp_path, structs.replace(work, sides=sides), concurrency=64)
    assert str(error) == "candidate: the first request was refused: no such model"
    assert len(missing.asked) == 1


def test_a_name_that_is_lost_once_the_model_has_answered_costs_one_request(tmp_path):
    work = part(Scripted(errors={"7": lambda: ModelNotFound("gone for a moment", status=404)}))
    outcomes, error = run(tmp_path, work)
    assert error is None
    assert sum(isinstance(found[0], Failure) for found in outcomes.values()) == 2


@pytest.mark.parametrize("cap", [79, 60], ids=["it alone is left", "it comes back first"])
def test_nor_does_it_end_a_run_that_is_resumed(tmp_path, cap):
    lost = {"7": lambda: ModelNotFound("gone for a moment", status=404)}
    run(tmp_path, part(Scripted(errors=lost), n=40), max_requests=cap)
    outcomes, error = run(tmp_path, part(Scripted(errors=lost), n=40))
    assert error is None
    assert len(outcomes) == 80
    assert sum(isinstance(found[0], Failure) for found in outcomes.values()) == 2


def test_one_that_comes_first_in_a_resumed_run_ends_it_once_a_side(tmp_path):
    lost = {"7": lambda: ModelNotFound("gone for a moment", status=404)}
    run(tmp_path, part(Scripted(errors=lost), n=40), max_requests=14, concurrency=1)
    ends = [run(tmp_path, part(Scripted(errors=lost), n=40), concurrency=1)[1] for _ in range(3)]
    assert [error and str(error) for error in ends] == [
        "baseline: the first request was refused: gone for a moment",
        "candidate: the first request was refused: gone for a moment",
        None,
    ]


def test_a_model_that_was_never_there_ends_every_resume_at_its_first_request(tmp_path):
    for _ in range(4):
        missing = Scripted(errors={"*": lambda: ModelNotFound("no such model", status=404)})
        _, error = run(tmp_path, part(missing, n=100), concurrency=64)
        assert "the first request was refused: no such model" in str(error)
        assert len(missing.asked) == 2, "one a side"


def test_a_model_that_is_gone_when_a_run_is_resumed_costs_one_request_a_side(tmp_path):
    run(tmp_path, part(Scripted(), n=100), max_requests=50)
    missing = Scripted(errors={"*": lambda: ModelNotFound("no such model", status=404)})
    _, error = run(tmp_path, part(missing, n=100), concurrency=64)
    assert "the first request was refused: no such model" in str(error)
    assert len(missing.asked) == 2


def test_a_first_answer_that_takes_long_is_not_waited_for(tmp_path):
    clock = VirtualClock()
    at = []

    class Slow(Scripted):
        async def answer(self, request):
            at.append(clock.monotonic())
            await clock.sleep(60.0)
            return await super().answer(request)

    outcomes, error = run(None, part(Slow(), n=16), clock=clock, concurrency=32)
    assert error is None
    assert at[:2] == [0.0, 0.0]
    assert at[2] == SCOUTING_S
    assert max(at) < 2.0
    assert len(outcomes) == 32


@pytest.mark.parametrize(
    ("cap", "most"), [({"max_requests": 20}, 20), ({"max_tokens": 150}, 10 + 4)], ids=["requests", "tokens"]
)
def test_a_cap_overshoots_by_at_most_what_is_in_flight(tmp_path, cap, most):
    backend = Scripted()
    outcomes, error = run(tmp_path, part(backend, n=100), **cap)
    assert isinstance(error, BudgetReached)
    assert len(backend.asked) <= most
    assert len(outcomes) == len(backend.asked)


def test_a_resumed_run_asks_only_what_is_missing(tmp_path):
    run(tmp_path, part(Scripted(), n=50), max_requests=30)
    backend = Scripted()
    outcomes, error = run(tmp_path, part(backend, n=50))
    assert error is None
    assert len(backend.asked) == 70
    assert len(outcomes) == 100


def test_a_bug_in_a_backend_costs_its_requests_only(tmp_path):
    backend = Scripted(errors={"3": lambda: KeyError("oops")})
    outcomes, error = run(tmp_path, part(backend))
    assert error is None
    assert outcomes["baseline", "3"][0].kind == "backend_error"
    assert "oops" not in outcomes["baseline", "3"][0].message


def test_in_flight_never_exceeds_the_limit(tmp_path):
    at_once, most, done = 0, 0, 0
    is_full = asyncio.Event()

    class Counting(Scripted):
        async def answer(self, request):
            nonlocal at_once, most, done
            at_once += 1
            most = max(most, at_once)
            if most == 7:
                is_full.set()
            if done:  # the first is sent alone
                await asyncio.wait_for(is_full.wait(), 30)
            await asyncio.sleep(0.001)
            at_once, done = at_once - 1, done + 1
            return await super().answer(request)

    run(tmp_path, part(Counting(), n=40), concurrency=7)
    assert most == 7


def test_backoff_doubles_and_is_capped():
    assert [backoff_s(n, 0.999999) for n in (1, 2, 3)] == pytest.approx([0.5, 1.0, 2.0], rel=1e-4)
    assert backoff_s(20, 0.9999) <= 30.0


@pytest.mark.parametrize(
    ("error", "attempt", "wait"),
    [
        (RateLimited("x", retry_after_s=7.0), 1, 7.0),
        (RateLimited("x", retry_after_s=601.0), 1, None),
        (RateLimited("x"), MAX_ATTEMPTS, None),
        (BadRequest("x"), 1, None),
        (AuthFailed("x"), 1, None),
        (Overloaded("x", retry_after_s=3.0), 2, 3.0),
    ],
)
def test_the_retry_table(error, attempt, wait):
    assert pause_s(error, attempt, 0.0) == wait
