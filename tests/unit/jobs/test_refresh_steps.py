"""A refresh from logs to a new version, and everything that stops it."""

import json
import os
import subprocess
import sys

import pytest
from bench import REPO
from refresh_desk import DATE, LABELS, Shop, sentence

from evalkit.cli.app import execute
from evalkit.errors import ExecutionError, InvalidEvidence, UsageError
from evalkit.jobs.refresh import desk as desk_module
from evalkit.jobs.refresh import release as release_module
from evalkit.jobs.refresh.clean import dedup, scrub
from evalkit.jobs.refresh.collect import plan, sample
from evalkit.jobs.refresh.people import approve, approved, take_labels
from evalkit.jobs.refresh.release import release, retire
from evalkit.jobs.refresh.versions import released
from evalkit.jobs.rot.look import declared_logs, loaded
from evalkit.store.files import write_atomic


@pytest.fixture
def shop(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    return Shop(bench)


def test_from_logs_to_a_version_that_runs(shop):
    before = shop.suite.read_bytes(), (shop.suite.parent / "samples.jsonl").read_bytes()
    with shop.desk() as desk:
        rows, missing = shop.to_approval(desk)
        retire(desk, ["s0", "s1"], "obsolete", None)
        approve(desk, "Cleo", "a test")
        found = release(desk, "minor")
        assert (missing, found["version"], found["before"]) == (0, "1.1.0", "1.0.0")
    new = loaded(shop.folder / found["suite"])
    assert len(new.samples) == 120 - 2 + len(rows)
    assert new.is_locked
    assert new.dataset_sha256 == found["data_sha256"]
    assert new.models["candidate"].prompt.template == "Colour of: {{ text }}"
    added = [one for one in new.samples if "pi" in one.fields]
    assert {one.fields["stratum"] for one in added} == {"random", "suspected", "novelty"}
    assert {one.target for one in added} == {"red"}
    folder = shop.suite.parent / "versions/1.1.0"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    linking = json.loads((folder / "linking.json").read_text())
    assert linking["retired"] == {"s0": "obsolete", "s1": "obsolete"}
    assert len(linking["anchors"]) == 118
    assert [json.loads(line)["id"] for line in (folder / "retired.jsonl").read_text().splitlines()] == ["s0", "s1"]
    assert "2 because what it asks is no longer asked" in (folder / "CHANGELOG.md").read_text()
    assert before == (shop.suite.read_bytes(), (shop.suite.parent / "samples.jsonl").read_bytes())


def test_the_next_version_builds_on_the_last_and_knows_what_was_retired(shop):
    with shop.desk() as desk:
        shop.to_approval(desk)
        retire(desk, ["s3"], "saturated", None)
        approve(desk, "Cleo", "a test")
        first = release(desk, "minor")
    gone = shop.samples[3]["text"]
    logs = shop.rows("more.jsonl", [{"text": gone}, {"text": "something else entirely, about a lost umbrella"}])
    with shop.desk("2026-12-01") as desk:
        items = shop.to_queue(desk, suite=shop.folder / first["suite"], logs=[logs])
        assert [item["text"] for item in items] == ["something else entirely, about a lost umbrella"]
        shop.label(desk, items)
        approve(desk, "Cleo", "a test")
        second = release(desk, "minor")
    assert second["version"] == "1.2.0"
    assert len(loaded(shop.folder / second["suite"]).samples) == second["anchors"] + 1


def test_an_older_version_is_refused_before_anybody_labels_for_it(shop):
    with shop.desk("2026-11-30") as early:
        shop.to_approval(early, logs=[shop.rows("new.jsonl", [{"text": "a fourth umbrella was left in the tram"}])])
    with shop.desk() as desk:
        shop.to_approval(desk)
        release(desk, "minor")
    with shop.desk("2026-11-30") as early, pytest.raises(UsageError, match=r"1\.1\.0 was released since"):
        release(early, "minor")
    newest = (
        r"is version 1\.0\.0, and 1\.1\.0 was released since\n  help: name that one: .*versions/1\.1\.0/suite\.yaml"
    )
    with shop.desk("2026-12-02") as desk, pytest.raises(UsageError, match=newest):
        plan(desk, shop.wanted(), None)


def test_versions_of_another_suite_in_the_same_folder_do_not_count(shop):
    other = shop.suite.with_name("b.yaml")
    other.write_text(json.dumps(json.loads(shop.suite.read_text()) | {"name": "sizes"}))
    with shop.desk() as desk:
        shop.to_approval(desk)
        assert release(desk, "minor")["version"] == "1.1.0"
    with shop.desk("2026-11-30") as desk:
        shop.to_approval(desk, suite=other)
        found = release(desk, "minor")
    assert (found["version"], found["before"]) == ("1.2.0", "1.0.0")
    assert released(shop.suite) == ["1.0.0", "1.1.0"]
    assert released(other) == released(shop.folder / found["suite"]) == ["1.0.0", "1.2.0"]
    for path, newest in ((other, "1.2.0"), (shop.suite, "1.1.0")):
        with shop.desk("2026-12-07") as desk, pytest.raises(UsageError, match=rf"and {newest} was released since"):
            plan(desk, shop.wanted(suite=path), None)


def test_a_refresh_with_the_plan_of_a_released_one_is_not_taken_for_it(shop):
    with shop.desk("2026-12-01") as twin:
        shop.to_queue(twin)
    with shop.desk() as desk:
        shop.to_approval(desk)
        release(desk, "minor")
    with shop.desk("2026-12-01") as twin:
        assert twin.content("plan.json") == (shop.root / DATE / "plan.json").read_bytes()
        with pytest.raises(UsageError, match="nothing enters a suite without approval"):
            release(twin, "minor")
        assert not twin.has("release.json")


def test_every_step_again_changes_nothing(shop):
    with shop.desk() as desk:
        shop.to_approval(desk)
        release(desk, "minor")
        files = {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}
        shop.to_queue(desk)
        release(desk, "minor")
    assert files == {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}


class Killed(BaseException):
    """kill -9, as far as files can tell: nothing runs after it."""


@pytest.mark.parametrize("is_after", [False, True])
def test_killed_at_any_write_a_refresh_goes_on_to_the_same_end(shop, monkeypatch, is_after):
    def whole_way():
        with shop.desk() as desk:
            shop.to_approval(desk)
            return release(desk, "minor")

    deadly = (i // 2 for i in range(80))

    def failing(limit):
        count = iter(range(1000))

        def write(path, pieces, **more):
            now = next(count)
            if now == limit and not is_after:
                raise Killed
            write_atomic(path, pieces, **more)
            if now == limit:
                raise Killed

        return write

    ended = 0
    for limit in deadly:
        for module in (desk_module, release_module):
            monkeypatch.setattr(module, "write_atomic", failing(limit))
        try:
            found = whole_way()
            break
        except Killed:
            ended += 1
        assert not [
            one for one in (shop.suite.parent / "versions").glob("[0-9]*") if not (one / "linking.json").exists()
        ]
    assert ended >= 8
    assert found["version"] == "1.1.0"
    assert [path.name for path in (shop.suite.parent / "versions").iterdir()] == ["1.1.0"]
    loaded(shop.folder / found["suite"])


def test_two_at_once_are_refused(shop):
    with shop.desk() as desk:
        plan(desk, shop.wanted(), None)
        with pytest.raises(ExecutionError, match="another evalkit"), shop.desk("2026-12-01"):
            pass


def test_another_process_is_kept_out_until_it_is_killed(shop):
    hold = "import sys; from pathlib import Path; from evalkit.jobs.refresh.desk import opened\n"
    hold += "with opened(Path('refresh'), '2026-11-23'):\n    print('held', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", hold],
        cwd=shop.folder,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        try:
            assert child.stdout.readline() == b"held\n"
            with pytest.raises(ExecutionError, match="another evalkit"), shop.desk():
                pass
        finally:
            child.kill()
    with shop.desk() as desk:
        assert plan(desk, shop.wanted(), None)["suite_name"] == "colours"


def test_nothing_enters_without_approval(shop):
    with shop.desk() as desk:
        shop.label(desk, shop.to_queue(desk))
        with pytest.raises(UsageError, match="without approval"):
            release(desk, "minor")
    assert not (shop.suite.parent / "versions").exists()


@pytest.mark.parametrize("changed", ["labels", "approved.jsonl", "retired"])
def test_what_changes_after_the_approval_is_approved_again(shop, changed):
    with shop.desk() as desk:
        rows, _ = shop.to_approval(desk)
        if changed == "labels":
            take_labels(desk, shop.rows("late.jsonl", [{"id": rows[0]["id"], "label": "blue", "by": "ann"}]))
        elif changed == "retired":
            retire(desk, ["s1"], "dup", None)
        else:
            desk.write_rows("approved.jsonl", [row | {"target": "blue"} for row in rows])
        with pytest.raises(UsageError, match="approve again"):
            release(desk, "minor")


def test_two_people_where_two_are_asked_for(shop):
    with shop.desk() as desk:
        assert shop.to_approval(desk, approvals=2)[1] == 1
        assert approve(desk, " cleo", "a test")[1] == 1
        with pytest.raises(UsageError, match="one more person"):
            approved(desk)
        assert approve(desk, "Dan", "a test")[1] == 0
        assert approved(desk)[1]["needed"] == 2


def test_one_person_under_two_spellings_is_one(shop):
    with shop.desk() as desk:
        item = next(item for item in shop.to_queue(desk) if item["double"])["id"]
        for by, label in (("Ann", "red"), ("ann", "blue")):
            found = take_labels(desk, shop.rows("l.jsonl", [{"id": item, "label": label, "by": by}]))
            assert (found.n_double, item in found.waiting) == (0, True)
        assert [(row["by"], row["label"]) for row in desk.rows("labels.jsonl")] == [("Ann", "blue")]


def test_personal_data_written_into_a_file_after_scrubbing_is_not_approved(shop):
    with shop.desk() as desk:
        items = shop.to_queue(desk)
        rows = desk.rows("deduped.jsonl")
        rows[0]["fields"]["text"] += " write to jane@example.com"
        desk.write_rows("deduped.jsonl", rows)
        shop.label(desk, items)
        with pytest.raises(UsageError, match=f"sample {rows[0]['id']} asks holds what looks like EMAIL"):
            approve(desk, "Cleo", "a test")
        assert not desk.has("approvals.json")


def test_people_who_do_not_agree_stop_it(shop):
    with shop.desk() as desk:
        items = shop.to_queue(desk)
        found = shop.label(desk, items, lambda _, by: "red" if by == "ann" else "blue")
        assert len(found.disputed) == found.n_double >= 3
        with pytest.raises(InvalidEvidence, match="agree too little"):
            approve(desk, "Cleo", None)
        third = [{"id": one, "label": "blue", "by": "eve"} for one in found.disputed]
        assert not take_labels(desk, shop.rows("third.jsonl", third)).disputed


def test_who_settles_what_others_dispute_does_not_make_them_agree(shop):
    with shop.desk() as desk:
        items = shop.to_queue(desk, size=100)
        double = [item["id"] for item in items if item["double"]]
        colour = {one: LABELS[i % 2] for i, one in enumerate(double)}
        other = {one: "blue" if i % 5 < 2 else colour[one] for i, one in enumerate(double)}
        found = shop.label(desk, items, lambda it, by: (colour if by == "ann" else other).get(it["id"], "red"))
        assert (found.n_double, len(found.disputed)) == (20, 8)
        figures = found.ac1, found.kappa
        third = shop.rows("third.jsonl", [{"id": one, "label": colour[one], "by": "eve"} for one in found.disputed])
        for _ in range(2):  # taken in again, it still settles
            found = take_labels(desk, third)
            assert (found.ac1, found.kappa, found.n_double, len(found.disputed)) == (*figures, 20, 0)


def test_labels_nobody_compared_are_not_trusted(shop):
    with shop.desk() as desk:
        # Which rows are drawn depends on the folder's name: not every first item is one person's.
        one = next(item for item in shop.to_queue(desk) if not item["double"])
        take_labels(desk, shop.rows("l.jsonl", [{"id": one["id"], "label": "red", "by": "ann"}]))
        with pytest.raises(InvalidEvidence, match="no sample was labelled by two"):
            approve(desk, "Cleo", None)


def test_good_labels_need_no_excuse(shop):
    with shop.desk() as desk:
        items = shop.to_queue(desk)
        found = shop.label(desk, items, lambda item, _: LABELS[len(item["text"]) % 3])
        assert found.ac1 == 1.0
        assert found.followed_blind is not None
        assert len(approve(desk, "Cleo", None)[0]) == len(items)


def test_a_blind_share_does_not_show_what_production_answered(shop):
    with shop.desk() as desk:
        items = shop.to_queue(desk)
        text = desk.content("queue.jsonl").decode()
    assert sum(item["blind"] for item in items) == sum(item["double"] for item in items) == 4
    assert "production" not in text
    assert all((item["suggested"] is None) == item["blind"] for item in items)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "nobody", "label": "red", "by": "ann"}, "there is no sample 'nobody'"),
        ({"label": "red"}, "a label is"),
        ({"id": None, "label": "purple", "by": "ann"}, "none of the suite's labels: blue, green, red"),
    ],
)
def test_labels_that_are_none_are_located(shop, row, message):
    with shop.desk() as desk:
        items = shop.to_queue(desk)
        row = {"id": items[0]["id"]} | {k: v for k, v in row.items() if v is not None}
        if "by" not in row:
            row.pop("id")
        with pytest.raises(UsageError, match=message) as told:
            take_labels(desk, shop.rows("l.jsonl", [{"id": items[0]["id"], "label": "red", "by": "ann"}, row]))
        assert "l.jsonl:2" in str(told.value)
        assert not desk.has("labels.jsonl")


def test_label_studio_there_and_back(shop, capsys):
    with shop.desk() as desk:
        items = shop.to_queue(desk)
    assert execute(["refresh", "label", "--label-studio", "studio"]) == 0
    tasks = json.loads((shop.folder / "studio/label-studio.json").read_text())
    assert [task["data"]["people"] for task in tasks] == [2 if item["double"] else 1 for item in items]
    assert '<Choice value="blue"/>' in (shop.folder / "studio/label-studio.xml").read_text()
    result = [{"from_name": "label", "type": "choices", "value": {"choices": ["green"]}}]
    for i, task in enumerate(tasks):
        task["annotations"] = [{"completed_by": {"email": "ann@x.example"}, "result": result, "was_cancelled": i == 0}]
    (shop.folder / "export.json").write_text(json.dumps(tasks))
    assert execute(["refresh", "label", "--from", "export.json", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out.splitlines()[-1])["counts"]
    assert counts["labelled"] == len(items) - 4 - (not items[0]["double"])


def test_a_log_that_is_the_training_set_brings_nothing_new(shop):
    document = json.loads(shop.suite.read_text()) | {"checks": {"training_data": ["train.jsonl"]}}
    shop.suite.write_text(json.dumps(document))
    shop.rows("suite/train.jsonl", shop.production)
    with shop.desk() as desk:
        assert shop.to_queue(desk) == []
        assert {row["reason"].split(",")[0] for row in desk.rows("dedup-dropped.jsonl")} == {
            "exact copy of the training data"}  # fmt: skip


def test_a_log_that_is_the_suite_brings_nothing_new(shop):
    logs = shop.rows("own.jsonl", [{"text": row["text"]} for row in shop.samples])
    with shop.desk() as desk:
        assert shop.to_queue(desk, logs=[logs]) == []


def test_near_copies_among_the_new_are_one(shop):
    long = "the courier left my parcel in the rain behind the red bins on monday morning without ringing"
    logs = shop.rows("near.jsonl", [{"text": long}, {"text": f"{long} again"}, {"text": long.upper()}])
    with shop.desk() as desk:
        assert len(shop.to_queue(desk, logs=[logs])) == 1


def test_personal_data_in_every_field_never_leaves_the_first_file(shop):
    words = [sentence(shop.rng) for _ in range(30)]
    rows = [
        {"text": f"I am jo{i}@mail.example, lost {words[i]} somewhere in town, call +49 30 12345{i:02d}",
         "part": "x@y.example", "answer": "card 4539 5787 6362 1486"}
        for i in range(30)
    ]  # fmt: skip
    rows += [{"text": "jo(at)example(dot)com wants the refund", "part": "a"}, {"text": "jo@mail.example", "part": "b"}]
    logs = shop.rows("pii.jsonl", rows)
    with shop.desk() as desk:
        shop.to_approval(desk, logs=[logs], size=64)
        found = release(desk, "major")
        reasons = [row["reason"] for row in desk.rows("scrub-dropped.jsonl")]
    assert sorted(reasons) == ["little but personal data", "what is left looks like EMAIL"]
    for path in shop.folder.rglob("*"):
        if path.is_file() and path.name not in {"sampled.jsonl", "pii.jsonl"}:
            assert b"@mail.example" not in path.read_bytes(), path
            assert b"4539" not in path.read_bytes(), path
    assert any("[EMAIL_1]" in str(one.fields["text"]) for one in loaded(shop.folder / found["suite"]).samples)
    assert (shop.root / DATE / "sampled.jsonl").stat().st_mode & 0o077 == 0
    assert "sampled.jsonl" in (shop.root / ".gitignore").read_text()


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "they are empty"),
        ([{"unrelated": 1}], r"what the prompt needs \(text\) is in none of 1"),
        ([1], "no line of 1 is a row, the first"),
    ],
)
def test_logs_that_ask_nothing_are_invalid_evidence(shop, rows, why):
    with shop.desk() as desk, pytest.raises(InvalidEvidence, match=f"can become a sample of colours: .*{why}"):
        shop.to_queue(desk, logs=[shop.rows("empty.jsonl", rows)])


def test_a_log_that_changed_since_the_plan_is_refused(shop):
    with shop.desk() as desk:
        plan(desk, shop.wanted(), None)
        shop.rows("logs.jsonl", shop.production[:50])
        with pytest.raises(UsageError, match="not the file that was planned with"):
            sample(desk)


def test_only_young_rows_where_that_is_asked_for(shop):
    with shop.desk() as desk:
        plan(desk, shop.wanted(since_days=3), None)
        assert {row["time"] for row in sample(desk)} <= {f"2026-11-{day}" for day in (17, 18, 19, 20)}


@pytest.mark.parametrize(("step", "first"), [(sample, "plan"), (scrub, "sample"), (dedup, "plan")])
def test_a_step_out_of_order_names_the_one_before(shop, step, first):
    with shop.desk() as desk, pytest.raises(UsageError, match=f"evalkit refresh {first}"):
        step(desk)


def test_a_damaged_file_is_told_with_its_line(shop):
    with shop.desk() as desk:
        shop.to_queue(desk)
        (desk.folder / "deduped.jsonl").write_text('{"id": "a"}\n{"id"')
        with pytest.raises(UsageError, match=r"deduped\.jsonl:2"):
            approve(desk, "Cleo", None)


def test_a_large_change_is_no_minor_version(shop):
    with shop.desk() as desk:
        shop.to_approval(desk, size=40)
        with pytest.raises(UsageError, match="--bump major"):
            release(desk, "minor")
        assert release(desk, "major")["version"] == "2.0.0"


def test_too_few_anchors_are_refused(shop):
    with shop.desk() as desk:
        shop.to_approval(desk)
        retire(desk, [f"s{i}" for i in range(80)], "obsolete", None)
        approve(desk, "Cleo", "a test")
        with pytest.raises(UsageError, match="40 of 120 samples would stay, and it takes 50"):
            release(desk, "minor")


def test_a_mended_label_is_a_patch(shop):
    with shop.desk() as desk:
        shop.to_queue(desk)
        retire(desk, ["s0"], "label_error", "blue")
        approve(desk, "Cleo", None)
        found = release(desk, "patch")
    assert found["version"] == "1.0.1"
    new = loaded(shop.folder / found["suite"])
    assert len(new.samples) == 120
    assert next(one.target for one in new.samples if one.id == "s0") == "blue"


@pytest.mark.parametrize(
    ("ids", "reason", "label", "message"),
    [
        (["s0"], "boring", None, "--reason takes dup, pii"),
        (["nobody"], "dup", None, "has no sample 'nobody'"),
        ([], "dup", None, "--ids"),
        (["s0"], "dup", "red", "label_error"),
    ],
)
def test_retiring_wrongly_is_usage(shop, ids, reason, label, message):
    with shop.desk() as desk:
        plan(desk, shop.wanted(), None)
        with pytest.raises(UsageError, match=message):
            retire(desk, ids, reason, label)


def test_everything_a_suite_reads_is_found_from_its_new_place(shop):
    document = json.loads(shop.suite.read_text())
    shop.write("suite/prompts/system.md", "Say a colour.\n")
    shop.write("suite/schema.json", '{"type": "string"}')
    document["dataset"]["system"] = "prompts/system.md"
    document["metrics"].append({"name": "schema", "type": "json_schema", "schema": "schema.json"})
    document["gate"]["guards"] = [{"metric": "schema", "margin": 1.0}]
    shop.rows("suite/train/a.jsonl", [{"text": "nothing like it"}])
    document["checks"] = {"training_data": ["train/a.jsonl"]}
    shop.suite.write_text(json.dumps(document, indent=1))
    with shop.desk() as desk:
        shop.to_approval(desk)
        new = loaded(shop.folder / release(desk, "minor")["suite"])
    assert new.models["baseline"].prompt.system == "Say a colour."
    assert [path.name for path in new.training_data] == ["a.jsonl"]


def test_a_pattern_cannot_be_moved_and_nothing_is_released(shop):
    document = json.loads(shop.suite.read_text()) | {"checks": {"training_data": ["train/*.jsonl"]}}
    shop.rows("suite/train/a.jsonl", [{"text": "nothing like it"}])
    shop.suite.write_text(json.dumps(document, indent=1))
    with shop.desk() as desk:
        shop.to_approval(desk)
        with pytest.raises(UsageError, match="name the files one by one"):
            release(desk, "minor")
    assert not (shop.suite.parent / "versions").exists()


def test_the_command_line_goes_all_the_way(shop, capsys):
    for command in (
        ["plan", str(shop.suite), "--logs", "logs.jsonl", "--size", "20"],
        ["sample"],
        ["scrub"],
        ["dedup"],
        ["label"],
    ):
        assert execute(["refresh", *command]) == 0
    folder = next(path for path in shop.root.iterdir() if path.is_dir())
    items = [json.loads(line) for line in (folder / "queue.jsonl").read_text().splitlines()]
    shop.rows("labels.jsonl", [{"id": one["id"], "label": "red", "by": by} for one in items for by in ("ann", "bob")])
    assert execute(["refresh", "label", "--from", "labels.jsonl"]) == 0
    assert "next: evalkit refresh approve --by NAME" in capsys.readouterr().out
    assert execute(["refresh", "approve", "--by", "Cleo"]) == 0
    assert "next: evalkit refresh release --bump minor" in capsys.readouterr().out
    assert execute(["refresh", "release"]) == 0
    assert execute(["refresh", "bridge", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["models"], told["text"].count("evalkit run ")) == ([], 2)
    assert execute(["refresh", "release", "--bump", "tiny"]) == 2
    assert execute(["refresh", "sample", "--date", "../x"]) == 2
    assert execute(["refresh", "sample", "--dir", "nowhere"]) == 2


def test_what_was_retired_for_personal_data_is_not_written_down_again(shop):
    with shop.desk() as desk:
        shop.to_approval(desk)
        retire(desk, ["s0"], "pii", None)
        retire(desk, ["s1"], "dup", None)
        approve(desk, "Cleo", "a test")
        found = release(desk, "minor")
    folder = (shop.folder / found["suite"]).parent
    assert shop.samples[1]["text"] in (folder / "retired.jsonl").read_text()
    assert all(shop.samples[0]["text"] not in path.read_text() for path in folder.iterdir())
    logs = shop.rows("more.jsonl", [{"text": shop.samples[0]["text"]}, {"text": "a lost umbrella in the tram to town"}])
    with shop.desk("2026-12-01") as desk:
        items = shop.to_queue(desk, suite=shop.folder / found["suite"], logs=[logs])
    assert [item["text"] for item in items] == ["a lost umbrella in the tram to town"]


def test_a_time_that_is_none_goes_no_further(shop):
    rows = [{"text": sentence(shop.rng), "time": "call jo@mail.example"}, {"text": sentence(shop.rng), "time": 1.7e9}]
    with shop.desk() as desk:
        shop.to_queue(desk, logs=[shop.rows("odd.jsonl", rows)])
        assert sorted(row["time"] or 0 for row in desk.rows("deduped.jsonl")) == [0, 1.7e9]
        assert b"jo@mail.example" not in desk.content("scrubbed.jsonl")


def test_a_column_called_row_is_a_column(shop):
    shop.rows("suite/samples.jsonl", [one | {"row": i} for i, one in enumerate(shop.samples)])
    with shop.desk() as desk:
        assert len(shop.to_queue(desk)) == 20


def test_judges_logs_and_long_prompts_are_moved_as_what_they_are(shop):
    document = json.loads(shop.suite.read_text())
    document["dataset"]["system"] = "Answer with one word, which is a colour. " * 20
    document["metrics"].append({"name": "tone", "type": "judge", "judge": "judges/mine.yaml"})
    document["checks"] = {"freshness": {"production": "prod.jsonl"}}
    shop.write("suite/judges/mine.yaml", "name: mine\n")
    shop.rows("suite/prod.jsonl", shop.production)
    shop.suite.write_text(json.dumps(document, indent=1))
    with shop.desk() as desk:
        shop.to_approval(desk)
        file = shop.folder / release(desk, "minor")["suite"]
    new = loaded(file)
    assert (file.parent / new.metrics[-1].options["judge"]).resolve() == shop.suite.parent / "judges/mine.yaml"
    assert [path.name for path in declared_logs(new)] == ["prod.jsonl"]


def test_a_mended_label_that_the_suite_did_not_have_is_no_patch(shop):
    with shop.desk() as desk:
        shop.to_queue(desk)
        retire(desk, ["s0"], "label_error", "purple")
        approve(desk, "Cleo", None)
        with pytest.raises(UsageError, match="labels that the suite did not have: purple"):
            release(desk, "patch")


def test_requests_bring_the_suites_own_slices_along(shop):
    rows = [{"messages": [{"role": "user", "content": f"Colour of: {sentence(shop.rng)}"}], "part": "b"}]
    with shop.desk() as desk:
        shop.to_queue(desk, logs=[shop.rows("requests.jsonl", rows)])
        (row,) = desk.rows("deduped.jsonl")
    assert row["fields"].keys() == {"text", "part"}


def test_every_span_of_a_batch_is_a_row_of_its_own(shop):
    def span(text):
        return {"name": "chat m", "attributes": {"gen_ai.prompt": f"Colour of: {text}"}}

    batch = {"resourceSpans": [{"scopeSpans": [{"spans": [span(sentence(shop.rng)) for _ in range(6)]}]}]}
    with shop.desk() as desk:
        assert len(shop.to_queue(desk, logs=[shop.rows("spans.jsonl", [batch])])) == 6


def test_rows_of_a_group_that_was_trained_on_are_left_out(shop):
    document = json.loads(shop.suite.read_text())
    document["checks"] = {"training_data": ["train.jsonl"], "group_keys": ["user"]}
    shop.suite.write_text(json.dumps(document))
    shop.rows("suite/samples.jsonl", [one | {"user": f"u{i}"} for i, one in enumerate(shop.samples)])
    shop.rows("suite/train.jsonl", [{"text": "something else entirely, about an umbrella", "user": "v1"}])
    rows = [{"text": sentence(shop.rng), "user": user} for user in ("v1", "v2", "")]
    with shop.desk() as desk:
        assert len(shop.to_queue(desk, logs=[shop.rows("users.jsonl", rows)])) == 2
        (left_out,) = desk.rows("dedup-dropped.jsonl")
    assert left_out["reason"].startswith("its user was trained on, ")
