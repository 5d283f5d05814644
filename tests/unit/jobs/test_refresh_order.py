"""What comes next in a refresh is what it says, and what is released or drawn is not changed behind anybody's back."""

import json
import re
import shlex
from pathlib import Path

import pytest
from refresh_desk import DATE, Shop

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.refresh.collect import plan, sample
from evalkit.jobs.refresh.desk import opened, unused
from evalkit.jobs.refresh.people import approve, take_labels
from evalkit.jobs.refresh.policy import read_policy
from evalkit.jobs.refresh.release import least_bump, release, retire
from evalkit.jobs.refresh.unattended import status, unattended


@pytest.fixture
def shop(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    return Shop(bench)


def test_each_step_names_the_one_after_it(shop, capsys):
    steps = [
        ["plan", str(shop.suite), "--logs", "logs.jsonl", "--size", "20"],
        ["sample"],
        ["scrub"],
        ["dedup"],
        ["label"],
    ]
    said = []
    for step in steps:
        assert execute(["--json", "refresh", *step]) == 0
        said.append(json.loads(capsys.readouterr().out)["next_step"].split()[2])
    assert said == ["sample", "scrub", "dedup", "label", "label"]


@pytest.mark.parametrize(("size", "retired", "bump"), [(20, 0, "minor"), (60, 0, "major"), (20, 80, "major")])
def test_the_release_that_is_named_next_is_one_that_can_be_made(shop, size, retired, bump):
    with shop.desk() as desk:
        shop.to_approval(desk, size=size)
        if retired:
            retire(desk, [f"s{i}" for i in range(retired)], "obsolete", None)
            approve(desk, "Cleo", "a test")
        assert least_bump(desk) == bump
        assert f"release --bump {bump} " in status(desk).next_step
        assert release(desk, bump)["version"] == {"minor": "1.1.0", "major": "2.0.0"}[bump]


def test_an_approval_that_is_written_succeeds_though_the_suite_cannot_be_read_for_a_hint(shop, capsys):
    with shop.desk() as desk:
        shop.label(desk, shop.to_queue(desk))
    shop.suite.write_text("tests: [\n")
    assert execute(["--json", "refresh", "approve", "--by", "Cleo", "--accept-agreement", "a test"]) == 0
    assert json.loads(capsys.readouterr().out)["next_step"] == f"evalkit refresh release --date {DATE}"
    assert execute(["refresh", "release"]) == 2
    assert str(shop.suite) in capsys.readouterr().err


def test_a_mended_label_alone_is_a_patch(shop):
    with shop.desk() as desk:
        items = shop.to_queue(desk)
        skipped = [{"id": item["id"], "by": by, "skip": "unclear"} for item in items for by in ("ann", "bob")]
        take_labels(desk, shop.rows("skips.jsonl", skipped))
        retire(desk, ["s0"], "label_error", "blue")
        approve(desk, "Cleo", "a test")
        assert least_bump(desk) == "patch"
        assert release(desk, "patch")["version"] == "1.0.1"


def test_what_was_released_is_closed(shop):
    with shop.desk() as desk:
        shop.to_approval(desk)
        release(desk, "minor")
        before = {path.name: path.read_bytes() for path in desk.folder.iterdir()}
        with pytest.raises(UsageError, match=r"was released as 1\.1\.0, so retired\.jsonl stays as it is"):
            retire(desk, ["s0"], "dup", None)
        late = shop.rows("late.jsonl", [{"id": desk.rows("queue.jsonl")[0]["id"], "label": "blue", "by": "zoe"}])
        with pytest.raises(UsageError, match=r"released as 1\.1\.0, so labels\.jsonl"):
            take_labels(desk, late)
        with pytest.raises(UsageError, match=r"released as 1\.1\.0, so approvals\.json"):
            approve(desk, "Somebody Else", "a test")
        assert release(desk, "minor")["version"] == "1.1.0"
        assert before == {path.name: path.read_bytes() for path in desk.folder.iterdir()}


def test_a_plan_on_the_day_of_a_release_begins_a_refresh_of_its_own(shop, capsys, monkeypatch):
    monkeypatch.setattr("evalkit.cli.refresh._today", lambda: DATE)
    with shop.desk() as desk:
        shop.to_approval(desk)
        found = release(desk, "minor")
    assert execute(["--json", "refresh", "plan", found["suite"], "--logs", "logs.jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["folder"].endswith(f"{DATE}-02")
    assert unused(shop.root, DATE, Path(found["suite"])) == f"{DATE}-02"


def test_a_schedule_for_the_new_version_begins_beside_the_refresh_that_was_released_that_day(shop):
    with shop.desk() as desk:
        shop.to_approval(desk)
        found = release(desk, "minor")
    shop.write("refresh.yaml", f"suite: {found['suite']}\nlogs: [logs.jsonl]\nsize: 20\n")
    policy = read_policy(Path("refresh.yaml"))
    begun, _ = unattended(policy, shop.root, DATE, shop.folder / "reports")
    assert begun.folder == shop.root / f"{DATE}-02"
    assert begun.counts["sampled"] == 20
    again, _ = unattended(policy, shop.root, DATE, shop.folder / "reports")
    assert again == begun


def test_another_plan_for_rows_that_are_drawn_is_refused_and_the_same_one_is_not(shop, capsys):
    asked = ["refresh", "plan", str(shop.suite), "--logs", "logs.jsonl", "--size", "20"]
    for step in (asked, ["refresh", "sample"], asked):
        assert execute(step) == 0
    capsys.readouterr()
    assert execute([*asked, "--size", "30", "--approvals", "2"]) == 2
    said = capsys.readouterr().err
    assert "for another plan: --size 20, --approvals 1" in said
    assert "--date NAME" in said


def test_a_schedule_goes_on_with_the_rows_that_are_drawn_whatever_its_policy_says_by_now(shop, capsys):
    with shop.desk() as desk:
        plan(desk, shop.wanted(), None)
        sample(desk)
    shop.rows("more.jsonl", shop.production[:50])
    shop.write("refresh.yaml", "suite: suite/suite.yaml\nlogs: [more.jsonl]\nsize: 30\napprovals: 2\n")
    assert execute(["refresh", "run", "--summary", "out.md"]) == 0
    told = f"has now: --size 20, --approvals 1, --logs {shop.logs}. This refresh goes on with that one; refresh.yaml"
    assert told in capsys.readouterr().err
    assert told in (shop.folder / "out.md").read_text()
    with shop.desk() as desk:
        assert len(desk.rows("queue.jsonl")) == 20


def test_the_same_logs_under_another_spelling_are_the_same_plan(shop, capsys):
    with shop.desk() as desk:
        plan(desk, shop.wanted(), None)
        sample(desk)
        assert plan(desk, shop.wanted(logs=[Path("suite/../logs.jsonl")]), None) == desk.document("plan.json")
    shop.write("suite/refresh.yaml", "suite: suite.yaml\nlogs: [../logs.jsonl]\nsize: 20\n")
    assert execute(["refresh", "run", "--policy", "suite/refresh.yaml"]) == 0
    assert capsys.readouterr().err == ""


@pytest.fixture
def other(shop):
    """Another suite beside the shop's, with the same samples."""
    for name in ("ask.md.j2", "samples.jsonl"):
        shop.write(f"other/{name}", (shop.suite.parent / name).read_text())
    return shop.write("other/suite.yaml", shop.suite.read_text())


@pytest.mark.parametrize("is_bare", [True, False])
def test_each_suite_has_refreshes_of_its_own_on_the_same_day(shop, other, is_bare):
    own = [{"text": row["text"]} for row in shop.samples]
    shop.rows("first.jsonl", own if is_bare else shop.production)
    shop.write("one.yaml", "suite: suite/suite.yaml\nlogs: [first.jsonl]\nsize: 20\n")
    shop.write("two.yaml", "suite: other/suite.yaml\nlogs: [logs.jsonl]\nsize: 20\n")
    one, two = (read_policy(Path(name)) for name in ("one.yaml", "two.yaml"))
    ran = [unattended(policy, shop.root, DATE, shop.folder / "reports")[0] for policy in (one, two, one, two)]
    assert [found.folder.name for found in ran] == [DATE, f"{DATE}-02", DATE, f"{DATE}-02"]
    assert [found.counts["new"] for found in ran[:2]] == [0 if is_bare else 20, 20]
    assert ran[2:] == ran[:2]


def test_a_plan_for_one_suite_leaves_the_plan_of_another_alone(shop, other, monkeypatch, capsys):
    monkeypatch.setattr("evalkit.cli.refresh._today", lambda: DATE)
    ask = ["refresh", "plan", "--logs", "logs.jsonl"]
    assert execute([*ask, str(shop.suite)]) == 0
    before = (shop.root / DATE / "plan.json").read_bytes()
    assert execute([*ask, str(other)]) == 0
    assert f"next: evalkit refresh sample --date {DATE}-02" in capsys.readouterr().out
    assert execute([*ask, str(other), "--date", DATE]) == 2
    assert "suite/suite.yaml, not of" in capsys.readouterr().err
    assert (shop.root / DATE / "plan.json").read_bytes() == before


def test_which_of_two_suites_open_refreshes_is_meant_has_to_be_said(shop, other, monkeypatch, capsys):
    monkeypatch.setattr("evalkit.cli.refresh._today", lambda: DATE)
    for suite in (shop.suite, other):
        assert execute(["refresh", "plan", "--logs", "logs.jsonl", "--size", "20", str(suite)]) == 0
        assert execute(["refresh", "sample", "--date", DATE]) == 0
    capsys.readouterr()
    assert execute(["refresh", "sample"]) == 2
    said = capsys.readouterr().err
    for name, folder in ((DATE, "suite"), (f"{DATE}-02", "other")):
        assert re.search(rf"--date {name}  \S*{folder}/suite\.yaml", said)
    assert not (shop.root / f"{DATE}-02/sampled.jsonl").exists()
    (shop.root / DATE / "release.json").write_text("{}")
    assert execute(["refresh", "sample"]) == 0
    assert (shop.root / f"{DATE}-02/sampled.jsonl").exists()


@pytest.mark.parametrize("content", ["{}", "[]", "{", '{"suite": "suite/suite.yaml"}'])
def test_a_plan_that_is_none_is_refused_where_it_stands(shop, capsys, content):
    shop.write(f"refresh/{DATE}/plan.json", content)
    for step in (["plan", str(shop.suite), "--logs", "logs.jsonl", "--date", DATE], ["sample"]):
        assert execute(["refresh", *step]) == 2
        said = capsys.readouterr().err
        assert "plan.json:1: this is no plan of a refresh" in said
        assert "delete the file and make it again: evalkit refresh plan" in said


def test_the_command_that_follows_can_be_pasted_whatever_the_folders_are_called(shop):
    with opened(Path("my refreshes"), "it's new") as desk:
        plan(desk, shop.wanted(), None)
        following = status(desk).next_step
    assert shlex.split(following)[-4:] == ["--date", "it's new", "--dir", "my refreshes"]


def test_where_a_copy_stands_is_told_from_the_suites_folder(shop):
    document = json.loads(shop.suite.read_text())
    document["checks"] = {"training_data": ["train.jsonl"], "group_keys": ["part"]}
    shop.suite.write_text(json.dumps(document))
    shop.rows("suite/train.jsonl", [row | {"part": "z"} for row in shop.production[:100]])
    logs = shop.rows("mixed.jsonl", [*shop.production[:20], *shop.samples[:20], {"text": "a tram", "part": "z"}])
    with shop.desk() as desk:
        shop.to_queue(desk, logs=[logs], size=200)
        reasons = [row["reason"] for row in desk.rows("dedup-dropped.jsonl")]
    assert {"train.jsonl:1", "samples.jsonl:1"} <= {reason.rpartition(", ")[2] for reason in reasons}
    assert "its part was trained on, train.jsonl:1" in reasons
    assert str(shop.folder) not in "".join(reasons)
