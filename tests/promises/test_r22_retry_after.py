"""A wish for a pause is granted, in whatever form it comes; and it does not slow down those it is not meant for."""

import asyncio
import random

import pytest
from engines import Scripted, part, run

from evalkit.backends.chat_reply import Secrets, error_for
from evalkit.backends.http.reply import Reply
from evalkit.errors import Overloaded, RateLimited
from evalkit.run.plan import Part
from evalkit.run.retry import pause_s
from evalkit.testing import VirtualClock
from evalkit.types import Failure, Response

START = 1_700_000_000.0
IN_40_S = "Tue, 14 Nov 2023 22:14:00 GMT"

WISHES = [
    ({"retry-after": "2"}, 2.0),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": " 3 "}, 3.0),
    ({"retry-after": "2s"}, 2.0),
    ({"retry-after": "1m30s"}, 90.0),
    ({"retry-after": "2500ms"}, 2.5),
    ({"retry-after": "600"}, 600.0),
    ({"retry-after": IN_40_S}, 40.0),
    ({"retry-after": "Tuesday, 14-Nov-23 22:14:00 GMT"}, 40.0),
    ({"retry-after": "Tue Nov 14 22:14:00 2023"}, 40.0),
    ({"retry-after": IN_40_S, "date": "Tue, 14 Nov 2023 22:13:30 GMT"}, 30.0),
    ({"retry-after": "2023-11-14T22:14:00Z"}, 40.0),
    ({"retry-after": "2023-11-14T23:14:00+01:00"}, 40.0),
    ({"retry-after": str(int(START) + 20)}, 20.0),
    ({"retry-after-ms": "1500"}, 1.5),
    ({"retry-after-ms": "2500", "retry-after": "2"}, 2.5),
    ({"retry-after-ms": "?", "retry-after": "2"}, 2.0),
    ({"x-ratelimit-reset-requests": "4s"}, 4.0),
    ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
    ({"x-ratelimit-reset-requests": "1200ms"}, 1.2),
    ({"x-ratelimit-reset-requests": "9"}, 9.0),
    ({"x-ratelimit-reset-tokens": "8.64s"}, 8.64),
    ({"x-ratelimit-reset-tokens": "1m0.5s", "x-ratelimit-remaining-tokens": "0"}, 60.5),
    (
        {
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-remaining-requests": "7",
            "x-ratelimit-reset-tokens": "6m0s",
            "x-ratelimit-remaining-tokens": "0",
        },
        360.0,
    ),
    ({"x-ratelimit-reset": "12"}, 12.0),
    ({"x-ratelimit-reset": str(START + 30)}, 30.0),
    ({"anthropic-ratelimit-requests-reset": "2023-11-14T22:13:50Z"}, 30.0),
    ({"anthropic-ratelimit-tokens-reset": "2023-11-14T22:14:20Z"}, 60.0),
    (
        {
            "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:14:10+00:00",
            "anthropic-ratelimit-input-tokens-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:25Z",
            "anthropic-ratelimit-requests-remaining": "12",
        },
        50.0,
    ),
    ({"retry-after": "5", "x-ratelimit-reset-requests": "1s"}, 5.0),
]


def test_there_are_at_least_thirty_forms():
    assert len({str(headers) for headers, _ in WISHES}) >= 30


class Refusing(Scripted):
    """Refuses everything with these headers until so many seconds have passed, and notes when it is asked."""

    def __init__(self, clock, reply, asked_s):
        super().__init__()
        self.clock, self.reply, self.asked_s, self.at = clock, reply, asked_s, []

    async def answer(self, request):
        self.at.append(self.clock.monotonic())
        await asyncio.sleep(0)
        if self.at[-1] < self.asked_s:
            raise error_for(self.reply, secrets=Secrets(), now=START)
        return Response(text="ok", finish="stop")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("headers", "asked_s"), WISHES, ids=[str(headers) for headers, _ in WISHES])
def test_nothing_is_sent_early(headers, asked_s, status):
    clock = VirtualClock(START)
    backend = Refusing(clock, Reply(status=status, headers=headers, body=b"{}"), asked_s)
    outcomes, error = run(None, part(backend, n=30, endpoint="http://x"), clock=clock, concurrency=16)
    assert error is None
    assert {found[0].text for found in outcomes.values()} == {"ok"}
    before = [moment for moment in backend.at if moment < asked_s]
    # Thirteen refusals show a limit, sixteen requests are in flight; after them nobody asks, refused or not.
    assert len(before) <= 13 + 16
    assert max(before) == 0.0
    assert len(backend.at) == 60 + len(before)


class HalfRefused(Scripted):
    """Refuses the baseline for the first five seconds and asks for a minute; the candidate is always answered."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.candidate_at = clock, []

    async def answer(self, request):
        await self.clock.sleep(0.01)
        if request.key.role == "baseline" and self.clock.monotonic() < 5.0:
            raise RateLimited("slow down", retry_after_s=60.0)
        if request.key.role == "candidate":
            self.candidate_at.append(self.clock.monotonic())
        return await super().answer(request)


@pytest.mark.parametrize(("endpoint", "waits"), [("http://x", True), ("", False)], ids=["one endpoint", "two"])
def test_sides_wait_together_only_where_they_share_an_endpoint(endpoint, waits):
    clock = VirtualClock()
    base, tuned = HalfRefused(clock), HalfRefused(clock)
    work = part(base, n=300, endpoint=endpoint)
    apart = part(tuned, n=300, endpoint=endpoint).sides["candidate"]
    run(None, Part(suite=work.suite, sides={**work.sides, "candidate": apart}), clock=clock, concurrency=64)
    assert len(tuned.candidate_at) == 300
    # Workers wait with the side that waits, so the other one does not run ahead; but it is not refused anything.
    meanwhile = [moment for moment in tuned.candidate_at if 0.5 < moment < 60.0]
    assert (not meanwhile) if waits else sum(moment < 60.0 for moment in tuned.candidate_at) >= 20


@pytest.mark.parametrize("latency_ms", [(20, 20), (20, 50), (50, 50)])
def test_faults_by_chance_cost_no_more_than_they_demand(latency_ms):
    low, high = (ms / 1000 for ms in latency_ms)

    def phase_s(refusals, failures):
        clock, rng = VirtualClock(), random.Random(7)  # noqa: S311 - a fixed draw of faults
        demanded = {}

        class Faulty(Scripted):
            def demanding(self, key, error):
                pauses = demanded.setdefault(key, [])
                pauses.append(pause_s(error, len(pauses) + 1, 1.0) or 0.0)
                return error

            async def answer(self, request):
                await clock.sleep(rng.uniform(low, high))
                draw = rng.random()
                if draw < refusals:
                    raise self.demanding(request.key, RateLimited("slow down", retry_after_s=1.0))
                if draw < refusals + failures:
                    raise self.demanding(request.key, Overloaded("hiccup", status=500))
                return Response(text="ok", finish="stop")

        outcomes, error = run(None, part(Faulty(), n=2000, endpoint="http://x"), clock=clock, concurrency=256)
        assert error is None
        assert len(outcomes) == 4000
        assert not any(isinstance(found[0], Failure) for found in outcomes.values())
        return clock.monotonic(), max(map(sum, demanded.values()), default=0.0)

    plain_s, _ = phase_s(0.0, 0.0)
    faulty_s, demanded_s = phase_s(0.05, 0.02)
    # The request with the worst luck may be among the last.
    assert faulty_s <= 1.5 * plain_s + demanded_s, (plain_s, faulty_s, demanded_s)


def test_a_real_limit_is_used_and_kept_by_the_whole_engine():
    clock = VirtualClock()
    state = {"level": 50.0, "at": 0.0, "refused": 0, "asked": 0}

    class Limited(Scripted):
        async def answer(self, request):
            now = clock.monotonic()
            state["level"], state["at"] = min(50.0, state["level"] + (now - state["at"]) * 50.0), now
            state["asked"] += 1
            if state["level"] < 1.0:
                state["refused"] += 1
                await clock.sleep(0.02)
                raise RateLimited("too many", retry_after_s=1.0)
            state["level"] -= 1.0
            await clock.sleep(0.1)
            return Response(text="ok", finish="stop")

    outcomes, error = run(None, part(Limited(), n=3000, endpoint="http://x"), clock=clock, concurrency=64)
    assert error is None
    assert not any(isinstance(found[0], Failure) for found in outcomes.values())
    assert 6000 / clock.monotonic() >= 0.9 * 50
    assert state["refused"] <= 0.02 * state["asked"]


TROUBLES = {
    "a quarter of the usual limit for 20 s": (12.5, 40.0, 1.0, 40.0),
    "nothing at all for 5 s, and wishes for 89 s": (0.0, 25.0, 89.0, 114.0),
}
"""What the server takes a second from 20 s on, until when, its wish, and when a client that grants it is free again."""


@pytest.mark.parametrize(("low", "until", "asked_s", "free_at"), TROUBLES.values(), ids=TROUBLES)
def test_the_usual_limit_is_used_again_within_a_minute(low, until, asked_s, free_at):
    """Fifty a second before and after; from less than a quarter of it the way back takes longer, by design."""
    clock = VirtualClock()
    answered, level, at = [], 50.0, 0.0

    class Troubled(Scripted):
        async def answer(self, request):
            nonlocal level, at
            now = clock.monotonic()
            limit = low if 20.0 <= now < until else 50.0
            level, at = min(limit, level + (now - at) * limit), now
            if level < 1.0:
                await clock.sleep(0.02)
                raise RateLimited("too many", retry_after_s=asked_s if limit == low else 1.0)
            level -= 1.0
            await clock.sleep(0.1)
            answered.append(now)
            return Response(text="ok", finish="stop")

    _, error = run(None, part(Troubled(), n=3000, endpoint="http://x"), clock=clock, concurrency=64)
    assert error is None
    start = free_at + 60.0
    before, after = (sum(begin < seen <= begin + 10.0 for seen in answered) for begin in (8.0, start))
    assert before >= 0.9 * 10 * 50
    assert after >= 0.8 * before
    assert max(answered) > start + 10.0
