import asyncio
import time

from evalkit.testing import VirtualClock


def test_sleepers_wake_in_order_of_time_then_of_asking():
    clock = VirtualClock(start=1000.0)
    woke = []

    async def sleeper(name, seconds):
        await clock.sleep(seconds)
        woke.append((name, clock.monotonic(), clock.time()))

    async def main():
        await asyncio.gather(sleeper("late", 3600), sleeper("b", 5), sleeper("c", 5), sleeper("a", 1))

    asyncio.run(main())
    assert woke == [("a", 1.0, 1001.0), ("b", 5.0, 1005.0), ("c", 5.0, 1005.0), ("late", 3600.0, 4600.0)]


def test_time_waits_for_work_that_is_ready():
    clock = VirtualClock()
    seen = []

    async def worker():
        for _ in range(100):
            await asyncio.sleep(0)
        seen.append(("worked", clock.monotonic()))
        await clock.sleep(1)
        seen.append(("slept", clock.monotonic()))

    async def main():
        await asyncio.gather(clock.sleep(10), worker())

    asyncio.run(main())
    assert seen == [("worked", 0.0), ("slept", 1.0)]


def test_an_hour_of_pauses_takes_no_time():
    clock = VirtualClock()

    async def main():
        for _ in range(3600):
            await clock.sleep(1)

    started = time.perf_counter()
    asyncio.run(main())
    assert clock.monotonic() == 3600.0
    assert time.perf_counter() - started < 5.0
    assert clock.slept == [1] * 3600


def test_a_cancelled_sleep_moves_no_clock():
    clock = VirtualClock()

    async def main():
        long = asyncio.create_task(clock.sleep(1000))
        await asyncio.sleep(0)
        long.cancel()
        await asyncio.wait([long])
        await clock.sleep(2)

    asyncio.run(main())
    assert clock.monotonic() == 2.0
