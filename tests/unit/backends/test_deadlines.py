import asyncio

from evalkit.backends.http.deadlines import Deadlines


def expired(plan, seconds=0.3):
    """What expired, in order, after `plan(deadlines, now)` was carried out and so many seconds have passed."""
    gone = []

    async def main():
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(gone.append)
        plan(deadlines, loop.time())
        await asyncio.sleep(seconds)
        deadlines.close()

    asyncio.run(main())
    return gone


def test_each_expires_once_in_order_of_time():
    def plan(deadlines, now):
        deadlines.set("late", now + 0.1)
        deadlines.set("early", now + 0.02)
        deadlines.set("middle", now + 0.05)

    assert expired(plan) == ["early", "middle", "late"]


def test_what_is_dropped_put_off_or_forgotten_does_not_expire():
    def plan(deadlines, now):
        deadlines.set("done", now + 0.02)
        deadlines.set("put off", now + 0.02)
        deadlines.drop("done")
        deadlines.drop("never set")
        deadlines.set("put off", now + 60)

    assert expired(plan) == []


def test_works_on_after_everything_was_done():
    def plan(deadlines, now):
        deadlines.set("first", now + 0.02)
        deadlines.close()
        deadlines.set("second", now + 0.02)

    assert expired(plan) == ["second"]
