import asyncio

import pytest

from evalkit.errors import ConnectionLost
from evalkit.run import gauges
from evalkit.run.progress import Progress


class Engine:
    concurrency = 1
    engine_key = "one"

    def __init__(self, *readings):
        self.readings = list(readings)

    async def gauges(self):
        reading = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        if isinstance(reading, Exception):
            raise reading
        return reading


def watched(*engines, looks=3):
    async def go():
        progress = Progress()
        async with gauges.watching(engines, progress) as seen:
            for _look in range(looks):
                await asyncio.sleep(0.02)
        return seen, progress.engine

    return asyncio.run(go())


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(gauges, "EVERY_S", 0.01)


def reading(at, tokens, **more):
    return {"at": at, "prompt_tokens": 2.0 * tokens, "generation_tokens": tokens, **more}


def test_two_sides_on_one_engine_are_looked_at_once_and_summed_up():
    engine = Engine(
        reading(0.0, 0.0, running=2.0, prefix_queries=0.0, prefix_hits=0.0),
        reading(5.0, 600.0, running=32.0, waiting=4.0, prefix_queries=100.0, prefix_hits=25.0),
        reading(10.0, 800.0, running=0.0, waiting=0.0, prefix_queries=200.0, prefix_hits=50.0),
    )
    seen, _ = watched(engine, engine, looks=10)
    assert seen["one"].summary() == {
        "seconds": 10.0,
        "prompt_tokens": 1600,
        "prompt_tokens_per_s": 160.0,
        "generation_tokens": 800,
        "generation_tokens_per_s": 80.0,
        "prefix_cache_hit_share": 0.25,
        "most_running": 32,
        "most_waiting": 4,
    }


def test_a_look_that_fails_stops_nothing():
    seen, said = watched(Engine(ConnectionLost("gone")))
    assert (seen, said) == ({}, "")


def test_backends_that_count_nothing_are_left_alone():
    assert watched(object()) == ({}, "")


def test_an_engine_that_was_idle_says_no_rate():
    engine = Engine(reading(1.0, 5.0))
    seen, _ = watched(engine)
    assert seen["one"].summary()["generation_tokens_per_s"] is None
