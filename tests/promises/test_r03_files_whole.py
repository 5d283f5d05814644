"""Killed at any write, sync or rename, a file that evalkit writes is the old one or the new one, never half of each."""

import json
import re
import subprocess
import sys

import pytest
from bench import Bench, scripted
from tracing import BARE_PYTHON, can_trace, environment

CALLS = "openat,write,fsync,rename,unlink,symlink"
TRACED = ("strace", "-f", "-qq", "-o", "calls.txt", "-e", f"trace={CALLS}")

WRITER = """
import sys
from pathlib import Path
from evalkit.store.files import point_latest, write_atomic

folder, word = Path(sys.argv[1]), sys.argv[2].encode()
for name in ("samples.jsonl", "report.html", "verdict.json"):
    write_atomic(folder / name, (word * 20_000 for _ in range(4)))
point_latest(folder)
"""


pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is not here (tests/prepare.py brings it) or may not")


def traced(folder, command, *flags):
    return subprocess.run(
        [*TRACED, *flags, "--", *command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        check=False,
        timeout=120,
    )


def steps(folder, within):
    """(system call, its how-manieth it is in the process) of every call on a file below `within`."""
    counts, found, files = {}, [], set()
    for line in (folder / "calls.txt").read_text(errors="replace").splitlines():
        call = re.match(r"\d+ +(\w+)\((.*)", line)
        if call is None:
            continue
        name, rest = call.groups()
        counts[name] = counts.get(name, 0) + 1
        descriptor = rest.partition(",")[0].partition(")")[0]
        if within in rest or (name in {"write", "fsync"} and descriptor in files):
            found.append((name, counts[name]))
        if name == "openat":
            number = rest.rpartition("= ")[2].strip()
            (files.add if within in rest else files.discard)(number)
    return found


def test_old_or_new_at_every_call(tmp_path):
    command = [*BARE_PYTHON, "-c", WRITER]
    (tmp_path / "run").mkdir()
    traced(tmp_path, [*command, "run", "n"])
    places = [step for step in steps(tmp_path, "run") if step[0] != "openat"]
    # Three files of four writes or more, each synced, renamed and its folder synced, and the link to them.
    assert len(places) >= 3 * 7 + 2
    assert {name.removesuffix("at").removesuffix("at2") for name, _ in places} >= {
        "write",
        "fsync",
        "rename",
        "symlink",
    }
    old, new = b"o" * 80_000, b"n" * 80_000
    seen = set()
    for call, number in places:
        folder = tmp_path / f"{call}{number}" / "run"
        folder.mkdir(parents=True)
        for name in ("samples.jsonl", "report.html", "verdict.json"):
            (folder / name).write_bytes(old)
        killed = traced(folder.parent, [*command, "run", "n"], "-e", f"inject={call}:signal=KILL:when={number}")
        assert killed.returncode == -9, killed.stderr
        contents = [(folder / name).read_bytes() for name in ("samples.jsonl", "report.html", "verdict.json")]
        assert set(contents) <= {old, new}
        # In order: a new verdict.json never stands beside an old samples.jsonl.
        assert contents == sorted(contents)
        seen.add(contents.count(new))
        latest = folder.parent / "latest"
        assert not latest.is_symlink() or (latest.readlink().name == "run" and contents == [new] * 3)
    assert seen == {0, 1, 2, 3}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run whose renderings are out of date."""
    bench = Bench(tmp_path_factory.mktemp("finished"))
    with scripted(20, 50) as server:
        document = bench.run(bench.write_suite(server.base_url, 60)).document
    folder = bench.folder / "reports" / "colours" / document["run"]
    whole = {name: (folder / name).read_bytes() for name in ("report.html", "summary.md", "junit.xml")}
    return bench.folder, folder, whole


def test_a_killed_report_leaves_whole_files(finished, as_written):
    """Killed at some of its writes, syncs and renames, at every one of them with --as-written."""
    top, folder, new = finished
    old = dict.fromkeys(new, b"an older rendering")
    command = [sys.executable, "-m", "evalkit", "report", str(folder)]
    assert traced(top, command).returncode == 0
    places = [step for step in steps(top, f"{folder}/") if step[0] not in {"openat", "unlink"}]
    assert len(places) >= 9
    states = set()
    for call, number in places[:: 1 if as_written else max(1, len(places) // 5)]:
        for name, content in old.items():
            (folder / name).write_bytes(content)
        killed = traced(top, command, "-e", f"inject={call}:signal=KILL:when={number}")
        assert killed.returncode == -9, killed.stderr
        for name in new:
            content = (folder / name).read_bytes()
            assert content in {old[name], new[name]}
            states.add(content == new[name])
        assert json.loads((folder / "verdict.json").read_bytes())["exit_code"] == 0
    assert states == {True, False}
