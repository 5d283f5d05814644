"""A cap on requests, tokens or money is overshot by what was in flight when it was reached, and by nothing else."""

import random

import pytest
from engines import Scripted, part, run

from evalkit.errors import BudgetReached, Overloaded, RateLimited
from evalkit.testing import VirtualClock
from evalkit.types import Price, Response, Usage

IN, OUT = 100, 20
PRICE = Price(input=2.0, output=10.0)
USD = (IN * PRICE.input + OUT * PRICE.output) / 1e6


class Costly(Scripted):
    """Answers after a moment, but refuses or fails some; counts what it was asked and what it charged for."""

    def __init__(self, clock, faults):
        super().__init__()
        self.clock, self.faults, self.rng = clock, faults, random.Random(3)  # noqa: S311 - a fixed draw
        self.sends = self.charged = 0

    async def answer(self, request):
        self.sends += 1
        await self.clock.sleep(self.rng.uniform(0.02, 0.2))
        draw = self.rng.random()
        if draw < self.faults:
            raise RateLimited("slow down", retry_after_s=1.0) if draw < self.faults / 2 else Overloaded("hiccup")
        self.charged += 1
        return Response(text="ok", finish="stop", usage=Usage(input_tokens=IN, output_tokens=OUT))


@pytest.mark.parametrize("faults", [0.0, 0.1, 0.6], ids=["no faults", "some faults", "a server at its limit"])
@pytest.mark.parametrize("concurrency", [1, 8, 64])
@pytest.mark.parametrize("cap", ["max_requests", "max_tokens", "max_usd"])
def test_overshoot_is_at_most_what_is_in_flight(cap, concurrency, faults):
    clock = VirtualClock()
    backend = Costly(clock, faults)
    limit = {"max_requests": 100, "max_tokens": 100 * (IN + OUT), "max_usd": 100 * USD}[cap]
    work = part(backend, n=400, endpoint="http://x", price=PRICE)
    outcomes, error = run(None, work, clock=clock, concurrency=concurrency, **{cap: limit})
    assert isinstance(error, BudgetReached)
    assert f"--{cap.replace('_', '-')}" in str(error)
    if cap == "max_requests":
        assert backend.sends == 100
    else:
        # The cap is noticed once it is reached; what was sent by then still comes in, and is kept.
        assert 100 <= backend.charged <= 100 + concurrency
    answered = sum(isinstance(found[0], Response) for found in outcomes.values())
    assert answered == backend.charged


def test_a_cap_that_is_not_reached_stops_nothing():
    clock = VirtualClock()
    outcomes, error = run(
        None, part(Costly(clock, 0.0), n=50, price=PRICE), clock=clock, max_requests=101, max_usd=101 * USD
    )
    assert error is None
    assert len(outcomes) == 100
