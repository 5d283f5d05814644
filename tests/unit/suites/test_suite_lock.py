"""`lock` changes one line and nothing else; what is locked is refused when it changes."""

import os

import pytest

from evalkit.errors import ExecutionError, UsageError
from evalkit.suites.locking import lock


def test_lock_writes_one_line_and_a_locked_suite_loads(folder):
    before = (folder.path / "suite.yaml").read_text()
    result = lock(folder.path / "suite.yaml")
    after = (folder.path / "suite.yaml").read_text()
    assert (result.previous, result.n_rows, result.is_changed) == (None, 3, True)
    assert after == before.replace("path: samples.jsonl\n", f"path: samples.jsonl\n  sha256: {result.sha256}\n")
    assert folder.load().is_locked


def test_locking_twice_changes_nothing(folder):
    first = lock(folder.path)
    content, stamp = (folder.path / "suite.yaml").read_bytes(), (folder.path / "suite.yaml").stat().st_mtime_ns
    second = lock(folder.path)
    assert (second.is_changed, second.previous, second.sha256) == (False, first.sha256, first.sha256)
    assert (folder.path / "suite.yaml").read_bytes() == content
    assert (folder.path / "suite.yaml").stat().st_mtime_ns == stamp


def test_changed_data_is_refused_until_locked_again(folder):
    old = lock(folder.path).sha256
    folder.edit("twice", "thrice", "samples.jsonl")
    with pytest.raises(UsageError) as caught:
        folder.load()
    text = str(caught.value)
    assert "DATA_CHANGED" in text
    assert "`evalkit lock suite.yaml`" in text
    new = lock(folder.path)
    assert old in text
    assert new.sha256 in text
    assert new.previous == old
    assert folder.load().dataset_sha256 == new.sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  path: samples.jsonl\n", "  path: samples.jsonl   # the data, as exported\n"),
        ("  path: samples.jsonl\n", "  path: samples.jsonl\n  sha256:\n"),
        ("  path: samples.jsonl\n", "  path: samples.jsonl\n  sha256: ~   # to be locked\n"),
        ("  path: samples.jsonl\n", f"  path: samples.jsonl\n  sha256: '{'0' * 64}' # old\n"),
        ("  path: samples.jsonl\n", f'  "path": "samples.jsonl"\n  sha256: "{"0" * 64}"\n'),
        ("dataset:\n  path: samples.jsonl\n", "dataset:\n    # indented by hand\n    path: samples.jsonl\n"),
        ("name: tickets", "name: tickets  # ünïcode 🙂 before it"),
    ],
)
def test_comments_and_layout_stay(folder, old, new):
    folder.edit(old, new)
    if "indented" in new:
        for key in ("id: t", "system: L", "prompt: p", "target: l", "slices: ["):
            folder.edit(f"\n  {key}", f"\n    {key}")
    before = (folder.path / "suite.yaml").read_text()
    sha256 = lock(folder.path).sha256
    after = (folder.path / "suite.yaml").read_text()
    assert folder.load().is_locked
    lines = [line for line in after.splitlines() if sha256 not in line]
    assert lines == [line for line in before.splitlines() if "sha256" not in line]
    assert [c for line in before.splitlines() if (c := line.partition("#")[2])] == [
        c for line in after.splitlines() if (c := line.partition("#")[2])
    ]


def test_flow_mapping(folder):
    text = (folder.path / "suite.yaml").read_text()
    head, tail = text.split("dataset:\n")[0], text[text.index("models:") :]
    flow = "dataset: {path: samples.jsonl, id: ticket_id, prompt: '{{ text }}', target: label}  # all in one\n"
    folder.write("suite.yaml", head + flow + tail)
    sha256 = lock(folder.path).sha256
    assert f"{{path: samples.jsonl, sha256: {sha256}, id:" in (folder.path / "suite.yaml").read_text()
    assert folder.load().is_locked


def test_crlf_byte_order_mark_and_mode_stay(folder):
    raw = b"\xef\xbb\xbf" + (folder.path / "suite.yaml").read_bytes().replace(b"\n", b"\r\n")
    (folder.path / "suite.yaml").write_bytes(raw)
    (folder.path / "suite.yaml").chmod(0o640)
    sha256 = lock(folder.path).sha256.encode()
    after = (folder.path / "suite.yaml").read_bytes()
    assert after == raw.replace(b"samples.jsonl\r\n", b"samples.jsonl\r\n  sha256: " + sha256 + b"\r\n")
    assert (folder.path / "suite.yaml").stat().st_mode & 0o777 == 0o640


def test_a_layout_that_cannot_take_the_line_is_left_alone(folder):
    folder.edit("  path: samples.jsonl\n", "  path: samples.jsonl\n  sha256: {a: b}\n")
    before = (folder.path / "suite.yaml").read_text()
    with pytest.raises(UsageError, match="write it by hand below dataset: `sha256: "):
        lock(folder.path)
    assert (folder.path / "suite.yaml").read_text() == before


def test_nothing_is_left_behind_when_the_disk_is_full(folder, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    before, names = (folder.path / "suite.yaml").read_bytes(), sorted(p.name for p in folder.path.iterdir())
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExecutionError, match="No space left"):
        lock(folder.path)
    assert (folder.path / "suite.yaml").read_bytes() == before
    assert sorted(p.name for p in folder.path.iterdir()) == names


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  path: samples.jsonl\n", "", "path is missing: nothing to lock"),
        ("samples.jsonl", "gone.jsonl", "there is no file 'gone.jsonl'"),
        ("samples.jsonl", "../x.jsonl", "leads outside"),
        ("samples.jsonl", "x.xlsx", "is neither .jsonl"),
        ("name: tickets", "name: a\nname: b", "given twice"),
    ],
)
def test_what_cannot_be_locked(folder, old, new, message):
    folder.edit(old, new)
    with pytest.raises(UsageError, match=message):
        lock(folder.path)


def test_broken_data_is_not_locked(folder):
    folder.write("samples.jsonl", "{")
    with pytest.raises(UsageError, match=r"samples\.jsonl:1"):
        lock(folder.path)
