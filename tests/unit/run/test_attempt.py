import asyncio

import pytest

from evalkit.errors import BackendError, ExecutionError, TimedOut
from evalkit.run import attempt
from evalkit.run.attempt import Attempts
from evalkit.testing.contracts import question


class Backend:
    def __init__(self, act):
        self.act = act

    async def answer(self, request):
        return await self.act()


async def forgets_its_limit():
    await asyncio.sleep(3600)


async def crashes():
    raise KeyError("prompt text")


async def cannot_go_on():
    raise ExecutionError("the disk is full")


def ask(act, monkeypatch):
    monkeypatch.setattr(attempt, "FORGOTTEN_S", 0.05)

    async def main():
        attempts = Attempts(0.05)
        try:
            return await attempts.ask(Backend(act), question())
        finally:
            assert asyncio.current_task().cancelling() == 0
            attempts.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("act", "expected", "words"),
    [
        (forgets_its_limit, TimedOut, "no answer within 0.05 s"),
        (crashes, BackendError, "the backend test_attempt.Backend failed with KeyError"),
        (cannot_go_on, ExecutionError, "the disk is full"),
    ],
)
def test_what_becomes_of_it(act, expected, words, monkeypatch):
    with pytest.raises(expected) as caught:
        ask(act, monkeypatch)
    assert str(caught.value) == words


def test_a_cancelled_attempt_is_cancelled(monkeypatch):
    async def main():
        task = asyncio.create_task(Attempts(60.0).ask(Backend(forgets_its_limit), question()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
