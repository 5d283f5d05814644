import asyncio
import gc
import sqlite3
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import ExecutionError
from evalkit.store.codec import decode, encode
from evalkit.store.files import point_latest, write_atomic
from evalkit.store.home import RunLock, new_run_id
from evalkit.store.journal import Journal
from evalkit.types import Failure, Key, Response, Usage

ANSWER = Response(text="red", finish="stop", usage=Usage(input_tokens=3, output_tokens=1), latency_s=0.5, at=1.0)
LOST = Failure(kind="overloaded", message="busy", status=503, attempts=5, at=1.0)


def key(sample="1", role="baseline", repeat=0):
    return Key(suite="s", role=role, sample_id=sample, repeat=repeat)


def write(path, *entries):
    async def put():
        with Journal.open(path) as journal:
            await asyncio.gather(*(journal.append(k, "f", outcome) for k, outcome in entries))

    asyncio.run(put())


def read(path, suite="s"):
    with Journal.open(path) as journal:
        return dict(journal.outcomes(suite))


text = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)


@settings(max_examples=200, deadline=None)
@given(answer=text, sample=text)
def test_any_text_comes_back_as_it_was(tmp_path_factory, answer, sample):
    path = tmp_path_factory.mktemp("j") / "journal.sqlite"
    outcome = Response(text=answer, finish="stop")
    write(path, (key(sample), outcome))
    assert read(path) == {key(sample): outcome}


def test_outcomes_survive_encoding():
    assert decode(encode(ANSWER)) == ANSWER
    assert decode(encode(LOST)) == LOST
    with pytest.raises(ExecutionError, match="cannot be read"):
        decode(b'{"is": "respo')


def test_a_failure_may_be_replaced_by_an_answer_but_never_an_answer(tmp_path):
    path = tmp_path / "journal.sqlite"
    write(path, (key(), LOST))
    write(path, (key(), ANSWER))
    write(path, (key(), LOST))
    assert read(path) == {key(): ANSWER}
    with Journal.open(path) as journal:
        assert journal.answered() == {key()}
        assert journal.failed() == set()


def test_one_row_a_key(tmp_path):
    path = tmp_path / "journal.sqlite"
    write(path, *[(key(str(i), role), ANSWER) for i in range(300) for role in ("baseline", "candidate")] * 2)
    assert len(read(path)) == 600


def test_a_block_of_samples_is_read_by_itself(tmp_path):
    path = tmp_path / "journal.sqlite"
    sides = ("baseline", "candidate", "prompted")
    write(
        path,
        *[
            (key(f"s{i}", role, repeat), Response(text=f"{i} {role} {repeat}", finish="stop"))
            for i in range(450)
            for role in sides
            for repeat in (2, 0, 1)
        ],
        (key("\ud800 \x00"), LOST),
        (Key(suite="other", role="baseline", sample_id="s1"), ANSWER),
    )
    with Journal.open(path) as journal:
        found = journal.read("s", [f"s{i}" for i in range(10, 440)] + ["\ud800 \x00", "no such sample"])
        assert journal.read("other", ["s1", "s2"]) == {("baseline", "s1"): [ANSWER]}
        assert journal.read("nobody", ["s1"]) == {}
    assert found.pop(("baseline", "\ud800 \x00")) == [LOST]
    assert set(found) == {(role, f"s{i}") for i in range(10, 440) for role in sides}
    assert all([o.text for o in v] == [f"{i[1:]} {role} {n}" for n in range(3)] for (role, i), v in found.items())


def test_a_block_is_read_without_a_sort_or_a_scan(tmp_path):
    path = tmp_path / "journal.sqlite"
    write(path, *[(key(i, role), ANSWER) for i in "abc" for role in ("baseline", "candidate")])
    with Journal.open(path) as journal:
        asked = []
        journal._connection.set_trace_callback(asked.append)
        journal.read("s", ["a", "b"])
        journal._connection.set_trace_callback(None)
        plans = [row[3] for q in asked for row in journal._connection.execute(f"EXPLAIN QUERY PLAN {q}")]
    assert asked
    assert not [step for step in plans if "TEMP B-TREE" in step or "SCAN outcomes" in step]


@pytest.mark.parametrize("read_it", [lambda j: list(j.outcomes("s")), lambda j: j.read("s", ["1"])])
def test_a_rotten_row_is_found(tmp_path, read_it):
    path = tmp_path / "journal.sqlite"
    write(path, (key(), ANSWER))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE outcomes SET payload = CAST(replace(CAST(payload AS TEXT), 'red', 'rod') AS BLOB)")
    connection.close()
    with Journal.open(path) as journal, pytest.raises(ExecutionError, match="checksum"):
        read_it(journal)


def test_a_row_moved_to_another_sample_is_found(tmp_path):
    path = tmp_path / "journal.sqlite"
    write(path, (key(), ANSWER))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE outcomes SET role = 'candidate'")
    connection.close()
    with pytest.raises(ExecutionError, match="checksum"):
        read(path)


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(ExecutionError, match=r"damaged.*not a database") as told:
        Journal.open(path)
    assert "evalkit salvage" in str(told.value)


def test_a_full_disk_is_an_execution_error_for_everyone_waiting(tmp_path, monkeypatch):
    path = tmp_path / "journal.sqlite"

    def full(self, statement, rows):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    async def put():
        with Journal.open(path) as journal:
            monkeypatch.setattr(Journal, "_commit", full)
            waiting = [journal.append(key(str(i)), "f", ANSWER) for i in range(10)]
            return await asyncio.gather(*waiting, return_exceptions=True)

    results = asyncio.run(put())
    assert len(results) == 10
    assert all(isinstance(r, ExecutionError) and "help: free about" in str(r) for r in results)
    monkeypatch.undo()
    assert read(path) == {}


def test_nobody_waits_for_a_writer_that_died(tmp_path, monkeypatch, caplog):
    async def put():
        with Journal.open(tmp_path / "journal.sqlite") as journal:
            monkeypatch.setattr(Journal, "_commit", lambda *_: 1 / 0)
            waiting = [journal.append(key(str(i)), "f", ANSWER) for i in range(600)]
            return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10)

    results = asyncio.run(put())
    assert len(results) == 600
    assert all(isinstance(r, ExecutionError) and isinstance(r.__cause__, ZeroDivisionError) for r in results)
    del results
    gc.collect()
    assert not caplog.records  # asyncio would say "Task exception was never retrieved" at any later time


def test_an_append_returns_only_once_the_row_is_committed(tmp_path):
    path = tmp_path / "journal.sqlite"

    async def put():
        with Journal.open(path) as journal:
            await journal.append(key(), "f", ANSWER)
            with sqlite3.connect(path) as other:
                count = other.execute("SELECT count(*) FROM outcomes").fetchone()[0]
            other.close()
            return count

    assert asyncio.run(put()) == 1


def test_the_journal_asks_for_full_durability(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        assert journal._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert journal._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_meta_round_trip(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        assert journal.meta("origin") is None
        journal.set_meta({"origin": {"a": [1, None]}})
        assert journal.meta("origin") == {"a": [1, None]}


def test_a_second_writer_is_refused_at_once(tmp_path):
    with RunLock(tmp_path), pytest.raises(ExecutionError, match="pid"), RunLock(tmp_path):
        pass
    with RunLock(tmp_path):
        pass


def test_run_ids_never_meet():
    assert len({new_run_id() for _ in range(1000)}) == 1000


def test_a_file_is_old_or_new(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_atomic(path, b"old")

    def pieces():
        yield b"new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomic(path, pieces())
    assert path.read_bytes() == b"old"
    write_atomic(path, [b"ne", b"w"])
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_an_unwritable_place_is_an_execution_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExecutionError, match="could not be written"):
        write_atomic(tmp_path / "file" / "below", b"x")


def test_latest_moves_in_one_step(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        point_latest(tmp_path / name)
    assert (tmp_path / "latest").readlink().name == "b"


def test_closing_twice_leaves_no_thread(tmp_path):
    journal = Journal.open(tmp_path / "journal.sqlite")
    journal.close()
    journal.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("evalkit-journal")]
