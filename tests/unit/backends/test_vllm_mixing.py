import asyncio

import pytest

from evalkit.backends.vllm.mixing import QUESTIONS, refuse_mixing
from evalkit.errors import ExecutionError


class Engine:
    """Answers as `base` or `tuned`; as `tuned` to all while a `tuned` is asked, on the questions in `mixed`."""

    def __init__(self, mixed=(), equal=()):
        self.mixed = mixed
        self.equal = equal
        self.tuned = 0

    async def ask(self, name, question):
        self.tuned += name == "tuned"
        await asyncio.sleep(0.001)
        speaker = "tuned" if self.tuned and question in self.mixed else name
        await asyncio.sleep(0.001)
        self.tuned -= name == "tuned"
        return question if question in self.equal else f"{speaker}: {question}"


def seen(engine):
    return asyncio.run(refuse_mixing(engine.ask, ["base", "tuned"]))


def test_an_engine_that_keeps_them_apart_passes():
    assert seen(Engine()) is True


def test_one_that_answers_as_the_adapter_is_refused():
    with pytest.raises(ExecutionError, match=r"(?s)base gives other answers to 6 of 6 questions.*--max-loras"):
        seen(Engine(mixed=QUESTIONS))


def test_an_answer_that_changes_now_and_then_is_no_proof():
    assert seen(Engine(mixed=QUESTIONS[:3])) is True
    with pytest.raises(ExecutionError, match="4 of 6"):
        seen(Engine(mixed=QUESTIONS[:4]))


def test_models_that_answer_alike_tell_nothing():
    assert seen(Engine(mixed=QUESTIONS, equal=QUESTIONS[:4])) is None
