"""Answers already recorded: as a backend, as files to compare, as runs to compare; and the same report again."""

import json
from pathlib import Path

import pytest
from bench import label_of, scripted

from evalkit.errors import UsageError
from evalkit.jobs.recorded import find_run

N = 100


def answers(path, right_below, *, skip=(), n=N, **extra):
    rows = [
        {"id": f"s{i:04d}", "output": label_of(i if i < right_below else i + 1), **extra}
        for i in range(n)
        if i not in skip
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def suite(bench):
    path = bench.write_suite("http://127.0.0.1:9/v1", N)
    answers(bench.folder / "suite" / "a.jsonl", 60)
    answers(bench.folder / "suite" / "b.jsonl", 90)
    return path


def use_outputs(suite):
    document = json.loads(suite.read_text())
    document["models"] = {
        "baseline": {"backend": "outputs", "path": "a.jsonl"},
        "candidate": {"backend": "outputs", "path": "b.jsonl"},
    }
    suite.write_text(json.dumps(document))


def test_outputs_as_a_backend_and_as_files_agree(bench, suite):
    compared = bench.evalkit("compare", "suite/a.jsonl", "suite/b.jsonl", "--suite", suite, "--json")
    assert compared.code == 0, compared.err
    use_outputs(suite)
    ran = bench.run(suite)
    assert ran.code == 0, ran.err
    assert ran.document["primary"] | {"line": 0} == compared.document["primary"] | {"line": 0}
    assert ran.document["flips"] == {"fixed": 30, "broken": 0, "both_right": 60, "both_wrong": 10, "unscored": 0}
    assert ran.document["latency"]["candidate"]["p50_s"] is None


def test_two_runs_compare_by_their_candidates(bench, suite):
    runs = []
    for tuned in (70, 95):
        with scripted(40, tuned) as server:
            runs.append(bench.run(bench.write_suite(server.base_url, N)).document["run"])
    compared = bench.evalkit("compare", *runs, "--suite", suite, "--json")
    assert compared.code == 0, compared.err
    primary = compared.document["primary"]
    assert (primary["baseline_points"], primary["candidate_points"]) == (70.0, 95.0)
    sides = bench.evalkit("compare", f"{runs[0]}:baseline", f"{runs[1]}:baseline", "--suite", suite, "--json")
    assert sides.code == 4
    assert sides.document["reasons"][0]["code"] == "SAME_MODEL"


def test_runs_on_other_data_are_refused(bench, suite):
    with scripted(40, 70) as server:
        run = bench.run(bench.write_suite(server.base_url, N + 1)).document["run"]
    bench.write_suite("http://127.0.0.1:9/v1", N)
    refused = bench.evalkit("compare", run, "suite/b.jsonl", "--suite", suite)
    assert refused.code == 2
    assert "other data" in refused.err


def test_a_sample_without_a_row_is_missing_and_not_wrong(bench, suite):
    answers(bench.folder / "suite" / "b.jsonl", 90, skip=(3,))
    finished = bench.evalkit("compare", "suite/a.jsonl", "suite/b.jsonl", "--suite", suite, "--json")
    assert finished.document["primary"]["n"] == N - 1
    assert finished.document["primary"]["unscored"] == {"baseline": 0, "candidate": 1}
    assert finished.code == 0  # one of a hundred missing: the gain survives the worst case


@pytest.mark.parametrize("way", ["run", "compare"])
def test_an_id_the_dataset_lacks_is_a_usage_error(bench, suite, way):
    path = answers(bench.folder / "suite" / "b.jsonl", 90)
    path.write_text(path.read_text() + json.dumps({"id": "s000", "output": "red"}) + "\n")
    if way == "run":
        use_outputs(suite)
        refused = bench.run(suite)
    else:
        refused = bench.evalkit("compare", "suite/a.jsonl", "suite/b.jsonl", "--suite", suite)
    assert refused.code == 2
    assert "'s000'" in refused.err
    assert "did you mean" in refused.err
    assert not (bench.folder / "reports").exists()


def test_the_same_file_on_both_sides_is_one_model(bench, suite):
    (bench.folder / "suite" / "b.jsonl").write_bytes((bench.folder / "suite" / "a.jsonl").read_bytes())
    use_outputs(suite)
    refused = bench.run(suite)
    assert refused.code == 4
    assert refused.document["reasons"][0]["code"] == "SAME_MODEL"


def test_a_report_renders_again_byte_for_byte(bench, suite):
    use_outputs(suite)
    bench.run(suite)
    folder = bench.folder / "reports" / "colours" / "latest"
    names = ("report.html", "summary.md", "junit.xml")
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    again = bench.evalkit("report", "colours", "--format", "html,junit,markdown,csv")
    assert again.code == 0, again.err
    assert {name: (folder / name).read_bytes() for name in names} == before
    assert (folder / "samples.csv").read_text().count("\n") == N + 1
    assert bench.evalkit("report", "colours", "--format", "pdf").code == 2


def test_a_changed_dataset_is_refused_until_locked_again(bench, suite):
    use_outputs(suite)
    assert bench.evalkit("lock", suite).code == 0
    assert bench.run(suite).code == 0
    data = suite.parent / "samples.jsonl"
    data.write_text(data.read_text().replace('"item 5"', '"item  5"'))
    refused = bench.run(suite)
    assert refused.code == 2
    assert "evalkit lock" in refused.err
    assert bench.evalkit("lock", suite).code == 0
    assert bench.run(suite).code == 0


def test_held_out_samples_in_the_training_data_are_left_out_or_refused(bench, suite):
    use_outputs(suite)
    document = json.loads(suite.read_text())
    rows = [json.loads(line) for line in (suite.parent / "samples.jsonl").read_text().splitlines()]
    leaked = [{"messages": [{"role": "user", "content": row["text"].upper() + "!"}]} for row in rows[:4]]
    (suite.parent / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in leaked))
    document["checks"] = {"training_data": ["train.jsonl"]}
    suite.write_text(json.dumps(document))
    cleaned = bench.run(suite)
    assert cleaned.code == 0, cleaned.err
    assert cleaned.document["primary"]["n"] == N - 4
    assert cleaned.document["contamination"]["dirty"] == 4
    told = " ".join(cleaned.document["warnings"])
    assert f"4 of {N} held-out samples are left out (below is why); on all samples the difference on exact is +" in told
    document["checks"]["contamination"] = {"action": "fail"}
    suite.write_text(json.dumps(document))
    refused = bench.run(suite)
    assert refused.code == 4
    assert "CONTAMINATED" in {reason["code"] for reason in refused.document["reasons"]}


def test_a_name_that_is_no_finished_run_is_told_by_what_it_may_have_meant(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.delenv("EVALKIT_HOME", raising=False)
    unfinished = Path(".evalkit/runs/20260101T000000Z-abc")
    unfinished.mkdir(parents=True)
    (unfinished / "journal.sqlite").touch()
    with pytest.raises(UsageError, match="evalkit run SUITE --resume 20260101T000000Z-abc"):
        find_run("20260101T000000Z-abc")
    with pytest.raises(UsageError, match=r"there is none at answers\.jsonl"):
        find_run("answers.jsonl")
    with pytest.raises(UsageError, match=r"nor a run in reports/$"):
        find_run("tickets")


def test_a_judge_is_not_asked_by_compare_and_that_is_said(bench):
    model = {"backend": "openai_compatible", "base_url": "http://127.0.0.1:9/v1", "model": "grader"}
    judged = {"name": "kind", "type": "judge", "judge": "tone", "model": model}
    metrics = [{"name": "exact", "type": "exact_match"}, judged]
    suite = bench.write_suite("http://127.0.0.1:9/v1", N, metrics=metrics, gate={"primary": {"metric": "exact"}})
    answers(bench.folder / "suite" / "a.jsonl", 60)
    answers(bench.folder / "suite" / "b.jsonl", 90)
    done = bench.evalkit("compare", "suite/a.jsonl", "suite/b.jsonl", "--suite", suite, "--json")
    assert done.code == 0, done.err
    assert any("'kind' is graded by a judge, and compare asks no model" in told for told in done.document["warnings"])
    suite = bench.write_suite("http://127.0.0.1:9/v1", N, metrics=metrics, gate={"primary": {"metric": "kind"}})
    refused = bench.evalkit("compare", "suite/a.jsonl", "suite/b.jsonl", "--suite", suite)
    assert refused.code == 2
    assert "gate.primary: 'kind' is graded by a judge" in refused.err
    assert "backend: outputs" in refused.err
