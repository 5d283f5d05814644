"""The ledger of uses: append-only, several writers, healed after a crash, told when it cannot be kept."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs, to_builtins

from evalkit.errors import ExecutionError
from evalkit.store.ledger import Use, opened

USE = Use(at="2026-01-01T00:00:00+00:00", suite="s", samples="d", candidate="fp1:a", run="r", n=200, verdict="ship")


def add(path, *candidates):
    for candidate in candidates:
        with opened(path) as book:
            book.add(structs.replace(USE, candidate=candidate))


def candidates(path):
    with opened(path) as book:
        return [use.candidate for use in book.uses]


def test_one_line_a_use_that_others_can_read(tmp_path):
    path = tmp_path / "state" / "ledger.jsonl"
    add(path, "a", "b")
    lines = path.read_text().splitlines()
    assert [json.loads(line)["candidate"] for line in lines] == ["a", "b"]
    assert json.loads(lines[0]) == {"v": 1, **to_builtins(structs.replace(USE, candidate="a"))}
    with opened(path) as book:
        assert book.uses[0] == structs.replace(USE, candidate="a")
        assert book.unreadable == 0


def test_a_line_torn_anywhere_heals_and_costs_itself_only(tmp_path):
    path = tmp_path / "ledger.jsonl"
    add(path, "a", "b")
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        add(path, "c")
        expected = ["a", "b", "c"] if cut == len(whole) - 1 else ["a", "c"]
        assert candidates(path) == expected
        assert path.read_bytes().startswith(whole[:cut])  # append-only, even then


def test_what_a_merge_leaves_is_passed_over_and_counted(tmp_path):
    path = tmp_path / "ledger.jsonl"
    add(path, "a")
    odd = [b"<<<<<<< HEAD", b"=======", b"[1]", b"{}", b'"x"', b"[" * 4000, b"x" * 5000, b"\xff\xfe", b'{"n": 1e999}']
    path.write_bytes(path.read_bytes() + b"\n".join(odd) + b"\n\n")
    add(path, "b")
    with opened(path) as book:
        assert [use.candidate for use in book.uses] == ["a", "b"]
        assert book.unreadable == len(odd)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_a_ledger(tmp_path, content):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(content)
    add(path, "a")
    assert candidates(path)[-1] == "a"


def test_several_processes_lose_nothing(tmp_path):
    path = tmp_path / "ledger.jsonl"
    code = (
        "import sys\nfrom pathlib import Path\nfrom msgspec import structs\n"
        "from evalkit.store.ledger import Use, opened\n"
        "use = Use(at='', suite='s', samples='d', candidate='', run='r', n=1, verdict='ship')\n"
        "for i in range(25):\n"
        "    with opened(Path(sys.argv[1])) as book:\n"
        "        book.add(structs.replace(use, candidate=f'{sys.argv[2]}-{len(book.uses)}'))\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, str(path), str(i)]) for i in range(4)]
    assert [child.wait(timeout=60) for child in children] == [0] * 4
    found = candidates(path)
    # Each writer saw all that was there before it: nobody counts from an old number.
    assert [int(name.partition("-")[2]) for name in found] == list(range(100))


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo])
def test_what_is_no_file_is_told(tmp_path, make):
    path = tmp_path / "ledger.jsonl"
    make(path)
    with pytest.raises(ExecutionError, match=r"ledger\.jsonl cannot be kept"), opened(path):
        pass


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    def full(_descriptor, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evalkit.store.ledger.os.write", full)
    with pytest.raises(ExecutionError, match="No space left"):
        add(tmp_path / "ledger.jsonl", "a")
