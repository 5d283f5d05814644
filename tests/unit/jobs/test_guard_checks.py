"""What a guard suite asks for in its checks is made of its own samples."""

import json

import pytest
from bench import scripted

from evalkit.errors import UsageError
from evalkit.jobs.running.finish import asked
from evalkit.jobs.running.guard_checks import guards_checked
from evalkit.jobs.running.pairs import Answers
from evalkit.jobs.running.run import RunOptions, load_all, run
from evalkit.report.panels.checks import checks_table
from evalkit.run.progress import Progress

N = 30
GUARD = "guard/suite.yaml"
CREATED = "2026-11-23T00:00:00+00:00"


def question(i):
    return (
        f"lamp {i * 7919} of order {i * 31} has a scratch of {i * 17} millimetres on its left side and hums, item {i}"
    )


@pytest.fixture
def guarded(bench, monkeypatch):
    """suite/, whose gate names suite/guard/, of which `trained` samples stand in suite/guard/train.jsonl."""
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))

    def write(url="http://127.0.0.1:9/v1", trained=(), **checks):
        gate = {"primary": {"metric": "exact"}, "guards": [{"suite": GUARD, "metric": "exact", "margin": 3.0}]}
        path = bench.write_suite(url, n=N, gate=gate)
        home = path.parent / "guard"
        home.mkdir(exist_ok=True)
        document = json.loads(path.read_text()) | {"name": "general", "gate": {"primary": {"metric": "exact"}}}
        document["dataset"] |= {"time": "day"}
        (home / "suite.yaml").write_text(json.dumps(document | {"checks": checks}))
        rows = [{"id": f"g{i}", "text": question(i), "label": "red", "day": "2026-11-01"} for i in range(N)]
        (home / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        lines = [{"prompt": question(i), "completion": "x"} for i in trained]
        lines += [{"prompt": f"what does tram {i} cost on day {i * 3}", "completion": "x"} for i in range(20)]
        (home / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return write


def looked_at(path):
    (suite,) = load_all(path).guards.values()
    return guards_checked({GUARD: Answers(suite=suite, metrics={}, outcomes=lambda *_: iter(()))}, asked, CREATED)


def test_trained_samples_are_left_out_of_a_guard_and_named(guarded):
    found = looked_at(guarded(trained=[3, 5], training_data=["train.jsonl"]))
    assert [s.id for s in found.answers[GUARD].suite.samples] == [f"g{i}" for i in range(N) if i not in {3, 5}]
    (told,) = found.warnings
    assert told.startswith("In the guard suite general: 2 of 30 held-out samples stand in the training data")
    assert "g3 (train.jsonl:1)" in told
    assert told.endswith("they were left out, and only the 28 others are judged")
    assert found.blocking == ()


@pytest.mark.parametrize(
    ("trained", "checks", "code"),
    [
        ([3], {"training_data": ["train.jsonl"], "contamination": {"action": "fail"}}, "CONTAMINATED"),
        (range(N), {"training_data": ["train.jsonl"]}, "CONTAMINATED"),
        ([], {"freshness": {"max_age_days": 5}}, "STALE_SUITE"),
    ],
)
def test_a_guard_that_cannot_be_trusted_makes_the_evidence_invalid(guarded, trained, checks, code):
    found = looked_at(guarded(trained=trained, **checks))
    (reason,) = found.blocking
    assert (reason.code, reason.is_blocking) == (code, True)
    assert reason.detail.startswith("in the guard suite general: ")
    assert len(found.answers[GUARD].suite.samples) == N


def test_a_guard_that_asks_for_nothing_is_left_alone(guarded):
    found = looked_at(guarded(trained=[3]))
    assert (len(found.answers[GUARD].suite.samples), found.blocking, found.warnings) == (N, (), ())
    assert found.documents == ()


def test_a_run_judges_a_guard_by_its_clean_samples(guarded):
    with scripted(10, 20) as server:
        path = guarded(server.base_url, trained=[3, 5], training_data=["train.jsonl"])
        document = run(RunOptions(suite_path=path, command="evalkit run"), Progress()).document
    (guard,) = document["guards"]
    assert guard["comparison"]["n"] == N - 2
    assert sum("In the guard suite" in warning for warning in document["warnings"]) == 1
    (told,) = document["guard_checks"]
    assert (told["suite"], told["samples"], told["judged"]) == (guard["suite"], N, N - 2) == ("general", 30, 28)
    assert {one["id"] for one in told["contamination"]["evidence"]} == {"g3", "g5"}
    assert (told["contamination"]["dirty"], told["contamination"]["action"], told["checks"]) == (2, "clean", [])
    assert str(path.parent) not in str(document["warnings"])
    assert told["freshness"]["newest_sample"].startswith("2026-11-01")
    assert document["contamination"]["checked"] is False  # the suite itself names no training data
    rows = dict(checks_table(document).rows)
    assert rows["overlap with training data, in the guard suite general"].startswith("2 of 30 samples were trained on")
    assert "the newest is" in rows["age of the samples, in the guard suite general"]


def test_training_data_of_a_guard_that_cannot_be_read_is_told_before_anything_is_asked(guarded):
    with scripted(10, 20) as server:
        path = guarded(server.base_url, training_data=["train.jsonl"])
        (path.parent / "guard/train.jsonl").write_text("{broken\n")
        with pytest.raises(UsageError, match=r"train\.jsonl:1"):
            run(RunOptions(suite_path=path, command="evalkit run"), Progress())
        assert not server.ledger.chats
