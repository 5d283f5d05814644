"""No damage to a journal passes for evidence, none ends in a traceback, and every row that is whole is rescued."""

import asyncio
import hashlib
import random
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from bench import scripted

from evalkit.errors import EvalkitError, ExecutionError
from evalkit.store.home import RunLock
from evalkit.store.journal import Journal
from evalkit.store.rows import row_of
from evalkit.store.salvage import rescue
from evalkit.types import Failure, Key, Response

FLIPS = TRUNCATIONS = 200
META = {
    "origin": {f"s: place {i}": "v" * 30 for i in range(200)},
    "suite": "s",
    "planned": {"s": {"baseline": 70, "candidate": 70}},
    "command": "evalkit run s.yaml",
    "finished": False,
}


def entries():
    """Answers from a word to several pages, failures among them."""
    rng = random.Random(2)  # noqa: S311 - makes data
    for i in range(70):
        for role in ("baseline", "candidate"):
            key = Key(suite="s", role=role, sample_id=f"sample {i} ü")
            outcome = Response(text=f"{i} {role} " * rng.choice([1, 20, 200, 3000]), finish="stop", at=1.0)
            if i % 10 == 3:
                outcome = Failure(kind="timed_out", message=f"{i} {role}", attempts=5, at=1.0)
            yield key, hashlib.sha256(f"{i} {role}".encode()).hexdigest(), outcome


async def fill(path, copy_to=None):
    with Journal.open(path) as journal:
        journal.set_meta(META)
        await asyncio.gather(*(journal.append(*entry) for entry in entries()))
        if copy_to:  # as kill -9 leaves it: the newest rows stand in the log
            shutil.copytree(path.parent, copy_to)


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where there is such a place: what is shown here does not depend on a disk, and syncs are slow."""
    place = tempfile.mkdtemp(dir="/dev/shm") if Path("/dev/shm").is_dir() else tmp_path  # noqa: S108 - a folder of its own
    yield Path(place)
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A closed journal of 140 rows, and the same one as it was before its log was emptied."""
    place = tmp_path_factory.mktemp("whole")
    asyncio.run(fill(place / "closed" / "journal.sqlite", place / "killed"))
    return place


ROWS = {row[:4]: row for row in (row_of(*entry) for entry in entries())}


def rows_of(folder):
    """The rows and named values of a journal, as every run reads them; raises where it may not be trusted."""
    with Journal.open(folder / "journal.sqlite") as journal:
        journal.verify()
        return {row[:4]: row for row in journal.rows()}, {name: journal.meta(name) for name in META}


def trusted(folder):
    """What a run says that refuses this journal (empty when it does not), and what it reads from it."""
    try:
        return "", rows_of(folder)
    except EvalkitError as error:
        return str(error), ({}, {})


def damaged_copy(whole, tmp_path, case, name, change):
    folder = tmp_path / str(case)
    shutil.copytree(whole, folder)
    file = folder / name
    data = bytearray(file.read_bytes())
    change(data)
    file.write_bytes(data)
    return folder


def mended(folder):
    """The rows after a rescue, or none when none was possible; what the run was asked must be what it was."""
    rescued = rescue(folder, folder / "cache.sqlite")
    if rescued.state in {"cached", "lost"}:
        return rescued, {}
    rows, meta = rows_of(folder)
    assert meta["origin"] == META["origin"]
    return rescued, rows


def flip_at(place, bit):
    def flip(data):
        data[place] ^= 1 << bit

    return flip


def cases(kind, size, number=FLIPS):
    rng = random.Random(f"{kind} {size}")  # noqa: S311 - chooses where to strike
    return [(rng.randrange(size), rng.randrange(8)) for _ in range(number)]


def test_two_hundred_flipped_bits_pass_nowhere_and_cost_one_row_at_most(whole, tmp_path):
    size = (whole / "closed" / "journal.sqlite").stat().st_size
    noticed = 0
    for case, (place, bit) in enumerate(cases("flip", size)):
        folder = damaged_copy(whole / "closed", tmp_path, case, "journal.sqlite", flip_at(place, bit))
        told, (rows, meta) = trusted(folder)
        if told:
            noticed += 1
            assert "evalkit salvage" in told
            rescued, rows = mended(folder)
            if rescued.state == "cached":  # the flip struck what the run was asked, so every row is whole
                assert sum(side.answers + side.failures for side in rescued.sides) == len(ROWS)
                continue
            assert rescued.state == "mended"
            assert len(rows) >= len(ROWS) - 1, (case, place, bit)
            assert rows.items() <= ROWS.items()
        else:
            assert rows == ROWS, (case, place, bit)
            assert meta == META
        shutil.rmtree(folder)
    assert noticed > FLIPS / 3  # the others struck room that holds nothing


def test_two_hundred_truncations_pass_nowhere_and_lose_only_what_was_cut_off(whole, tmp_path):
    image = (whole / "closed" / "journal.sqlite").read_bytes()
    # The last copy: moved rows leave copies behind in room that is free.
    small = {place: image.rfind(row[6]) + len(row[6]) + 8 for place, row in ROWS.items() if len(row[6]) < 500}
    assert len(small) > 60
    for case, (length, _) in enumerate(cases("cut", len(image), TRUNCATIONS)):
        folder = tmp_path / str(case)
        folder.mkdir()
        (folder / "journal.sqlite").write_bytes(image[:length])
        with pytest.raises(ExecutionError, match="evalkit salvage"):
            rows_of(folder)
        rescued, rows = mended(folder)
        assert rows.items() <= ROWS.items()
        if rescued.state == "mended":
            assert {place for place, end in small.items() if end <= length} <= set(rows), (case, length)
        shutil.rmtree(folder)


def test_a_damaged_log_heals_and_a_rescue_finds_what_healing_drops(whole, tmp_path):
    size = (whole / "killed" / "journal.sqlite-wal").stat().st_size
    assert size > 100_000
    dropped = 0
    for case, (place, bit) in enumerate(cases("log", size, 60)):
        folder = damaged_copy(whole / "killed", tmp_path, case, "journal.sqlite-wal", flip_at(place, bit))
        healed = tmp_path / f"{case} healed"
        shutil.copytree(folder, healed)
        _, (rows, _) = trusted(healed)
        assert rows.items() <= ROWS.items()
        dropped += len(rows) < len(ROWS)
        rescued, rows = mended(folder)
        if rescued.state != "cached":
            assert len(rows) >= len(ROWS) - 1, (case, place, bit)
            assert rows.items() <= ROWS.items()
        shutil.rmtree(folder)
        shutil.rmtree(healed)
    assert dropped > 20


def hide_a_row(file):
    """Makes a leaf page forget its last row, as a flipped bit in its count of rows would; every row stays whole."""
    data = bytearray(file.read_bytes())
    leaves = [page for page in range(4096, len(data), 4096) if data[page] == 10 and data[page + 4] > 1]
    data[leaves[-1] + 4] -= 1
    file.write_bytes(data)


def test_a_row_that_the_tree_forgot_is_missed_and_rescued(whole, tmp_path):
    shutil.copytree(whole / "closed", tmp_path / "f")
    hide_a_row(tmp_path / "f" / "journal.sqlite")
    with pytest.raises(ExecutionError, match="evalkit salvage"):
        rows_of(tmp_path / "f")
    assert mended(tmp_path / "f")[1] == ROWS


def test_an_answer_that_became_text_is_damage_in_words(whole, tmp_path):
    shutil.copytree(whole / "closed", tmp_path / "f")
    sql(tmp_path / "f", "UPDATE outcomes SET payload = CAST(payload AS TEXT) WHERE sample_id LIKE '%sample 5 %'")
    with pytest.raises(ExecutionError, match="fails its checksum"):
        rows_of(tmp_path / "f")


def test_a_page_of_the_log_under_a_wrong_number_hides_no_other(whole, tmp_path):
    size = (whole / "killed" / "journal.sqlite-wal").stat().st_size
    frames = range(32, size - 4120, 4120)
    rng = random.Random(5)  # noqa: S311 - chooses where to strike
    for case in range(40):
        one, other = rng.choice(frames), rng.choice(frames)

        def renumber(data, one=one, other=other):
            data[one : one + 4] = data[other : other + 4]

        folder = damaged_copy(whole / "killed", tmp_path, case, "journal.sqlite-wal", renumber)
        rescued, rows = mended(folder)
        assert rescued.state == "cached" or len(rows) >= len(ROWS) - 1, case
        shutil.rmtree(folder)


def test_what_else_can_happen_to_a_journal(whole, tmp_path):
    """Each ends in words; nothing is taken for a new journal, whose first opening would throw the log away."""
    for number, change in enumerate(
        (
            lambda f: (f / "journal.sqlite").write_bytes(b""),
            lambda f: (f / "journal.sqlite").write_bytes(b"no database " * 999),
            lambda f: (f / "journal.sqlite").write_bytes(b"\0" * 40_960),
            lambda f: (f / "journal.sqlite-wal").unlink(),
            lambda f: sql(f, "UPDATE meta SET value = '3' WHERE name = 'format'"),
            lambda f: sql(f, "DELETE FROM meta WHERE name = 'format'"),
            lambda f: sql(f, "DROP TABLE outcomes"),
        )
    ):
        folder = tmp_path / str(number)
        shutil.copytree(whole / "killed", folder)
        change(folder)
        before = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}
        told, (rows, _) = trusted(folder)
        if told:
            assert "evalkit salvage" in told
        else:  # the log alone still held it all, or, without its log, a journal is as it was some commits ago
            assert rows.items() <= ROWS.items()
            assert number in {1, 2, 3}
        if told and number < 3:
            assert {name: (folder / name).read_bytes() for name in before} == before
            rescued, rows = mended(folder)
            assert rescued.state in {"mended", "cached"}
            # Whatever stood in the log alone is rescued from it.
            assert len(rows) > 20 or sum(s.answers for s in rescued.sides) > 20


def sql(folder, statement):
    with sqlite3.connect(folder / "journal.sqlite") as connection:
        connection.execute(statement)
    connection.close()


def test_salvage_says_what_it_found_and_how_to_go_on(bench):
    with scripted(20, 50) as server:
        suite = bench.write_suite(server.base_url, 60, run={"concurrency": 8})
        first = bench.run(suite, "--no-cache").document
        run, asked = first["run"], len(server.ledger.chats)
        folder = bench.folder / ".evalkit" / "runs" / run
        file = folder / "journal.sqlite"
        whole = file.read_bytes()
        hide_a_row(file)
        refused = bench.run(suite, "--no-cache", "--resume", run)
        assert (refused.code, len(server.ledger.chats)) == (5, asked)
        data = bytearray(whole)
        for place in range(5000, len(data), 4096):
            data[place] ^= 0x20
        file.write_bytes(data)
        refused = bench.run(suite, "--no-cache", "--resume", run)
        assert refused.code == 5
        assert "is damaged" in refused.err
        assert f"evalkit salvage {run}" in refused.err
        assert len(server.ledger.chats) == asked
        with RunLock(folder):
            busy = bench.evalkit("salvage", run)
        assert busy.code == 5
        assert "being written by another evalkit" in busy.err
        found = bench.evalkit("salvage", run, "--json")
        assert found.code == 0, found.err
        document = found.document
        assert document["state"] == "mended"
        assert {(row["suite"], row["role"], row["planned"]) for row in document["rows"]} == {
            ("colours", "baseline", 60),
            ("colours", "candidate", 60),
        }
        left = document["to_ask"]
        assert 0 < left < 60
        assert left == sum(row["planned"] - row["answers"] for row in document["rows"])
        assert sum(row["damaged"] for row in document["rows"]) > 0
        assert (bench.folder / document["kept"][0]).read_bytes() == bytes(data)
        told = bench.evalkit("salvage", suite)
        assert told.code == 0
        assert told.out.startswith(f"run {run}\n")
        assert "nothing needed mending" in told.out
        assert "damaged rows" not in told.out
        assert {row["damaged"] for row in bench.evalkit("salvage", folder, "--json").document["rows"]} == {0}
        assert f"still to ask: {left}" in told.out
        assert document["next"] in told.out
        again = bench.evalkit(*document["next"].split()[1:])
        assert again.code == 0, again.err
        assert len(server.ledger.chats) == asked + left
    for part in ("verdict", "primary", "flips", "outcomes"):
        assert again.document[part] == first[part]
    assert "nothing is left to do" in bench.evalkit("salvage", "colours").out


def test_a_whole_journal_without_a_report_is_not_done(bench):
    with scripted(20, 50) as server:
        suite = bench.write_suite(server.base_url, 60)
        bench.run(suite)
    (journal,) = bench.folder.glob(".evalkit/runs/*/journal.sqlite")
    with Journal.open(journal) as opened:
        opened.set_meta({"finished": False})  # as a process leaves it that dies while the report is made
    found = bench.evalkit("salvage", suite, "--json").document
    assert (found["state"], found["to_ask"]) == ("whole", 0)
    assert "--resume" in found["next"]


def test_a_run_that_lost_its_origin_gives_its_answers_to_the_cache(bench):
    with scripted(20, 50) as server:
        suite = bench.write_suite(server.base_url, 60)
        run = bench.run(suite, "--no-cache").document["run"]
        sql(bench.folder / ".evalkit" / "runs" / run, "UPDATE meta SET value = replace(value, 'exact', 'EXACT')")
        found = bench.evalkit("salvage", run, "--json").document
        assert found["state"] == "cached"
        assert "--resume" not in found["next"]
        asked = len(server.ledger.chats)
        again = bench.run(suite)
        assert again.code == 0
        assert len(server.ledger.chats) - asked == asked - 120  # the probe's


def test_a_damaged_report_is_made_again_from_the_journal(bench):
    with scripted(20, 50) as server:
        suite = bench.write_suite(server.base_url, 60)
        first = bench.run(suite, "--no-cache").document
        folder = bench.folder / "reports" / "colours" / first["run"]
        for name in ("verdict.json", "samples.jsonl"):
            file = folder / name
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        found = bench.evalkit("salvage", first["run"], "--json").document
        assert found["state"] == "whole"
        assert len(found["broken_report_files"]) == 2
        asked = len(server.ledger.chats)
        again = bench.evalkit(*found["next"].split()[1:])
        assert again.code == 0, again.err
        assert len(server.ledger.chats) == asked
    assert again.document["primary"] == first["primary"]
    assert bench.evalkit("salvage", first["run"], "--json").document["next"] is None


def test_there_is_no_such_run(bench):
    refused = bench.evalkit("salvage", "nothing-here")
    assert refused.code == 2
    assert "there is no run 'nothing-here'" in refused.err
    (bench.folder / ".evalkit" / "runs" / "r1").mkdir(parents=True)
    lost = bench.evalkit("salvage", "r1")
    assert lost.code == 5
    assert "without --resume" in lost.err


def test_remains_between_the_pages_of_a_whole_journal_are_no_damage(whole, tmp_path):
    shutil.copytree(whole / "closed", tmp_path / "run")
    journal = tmp_path / "run" / "journal.sqlite"
    with sqlite3.connect(journal) as connection:  # rows that once were: their pages are free, and not emptied
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute(
            "INSERT INTO outcomes "
            "SELECT 'gone', role, sample_id, repeat, request, is_failure, payload, crc FROM outcomes"
        )
        connection.commit()
        connection.execute("DELETE FROM outcomes WHERE suite = 'gone'")
    connection.close()
    found = rescue(tmp_path / "run", tmp_path / "cache.sqlite")
    assert (found.state, found.unplaced) == ("whole", 0)
    assert {side.damaged for side in found.sides} == {0}
