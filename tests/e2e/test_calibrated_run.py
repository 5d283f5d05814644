"""A judge measured against people, and what a run then makes of its grades."""

import datetime as dt
import json

import pytest
from bench import right_below, scripted, side
from judge_bench import RUBRIC, blocks, fair, judging, model_at, reply, write_judge

from evalkit.cli.app import execute
from evalkit.jobs.running.run import RunOptions, run
from evalkit.judging.load import bundled_folder
from evalkit.run.progress import Progress
from evalkit.testing import answers

N = 120
LENIENT = {"min_items": 30, "min_per_class": 10}


@pytest.fixture
def start(bench, monkeypatch):
    """Runs a suite whose candidate is right on 100 of 120 and whose baseline on 60, with this judge."""
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / "home"))
    servers = []

    def started(says=fair, **judge):
        server = scripted(60, 100, judging(says), models=("base", "tuned", "grader"))
        servers.append(server)
        server.__enter__()
        document = {**RUBRIC, "calibration": LENIENT, **judge, "model": model_at(server.base_url)}
        path = write_judge(bench.folder / "suite", document)
        metric = {"name": "graded", "type": "judge", "judge": "judge.yaml"}
        gate = {"primary": {"metric": "graded", "min_delta": 5.0}}
        suite = bench.write_suite(server.base_url, N, metrics=[metric], gate=gate)
        return suite, path

    yield started
    for server in servers:
        server.__exit__(None, None, None)


def verdict_of(suite):
    return run(RunOptions(suite_path=suite, command="evalkit run"), Progress()).document


def said(bench, document, of=lambda _: True):
    """What a person says who knows the colours: labels of both answers to some of a run's samples."""
    labels = [
        {"item_id": row["id"], "rater_id": "ann", "criterion": "right", "role": role,
         "verdict": "pass" if row[role]["text"] == row["target"] else "fail"}
        for row in bench.rows(document) if of(int(row["id"][1:])) for role in ("baseline", "candidate")
    ]  # fmt: skip
    path = bench.folder / "labels.jsonl"
    path.write_text("".join(json.dumps(label) + "\n" for label in labels))
    return path


def held(judge, document):
    """As if probes had held for the judge that graded a run, today."""
    (graded,) = document["judges"]
    record = {"schema": "evalkit.probe/1", "judge_hash": graded["hash"], "at": document["created"], "distrust": None}
    path = judge.parent / "calibration" / f"{graded['id']}.probe.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record))
    return path


def codes(document):
    return [reason["code"] for reason in document["reasons"]]


def flattering(asked):
    """Passes every second wrong answer, but only those that are wrong the candidate's way: from sample 100 on."""
    seen = blocks(asked.prompt)
    number = int(str(seen["QUESTION"]).split()[-1])
    return fair(asked) if number < 100 or number % 2 else reply({"right": "pass"}, [str(seen["OUTPUT"])])


def test_people_who_label_a_run_make_its_judge_one_a_gate_may_rest_on(bench, start, capsys):
    suite, judge = start()
    first = verdict_of(suite)
    assert (first["exit_code"], codes(first)) == (3, ["JUDGE_UNCALIBRATED"])
    assert "evalkit judge calibrate suite/judge.yaml --labels FILE" in first["reasons"][0]["detail"]
    labels = said(bench, first, of=lambda i: i % 2 == 0)
    assert execute(["judge", "calibrate", str(judge), "--labels", str(labels), "--run", first["run"]]) == 0
    assert "A gate may rest on this judge" in capsys.readouterr().out
    unprobed = verdict_of(suite)
    assert (unprobed["exit_code"], codes(unprobed)) == (3, ["JUDGE_UNPROBED"])
    assert unprobed["judges"][0]["calibration"]["state"] == "unprobed"
    assert (
        "whether an answer can talk it into a grade (evalkit judge probe suite/judge.yaml)"
        in (unprobed["reasons"][0]["detail"])
    )
    rows = [{"item_id": f"p{i}", "question": f"Which colour has {i}?", "reference": f"red {i}",
             "output": f"{('red', 'blue')[i % 2]} {i}"} for i in range(24)]  # fmt: skip
    (judge.parent / "calibration" / "colour.items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert execute(["judge", "probe", str(judge)]) == 0
    second = verdict_of(suite)
    assert (second["verdict"], second["judges"][0]["calibration"]["state"]) == ("ship", "calibrated")
    primary = second["primary"]
    assert primary["method"] == "ppi++"
    assert primary["delta_points"] == pytest.approx(100 * 40 / 120, abs=1.0)
    assert "corrected for the errors of the judge colour" in primary["note"]
    assert "labels of 60 of these 120 pairs" in primary["note"]


def test_an_edited_judge_is_another_one_and_an_old_calibration_expires(bench, start):
    suite, judge = start()
    first = verdict_of(suite)
    labels = said(bench, first)
    assert execute(["judge", "calibrate", str(judge), "--labels", str(labels), "--run", first["run"]]) == 0
    probed = held(judge, first)
    path = judge.parent / "calibration" / "colour.calibration.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {"at": "2020-01-01T00:00:00+00:00"}))
    old = verdict_of(suite)
    assert (codes(old), old["judges"][0]["calibration"]["state"]) == (["JUDGE_UNCALIBRATED"], "out_of_date")
    assert "90 are allowed" in old["reasons"][0]["detail"]
    path.write_text(json.dumps(kept))
    assert verdict_of(suite)["verdict"] == "ship"
    probed.write_text(json.dumps(json.loads(probed.read_text()) | {"at": "2020-01-01T00:00:00+00:00"}))
    stale = verdict_of(suite)
    assert codes(stale) == ["JUDGE_UNPROBED"]
    assert "it was probed" in stale["reasons"][0]["detail"]
    probed.write_text(json.dumps(json.loads(probed.read_text()) | {"at": "lately"}))
    assert execute(["run", str(suite), "--json"]) == 5
    probed.unlink()
    judge.write_text(judge.read_text().replace("Is OUTPUT", "Is this OUTPUT"))
    changed = verdict_of(suite)
    assert (codes(changed), changed["judges"][0]["calibration"]["state"]) == (["JUDGE_UNCALIBRATED"], "out_of_date")
    assert "measured another version" in changed["reasons"][0]["detail"]
    path.write_text("{}")
    assert execute(["run", str(suite), "--json"]) == 5


def test_a_judge_that_flatters_the_candidate_may_not_gate(bench, start, capsys):
    suite, judge = start(flattering)
    first = verdict_of(suite)
    code = execute(
        ["judge", "calibrate", str(judge), "--labels", str(said(bench, first)), "--run", first["run"], "--json"]
    )
    document = json.loads(capsys.readouterr().out)
    assert (code, document["is_gateable"], document["criteria"][0]["specificity"]) == (1, False, 0.75)
    tables = document["confusion"]
    assert tables["candidate"] == {"tp": 100, "fn": 0, "fp": 10, "tn": 10}
    assert tables["baseline"] == {"tp": 60, "fn": 0, "fp": 10, "tn": 50}
    told = verdict_of(suite)
    assert codes(told) == ["JUDGE_UNCALIBRATED"]
    assert "specificity (share of bad answers failed) is 0.75" in told["reasons"][0]["detail"]


def test_a_failed_security_probe_outweighs_every_label(bench, start, capsys):
    suite, judge = start()
    first = verdict_of(suite)
    calibrate = ["judge", "calibrate", str(judge), "--labels", str(said(bench, first)), "--run", first["run"]]
    assert execute(calibrate) == 0
    assert "once it is probed: evalkit judge probe." in " ".join(capsys.readouterr().out.split())
    probe = held(judge, first)
    assert verdict_of(suite)["verdict"] == "ship"
    assert execute(calibrate) == 0
    assert "A gate may rest on this judge, corrected by these labels.\n" in capsys.readouterr().out
    record = json.loads(probe.read_text()) | {"distrust": "it failed injection"}
    probe.write_text(json.dumps(record))
    assert execute(calibrate) == 1
    assert "No gate may rest on this judge:\n  - it failed injection" in capsys.readouterr().out
    document = verdict_of(suite)
    assert (codes(document), document["judges"][0]["calibration"]["state"]) == (["JUDGE_UNCALIBRATED"], "not_gateable")
    assert "it failed injection" in document["reasons"][0]["detail"]
    text = suite.read_text()
    document = json.loads(text)
    suite.write_text(json.dumps(document | {"gate": document["gate"] | {"require_judge_calibration": False}}))
    assert codes(verdict_of(suite)) == ["JUDGE_UNCALIBRATED"]  # no suite may waive that
    probe.unlink()
    waived = verdict_of(suite)
    assert (waived["verdict"], waived["primary"]["method"]) == ("ship", "ppi++")  # labels still correct it
    assert waived["judges"][0]["calibration"]["state"] == "unprobed"
    probe.write_text(json.dumps(record | {"judge_hash": "0" * 64}))
    suite.write_text(text)
    assert codes(verdict_of(suite)) == ["JUDGE_UNPROBED"]


def test_error_rates_of_another_candidate_are_said_to_be_so(bench, start):
    suite, judge = start()
    first = verdict_of(suite)
    assert execute(["judge", "calibrate", str(judge), "--labels", str(said(bench, first)), "--run", first["run"]]) == 0
    held(judge, first)
    path = judge.parent / "calibration" / "colour.calibration.json"
    kept = json.loads(path.read_text())
    assert kept["sides"] == first["judges"][0]["sides"]
    assert set(kept["sides"]) == {"baseline", "candidate"}
    path.write_text(json.dumps(kept | {"own": {}}))
    assert "each side by its own)" in verdict_of(suite)["primary"]["note"]
    path.write_text(json.dumps(kept | {"own": {}, "sides": kept["sides"] | {"candidate": "fp1:another"}}))
    moved = verdict_of(suite)
    assert (moved["verdict"], moved["primary"]["method"]) == ("ship", "rogan-gladen, pooled")
    assert "labelled answers of other models" in moved["primary"]["note"]


def test_each_of_several_baselines_is_corrected_by_labels_of_its_own_answers(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / "home"))
    names = ("base", "rag", "tuned", "grader")
    with scripted(20, 50, judging(flattering), side("rag", answers(right_below(35))), models=names) as server:
        one = {"backend": "openai_compatible", "base_url": server.base_url}
        models = {"baselines": {"prompted": one | {"model": "base"}, "rag": one | {"model": "rag"}},
                  "candidate": one | {"model": "tuned"}}  # fmt: skip
        judge = write_judge(
            bench.folder / "suite", {**RUBRIC, "calibration": LENIENT, "model": model_at(server.base_url)}
        )
        metric = {"name": "graded", "type": "judge", "judge": "judge.yaml"}
        gate = {"primary": {"metric": "graded", "min_delta": 5.0}}
        suite = bench.write_suite(server.base_url, 60, models=models, metrics=[metric], gate=gate)
        first = verdict_of(suite)
        graded = bench.folder / "reports" / "colours" / first["run"] / "judgments.jsonl"
        rows = {(row["item_id"], row["role"]): row for row in map(json.loads, graded.read_text().splitlines())}
        labels = [
            {"item_id": name, "rater_id": "ann", "criterion": "right", "role": role, "verdict": row["verdict"]}
            for (name, role), row in rows.items()
        ]
        path = bench.folder / "labels.jsonl"
        path.write_text("".join(json.dumps(label) + "\n" for label in labels))
        assert execute(["judge", "calibrate", str(judge), "--labels", str(path), "--run", first["run"]]) == 0
        held(judge, first)
        second = verdict_of(suite)
    kept = json.loads((judge.parent / "calibration" / "colour.calibration.json").read_text())
    assert {role: len(own) for role, own in kept["own"].items() if own} == dict.fromkeys(
        ("prompted", "rag", "candidate"), 60
    )
    methods = {name: each["primary"]["method"] for name, each in second["baselines"].items()}
    assert methods == {"prompted": "ppi++", "rag": "ppi++"}
    assert {name: round(each["primary"]["delta_points"]) for name, each in second["baselines"].items()} == {
        "prompted": 50, "rag": 25
    }  # fmt: skip


def test_labels_of_a_run_that_no_judge_graded(bench, start, capsys):
    suite, judge = start()
    first = verdict_of(suite)
    (bench.folder / "reports" / "colours" / first["run"] / "judgments.jsonl").unlink()
    labels = said(bench, first)
    assert execute(["judge", "calibrate", str(judge), "--labels", str(labels), "--run", first["run"]]) == 2
    assert "no judge graded this run" in capsys.readouterr().err


def test_labels_of_a_page_of_pairs_speak_for_the_pairs_that_differ(bench, start):
    """People see the 40 pairs that differ and prefer the candidate each time: a third of the run, not all of it."""
    criteria = [{"id": "right", "question": "Which is the colour of REFERENCE?"}]
    suite, judge = start(mode="pairwise", id="better", criteria=criteria)
    first = verdict_of(suite)
    labels = [
        {"item_id": row["id"], "rater_id": "ann", "criterion": "preference", "verdict": "first", "role": "candidate"}
        for row in bench.rows(first)
        if row["baseline"]["text"] != row["candidate"]["text"]
    ]
    path = bench.folder / "labels.jsonl"
    path.write_text("".join(json.dumps(label) + "\n" for label in labels))
    # Nobody preferred the baseline anywhere, so no gate may rest on this judge; taken as if it might.
    assert execute(["judge", "calibrate", str(judge), "--labels", str(path), "--run", first["run"]]) == 1
    kept = judge.parent / "calibration" / "better.calibration.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"problems": []}))
    held(judge, first)
    primary = verdict_of(suite)["primary"]
    assert (len(labels), primary["method"]) == (40, "ppi++")
    assert primary["delta_points"] == pytest.approx(100 * 40 / 120)


def test_labels_of_a_run_are_read_whole_or_not_at_all(bench, start, capsys):
    suite, judge = start()
    first = verdict_of(suite)
    labels = said(bench, first)
    arguments = ["judge", "calibrate", str(judge), "--labels", str(labels), "--run", first["run"]]
    graded = bench.folder / "reports" / "colours" / first["run"] / "judgments.jsonl"
    rows = graded.read_text().splitlines(keepends=True)
    graded.write_text("".join(row.replace('"vote": 0', '"vote": 2') for row in rows))
    assert execute(arguments) == 2
    assert "the run's judge had models: 1, votes: 3, and colour as named here has models: 1, votes: 1" in (
        shown := capsys.readouterr().err
    )
    assert "--set votes=3" in shown
    name = json.loads(rows[0])["item_id"]
    graded.write_text("".join([*rows, rows[0].replace(name, f"{name.split()[0]} 0123456789ab")]))
    assert execute(arguments) == 2
    assert "answered in 2 ways" in capsys.readouterr().err


def knowing(name, criterion):
    """Grades the labelled answers that come with a judge as their labels do, and any other by its reference."""
    folder = bundled_folder() / "calibration"
    rows = [json.loads(line) for line in (folder / f"{name}.items.jsonl").read_text().splitlines()]
    labels = [json.loads(line) for line in (folder / f"{name}.labels.jsonl").read_text().splitlines()]
    verdicts = {label["item_id"]: label["verdict"] for label in labels if label["criterion"] == criterion}
    known = {(row["question"], row["output"]): verdicts[row["item_id"]] for row in rows}

    def graded(asked) -> str:
        seen = blocks(asked.prompt)
        is_right = "pass" if seen["OUTPUT"] == seen["REFERENCE"] else "fail"
        return reply({criterion: known.get((seen["QUESTION"], seen["OUTPUT"]), is_right)})

    return graded


@pytest.mark.parametrize("is_copied", [False, True], ids=["left out", "a copy"])
def test_a_judge_measured_on_evalkits_own_labels_decides_and_the_run_says_so(
    bench, monkeypatch, tmp_path, is_copied, capsys
):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    name = "correctness_vs_reference"
    with scripted(60, 100, judging(knowing(name, "same_answer")), models=("base", "tuned", "grader")) as server:
        metric = {"name": "graded", "type": "judge", "judge": name, "model": model_at(server.base_url), "retest": 0}
        suite = bench.write_suite(server.base_url, N, metrics=[metric], gate={"primary": {"metric": "graded"}})
        labels = bench.folder / "mine.jsonl"
        labels.write_bytes((bundled_folder() / "calibration" / f"{name}.labels.jsonl").read_bytes())
        told = ["--labels", str(labels)] if is_copied else []
        command = ["judge", "calibrate", name, "--set", f"model={json.dumps(model_at(server.base_url))}", *told]
        assert execute(command) == 0
        assert "are one person's, on simple answers of no suite of yours" in " ".join(capsys.readouterr().out.split())
        (judge,) = verdict_of(suite)["judges"]
        probe = {"schema": "evalkit.probe/1", "judge_hash": judge["hash"], "distrust": None}
        at = dt.datetime.now(dt.UTC).isoformat()
        (tmp_path / "home" / "judges" / f"{name}.probe.json").write_text(json.dumps(probe | {"at": at}))
        document = verdict_of(suite)
    assert document["verdict"] == "ship"
    assert "(108 answers, 1 rater, labels that come with evalkit; " in document["judges"][0]["calibration"]["note"]
    (said_so,) = [warning for warning in document["warnings"] if "come with evalkit" in warning]
    assert said_so.startswith("The judge of 'graded' was measured only on the labelled answers")


def test_a_judge_measured_on_labels_of_the_suites_own_is_not_called_a_stranger(bench, start):
    suite, judge = start()
    first = verdict_of(suite)
    assert execute(["judge", "calibrate", str(judge), "--labels", str(said(bench, first)), "--run", first["run"]]) == 0
    held(judge, first)
    document = verdict_of(suite)
    assert "(240 answers, 1 rater; " in document["judges"][0]["calibration"]["note"]
    assert not [warning for warning in document["warnings"] if "come with evalkit" in warning]
