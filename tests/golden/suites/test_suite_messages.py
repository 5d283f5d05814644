"""Every bad suite of the corpus against the message it must give. EVALKIT_REGOLD=1 writes the messages anew."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.suites.load import Known, load_suite

HERE = Path(__file__).parent
CORPUS = HERE.parent.parent / "corpora" / "suites"
CASES = sorted(CORPUS.glob("*.case"))
KNOWN = Known(metric_types=frozenset({"judge"}))  # as the command line knows it
LIMIT_S = 1.0  # under 0.1 s on a quiet core; a bomb takes minutes, a busy machine some tenths


def build(case: Path, folder: Path) -> None:
    """The base suite in `folder` with the case's files put in and its edits made; an edit must find its text."""
    shutil.copytree(CORPUS / "base", folder, dirs_exist_ok=True)
    for block in re.split(r"^--- ", case.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n")
        verb, _, name = head.partition(" ")
        path = folder / name
        if verb == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
            for old, new in parse_edits(body):
                assert old in text, f"{case.name}: {old!r} is not in {name}"
                text = text.replace(old, new, 1)
            path.write_text(text, encoding="utf-8")


def parse_edits(body: str) -> list[tuple[str, str]]:
    """`old`, a line `=>`, `new`, then a line `===` before the next one."""
    return [tuple(part.strip("\n").split("\n=>\n")) for part in body.split("\n===\n")]


def message_of(case: Path, folder: Path, monkeypatch) -> str:
    build(case, folder / "work")
    monkeypatch.chdir(folder / "work")
    with pytest.raises(UsageError) as caught:
        load_suite(Path("suite.yaml"), known=KNOWN)
    return f"{caught.value}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_message(case, tmp_path, monkeypatch):
    message = message_of(case, tmp_path, monkeypatch)
    golden = HERE / f"{case.stem}.txt"
    if os.environ.get("EVALKIT_REGOLD"):
        golden.write_text(message, encoding="utf-8")
    assert message == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_refused_fast_and_without_a_path_of_this_machine(case, tmp_path, monkeypatch):
    message_of(case, tmp_path, monkeypatch)
    started = time.process_time()
    message = message_of(case, tmp_path, monkeypatch)
    assert time.process_time() - started < LIMIT_S
    assert str(tmp_path) not in message
    assert re.match(r"\S+\.\w+:\d+", message), "every first mistake names file and line"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_no_message_is_joined_badly(case):
    """Nothing ends twice (`?.`, `..`, `;.`), no blank is doubled or stands before a comma."""
    golden = (HERE / f"{case.stem}.txt").read_text(encoding="utf-8")
    told = [line for line in golden.splitlines() if not re.match(r" +\d* \|", line)]
    bad = re.compile(r"[?!;:,]\.(?!\w)|(?<![./])\.\.(?![./])|[?!:;]{2}| [,;?!](?!\w)|\bNone\b|\S  \S")
    assert [line for line in told if bad.search(line)] == []


def test_corpus_is_large_and_has_no_stale_messages():
    assert len(CASES) >= 40
    assert {golden.stem for golden in HERE.glob("*.txt")} == {case.stem for case in CASES}
