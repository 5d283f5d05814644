"""Earlier runs read for a plan: nothing written, pauses not counted, what cannot be read is not known."""

import asyncio
import hashlib

import pytest

from evalkit.errors import ExecutionError
from evalkit.store.cache import Cache
from evalkit.store.home import run_folder
from evalkit.store.journal import Journal
from evalkit.store.past import cached_answers, newest_run
from evalkit.types import Failure, Key, Response, Usage


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def answer(at, **more):
    return Response(text="red", finish="stop", usage=Usage(input_tokens=10, output_tokens=2), at=at, **more)


def write_run(name, outcomes, suite="colours"):
    async def write():
        with Journal.open(run_folder(name) / "journal.sqlite") as journal:
            journal.set_meta({"suite": suite})
            for i, outcome in enumerate(outcomes):
                await journal.append(Key(suite=suite, role="baseline", sample_id=f"s{i}"), "", outcome)

    asyncio.run(write())


def prints(folder):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_newest_run_of_this_suite_that_asked_something(home):
    write_run("20260101", [answer(float(i)) for i in range(1, 12)])
    write_run("20260102", [answer(2.0 * i, is_cached=True) for i in range(1, 12)])
    write_run("20260103", [answer(9.0 * i) for i in range(1, 12)], suite="other")
    before = prints(home)
    found = newest_run("colours")
    assert found.run == "20260101"
    assert found.answers_per_s == pytest.approx(1.0)
    assert found.tokens == {("colours", "baseline"): (10.0, 2.0)}
    assert prints(home) == before
    assert newest_run("nobody's") is None


def test_a_pause_is_not_the_servers_pace():
    write_run("20260101", [answer(float(i)) for i in range(1, 61)] + [answer(1e6 + i) for i in range(60)])
    assert newest_run("colours").answers_per_s == pytest.approx(119 / (59 + 60 + 59))


def test_too_few_answers_have_no_pace_and_failures_are_no_answers():
    write_run(
        "20260101",
        [answer(float(i)) for i in range(1, 9)] + [Failure(kind="x", message="", at=float(i)) for i in range(9)],
    )
    assert newest_run("colours").answers_per_s is None


def test_what_cannot_be_read_is_not_known(home):
    write_run("20260101", [answer(float(i)) for i in range(1, 12)])
    newer = home / "runs" / "20260102"
    newer.mkdir()
    (newer / "journal.sqlite").write_bytes(b"no database at all" * 100)
    assert newest_run("colours").run == "20260101"
    (home / "cache.sqlite").write_bytes(b"no database at all" * 100)
    assert cached_answers({"f"}, now=0.0) == {}


def test_the_cache_is_read_and_not_written(home):
    assert cached_answers({"f"}, now=1.0) == {}
    assert not home.exists()
    cache = Cache(home / "cache.sqlite")
    cache.put([("f", answer(1.0))])
    # While another evalkit has it open, its newest answers stand in the log beside the file.
    assert set(cached_answers({"f", "g"}, now=2.0)) == {"f"}
    cache.close()
    before = prints(home)
    assert set(cached_answers({"f", "g"}, now=2.0)) == {"f"}
    assert cached_answers({"f"}, now=1e9) == {}
    assert prints(home) == before
    reading = Cache(home / "cache.sqlite", is_read_only=True)
    with pytest.raises(ExecutionError):
        reading.put([("g", answer(1.0))])
    reading.close()
