"""Ready-made guards: whole suites, written where asked for and named in suite.yaml; never over anything."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from evalkit.cli.app import execute
from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.planning.plan import PlanOptions, plan
from evalkit.jobs.running.run import load_all
from evalkit.jobs.starting.guards import READY, with_guards
from evalkit.jobs.starting.init import init
from evalkit.metrics.refusal import refusal_in
from evalkit.stats.paired import tango_interval
from evalkit.suites.load import load_suite


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_without_being_asked_none_is_written_and_the_suite_tells_of_them(place):
    init(Path())
    assert load_all(Path("suite.yaml")).guards == {}
    assert not (place / "guards").exists()
    assert f"evalkit init --guards {','.join(READY)}" in (place / "suite.yaml").read_text()


def test_all_of_them_stand_in_the_suite_and_load_with_it(place):
    made = init(Path(), list(READY))
    loaded = load_all(Path("suite.yaml"))
    assert [suite.name for suite in loaded.guards.values()] == list(READY)
    asked = [(guard.metric, guard.margin) for guard in loaded.main.gate.guards]
    assert asked == [(guard.metric, guard.margin) for guard in READY.values()]
    assert [suite.warnings for suite in (loaded.main, *loaded.guards.values())] == [(), (), (), ()]
    assert made.entries == ()
    assert made.written[-1] == Path("suite.yaml")
    document = plan(PlanOptions(suite_path=Path("suite.yaml")))
    assert [guard["n"] for guard in document["guards"]] == [96, 72, 72]


def test_only_those_asked_for_each_once_in_their_order(place):
    init(Path(), ["over-refusal", " forgetting", "over_refusal"])
    assert [suite.name for suite in load_all(Path("suite.yaml")).guards.values()] == ["over_refusal", "forgetting"]
    assert not (place / "guards" / "refusal").exists()


def test_a_suite_that_is_there_stays_as_it_is(place, capsys):
    (place / "suite.yaml").write_text("mine")
    assert execute(["init", "--guards", "refusal"]) == 0
    assert (place / "suite.yaml").read_text() == "mine"
    assert files(place) == sorted([*READY["refusal"].places, "suite.yaml"])
    told = capsys.readouterr().out
    assert READY["refusal"].entry in told
    assert "Put these lines under its gate.guards" in told
    assert execute(["init", "--guards", "refusal"]) == 2
    assert "overwrites nothing" in capsys.readouterr().err


def test_what_is_said_fits_eighty_columns(place, capsys):
    assert execute(["init", "new", "--guards", ",".join(READY)]) == 0
    assert execute(["init", "new2"]) == 0
    assert execute(["init", "new2", "--guards", "forgetting"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_guard_there_is_not(place):
    with pytest.raises(UsageError, match=r"no ready-made guard 'refusals'.*did you mean 'refusal'.*forgetting"):
        init(Path(), ["refusals"])
    assert files(place) == []


def test_all_or_nothing(place, monkeypatch):
    real, opened = Path.open, []

    def opening(path, mode="r", *more, **options):
        if mode == "xb":
            opened.append(path)
            if len(opened) == 12:
                raise OSError(28, "No space left on device", str(path))
        return real(path, mode, *more, **options)

    monkeypatch.setattr(Path, "open", opening)
    with pytest.raises(ExecutionError):
        init(Path("new"), list(READY))
    assert list(place.iterdir()) == []


def test_a_starter_without_the_comment_is_a_mistake_of_ours():
    with pytest.raises(AssertionError):
        with_guards(b"gate:\n", [READY["refusal"]])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guards")
    init(folder, list(READY))
    return folder / "guards"


@pytest.mark.parametrize("name", READY)
def test_each_is_locked_described_and_asks_both_sides_the_same(written, name):
    suite = load_suite(written / name)
    assert suite.is_locked
    assert len(suite.samples) >= 60
    kinds = Counter(sample.slices["kind"] for sample in suite.samples)
    assert len(set(kinds.values())) == 1, "as many of each kind"
    questions = [str(sample.fields.get("question", sample.fields.get("request"))) for sample in suite.samples]
    assert len({" ".join(q.casefold().split()) for q in questions}) == len(questions)
    assert max(map(len, questions)) < 120
    sides = suite.models
    assert sides["baseline"].prompt == sides["candidate"].prompt
    card = (written / name / "CARD.md").read_text()
    assert "CC0" in card
    for file in READY[name].files[1:-1]:
        digest = hashlib.sha256((written / name / file).read_bytes()).hexdigest()
        assert f"| `{file}` | `{digest}` |" in card


def test_the_examples_of_forgetting_are_none_of_its_questions_and_no_answer_is_empty(written):
    suite = load_suite(written / "forgetting")
    shots = [json.loads(line)["question"] for line in (written / "forgetting" / "shots.jsonl").read_text().splitlines()]
    assert not {sample.fields["question"] for sample in suite.samples} & set(shots)
    metric = load_all(written / "forgetting" / "suite.yaml").metrics["forgetting"]["accuracy"]
    for sample in suite.samples:
        assert metric.score(sample.target[0], sample).value == 1.0
        assert metric.score("", sample).value == metric.score("I do not know", sample).value == 0.0


def test_no_request_is_itself_worded_as_a_refusal(written):
    for name in ("refusal", "over_refusal"):
        for sample in load_suite(written / name).samples:
            assert refusal_in(sample.fields["request"]) is None


@pytest.mark.parametrize(
    ("n", "margin", "holds"), [(96, 3.0, True), (87, 3.0, False), (72, 1.0, False), (72, 2.0, False)]
)
def test_what_the_cards_say_so_many_pairs_can_show(n, margin, holds):
    unchanged, three_lost = tango_interval(0, 0, n, 0.9), tango_interval(0, 3, n, 0.9)
    assert (100 * unchanged.low > -margin) == holds
    assert three_lost.high < 0
    assert -100 * 3 / n < -margin
    assert tango_interval(0, 2, n, 0.9).high > 0


def test_from_how_many_pairs_a_margin_can_be_held():
    for margin, needed in ((1.0, 268), (2.0, 133)):
        assert 100 * tango_interval(0, 0, needed, 0.9).low > -margin > 100 * tango_interval(0, 0, needed - 1, 0.9).low
