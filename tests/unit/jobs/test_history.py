"""`evalkit history`: which runs there are, what changed, where they cannot be compared, what is left out."""

import json
import os
import re
from pathlib import Path

import pytest
from history_folder import NEW, SUITE, Reports
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.history import history
from evalkit.report.history import when
from evalkit.report.history_facts import Recorded, model_document
from evalkit.report.history_text import history_text
from evalkit.report.read import number


@pytest.fixture
def reports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Reports(tmp_path)


def told(reports, suite=SUITE):
    return history(suite, reports.folder.parent)


def changed(document):
    return [[(c["what"], c["side"]) for c in run["changed"] or ()] for run in document["runs"]]


def test_runs_from_oldest_to_newest_with_what_changed(reports):
    reports.add(3, adapter="2" * 64, levels=(70, 82), generation={"temperature": 1})
    reports.add(1, verdict="inconclusive")
    reports.add(2, adapter="2" * 64, prompt={"system": "Answer well."})
    document = told(reports)
    assert [run["run"] for run in document["runs"]] == ["run-01", "run-02", "run-03"]
    assert changed(document) == [
        [],
        [("adapter", "candidate"), ("prompt", "candidate")],
        [("settings", "both"), ("prompt", "candidate")],
    ]
    assert document["runs"][0]["changed"] is None
    assert (document["metric"], document["lines"], document["skipped"]) == ("exact", [], [])
    assert [v["runs"] for v in document["versions"]] == [3]


def test_where_the_data_changed_stands_a_line_and_the_same_model_on_both_sides_joins_them(reports):
    reports.add(1)
    reports.add(2, adapter="2" * 64)
    reports.add(3, data=NEW, adapter="3" * 64, levels=(60.0, 75.0))
    reports.add(4, data=NEW, adapter="2" * 64, levels=(60.0, 72.0))
    document = told(reports)
    (line,) = document["lines"]
    assert (line["from"], line["to"], line["changed"]) == ("run-02", "run-03", ["data"])
    ends = [[(b[end]["run"], b[end]["side"]) for end in ("old", "new")] for b in line["bridges"]]
    assert ends == [
        [("run-02", "candidate"), ("run-04", "candidate")],
        [("run-02", "baseline"), ("run-03", "baseline")],
    ]
    bridge = line["bridges"][0]
    assert bridge["is_proven"]
    assert (bridge["offset_points"], bridge["offset_ci95_points"]) == (-8.0, [-13.0, -3.0])
    assert [run["bridge"] for run in document["runs"]] == [[], ["baseline", "candidate"], ["baseline"], ["candidate"]]


@pytest.mark.parametrize(
    "other",
    [
        {"adapter": "9" * 64},
        {"prompt": {"system": "Other."}},
        {"generation": {"temperature": 1}},
        {"identity": {"engine_version": "2"}},
        {"manifest": False},
        {"document": {"reasons": [{"code": "LIMITED"}]}},
        {"levels": None, "verdict": "error"},
        {"metric": {"normalize": ["casefold"]}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_model_prompt_setting_engine_or_metric_and_a_part_of_the_data_make_no_bridge(reports, other):
    reports.add(1)
    reports.add(2, data=NEW, **other)
    ends = [b["new"]["side"] for b in told(reports)["lines"][0]["bridges"]]
    assert "candidate" not in ends


def with_files(reports, day, *, folder, sha256="5" * 64, metric=None, **more):
    """A run whose settings and metric name a schema, as the suite in that folder writes it."""
    named = f"{'../' * folder.count('/')}schema.json"
    place = reports.add(day, generation={"response_schema": named}, metric=metric or {"schema": named}, **more)
    manifest = json.loads((place / "manifest.json").read_text())
    digests = {"triage/schema.json": sha256, f"{folder}/samples.jsonl": "7" * 64}
    (place / "manifest.json").write_text(json.dumps(manifest | {"digests": digests}))


@pytest.mark.parametrize(("sha256", "bridges"), [("5" * 64, 2), ("6" * 64, 0)])
def test_a_file_is_known_by_what_is_in_it_from_wherever_a_version_names_it(reports, sha256, bridges):
    with_files(reports, 1, folder="triage")
    with_files(reports, 2, folder="triage/versions/1.1.0", sha256=sha256, data=NEW)
    (line,) = told(reports)["lines"]
    assert len(line["bridges"]) == bridges
    assert line["changed"] == (["data"] if bridges else ["data", "metric"])


def test_a_text_that_looks_like_a_file_of_the_suite_is_no_file(reports):
    for day, sha256 in ((1, "5" * 64), (2, "6" * 64)):
        with_files(reports, day, folder="triage", sha256=sha256, metric={"type": "contains", "text": "schema.json"})
    assert "metric" not in {what for one in changed(told(reports)) for what, _ in one}


def test_a_name_is_less_than_a_digest(reports):
    for day, data in ((1, "a" * 64), (2, NEW)):
        reports.add(day, data=data, adapter=None, identity={"weights_sha256": None})
    (line,) = told(reports)["lines"]
    assert [bridge["is_proven"] for bridge in line["bridges"]] == [False, True]
    assert "by name" in line["bridges"][0]["sentence"]


def test_another_metric_draws_a_line_too(reports):
    reports.add(1)
    reports.add(2, metric={"type": "accuracy"})
    reports.add(3, metric={"type": "accuracy"})
    (line,) = told(reports)["lines"]
    assert (line["to"], line["changed"], line["bridges"]) == ("run-02", ["metric"], [])


def test_what_has_no_name_is_told_only_where_nothing_else_changed(reports):
    for day, (digest, data) in enumerate((("1", "a" * 64), ("2", "a" * 64), ("3", NEW)), start=1):
        provenance = {"evalkit": "0.1.0", "data_sha256": data, "suite_fingerprint": f"fp1:{digest}"}
        reports.add(day, document={"provenance": provenance})
    assert changed(told(reports)) == [[], [("something else in the suite", None)], [("data", None)]]


def test_what_only_the_ledger_knows_has_a_verdict_and_no_scores(reports, monkeypatch, tmp_path):
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    reports.add(5)
    use = {"v": 1, "at": "2026-11-02T00:00:00+00:00", "suite": SUITE, "samples": NEW, "candidate": "fp1:x", "n": 200}
    uses = [use | {"run": "gone", "verdict": "dont_ship"}, use | {"run": "run-05", "verdict": "ship"}]
    uses.append(use | {"run": "other", "verdict": "ship", "suite": "another"})
    (tmp_path / "home").mkdir()
    ledger = tmp_path / "home" / "ledger.jsonl"
    ledger.write_text("".join(json.dumps(one) + "\n" for one in uses) + "<<<<<<<\n")
    document = told(reports)
    assert [run["run"] for run in document["runs"]] == ["gone", "run-05"]
    gone = document["runs"][0]
    assert (gone["verdict"], gone["delta_points"], gone["folder"]) == ("dont_ship", None, None)
    assert [line["to"] for line in document["lines"]] == ["run-05"]
    assert "cannot be read" in document["skipped"][0]["why"]
    assert list(ledger.parent.iterdir()) == [ledger]


def test_a_run_without_its_manifest_says_what_it_cannot_tell(reports):
    reports.add(1)
    reports.add(2, manifest=False)
    reports.add(3, prompt={"system": "Other."})
    document = told(reports)
    assert "manifest.json" in document["runs"][1]["note"]
    assert changed(document)[1:] == [[], [("prompt", "candidate")]], "against what was last known"


DAMAGED = {
    "cut": b'{"schema": "evalkit.verdict/1", "verd',
    "empty": b"",
    "list": b"[]",
    "deep": b"[" * 100_000,
    "number": b"1" * 5_000,
    "bytes": b"\xff\xfe\x00",
    "foreign": b'{"schema": "other/1"}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_left_out_with_a_word(reports, content):
    reports.add(1)
    (reports.add(2) / "verdict.json").write_bytes(content)
    document = told(reports)
    assert [run["run"] for run in document["runs"]] == ["run-01"]
    (skipped,) = document["skipped"]
    assert skipped["path"].endswith("run-02/verdict.json")
    assert skipped["why"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"suite": "another"}, "another suite"),
        ({"exit_code": 1}, "exit code 1"),
        ({"verdict": ["ship"]}, "verdict"),
        ({"created": "yesterday"}, "no date"),
        ({"run": ""}, "names no run"),
        ({"run": "run-01"}, "the same run as"),
        ({"primary": {"delta_points": 1e300}}, "no points"),
        ({"primary": {"candidate_points": -1}}, "no points"),
    ],
)
def test_a_document_that_is_not_whole_or_not_of_this_suite_is_left_out(reports, changes, why):
    reports.add(1)
    reports.add(2, document=changes)
    document = told(reports)
    assert [run["run"] for run in document["runs"]] == ["run-01"]
    assert why in document["skipped"][0]["why"]


def test_pipes_links_and_unfinished_folders_keep_nobody_waiting(reports):
    place = reports.add(1)
    (reports.folder / "latest").symlink_to(place.name)
    (reports.folder / ".run.tmp").mkdir()
    (reports.folder / "unfinished").mkdir()
    (reports.folder / "notes.txt").write_text("mine")
    (reports.folder / "pipe").mkdir()
    os.mkfifo(reports.folder / "pipe" / "verdict.json")
    document = told(reports)
    assert [run["run"] for run in document["runs"]] == ["run-01"]
    assert [one["why"].partition(":")[0] for one in document["skipped"]] == ["it is no plain file", "no verdict.json"]


def test_no_runs_is_a_usage_error_that_says_what_to_do(reports, capsys):
    assert execute(["history", "triage"]) == 2
    assert "run it first: evalkit run" in capsys.readouterr().err
    assert execute(["history"]) == 2
    assert "evalkit history SUITE" in capsys.readouterr().err
    with pytest.raises(UsageError, match="no such suite"):
        told(reports, "../elsewhere")


def test_a_suite_file_a_folder_and_a_name_mean_the_same(reports, tmp_path):
    reports.add(1)
    (tmp_path / "suite.yaml").write_text(f"name: {SUITE}\nversion: 1\n")
    expected = told(reports)
    assert told(reports, None) == told(reports, ".") == told(reports, "suite.yaml") == expected
    (tmp_path / "suite.yaml").write_text("name: ../x\n")
    with pytest.raises(UsageError, match="no `name`"):
        told(reports, None)


def test_the_terminal_gets_eighty_columns_and_no_byte_of_its_own_from_a_document(reports):
    reports.add(1, primary={"metric": "an \x1b[31mod\u202ed metric " + "x" * 90})
    reports.add(2, verdict="invalid", data=NEW, levels=None)
    reports.add(3, verdict="inconclusive", levels=(12.34, 100.0), data=NEW)
    (reports.folder / ("long" * 40)).mkdir()
    document = told(reports)
    plain, coloured = (history_text(document, color=color) for color in (False, True))
    assert max(map(len, plain.splitlines())) <= 80
    assert not set(plain) & {"\x1b", "\u202e"}
    assert "\x1b[" in coloured
    for word in (
        "✔ SHIP",
        "! INVALID",
        "? INCONCLUSIVE",
        "+87.7",
        "the data and the metric changed here",
        "not meaningful",
    ):
        assert word in " ".join(plain.replace("─", "").split())
    assert "\u202e" not in json.dumps(document, ensure_ascii=False)


def test_every_key_is_described(reports, capsys):
    reports.add(1)
    reports.add(2, data=NEW)
    (reports.folder / "unfinished").mkdir()
    assert execute(["history", SUITE, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    docs = (Path(__file__).parents[3] / "docs" / "files.md").read_text(encoding="utf-8")
    block = next(part for part in docs.split("```") if '"evalkit.history/1"' in part)
    assert keys_of(document) - set(re.findall(r"[a-z0-9_]+", block)) == set()


def keys_of(value):
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_is_none(stamp):
    found = when(stamp)
    assert found is None or when(found) == found


def test_a_number_larger_than_any_float_is_none(reports):
    reports.add(1, primary={"delta_points": 10**400, "n": 10**400})
    (run,) = told(reports)["runs"]
    assert (run["delta_points"], run["n"]) == (None, None)
    assert number({"x": 1.7e308}, "x") == number({"x": int(1.7e308)}, "x") == 1.7e308


def test_a_ledger_that_is_a_pipe_keeps_nobody_waiting(reports, monkeypatch, tmp_path):
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    os.mkfifo(tmp_path / "home" / "ledger.jsonl")
    reports.add(1)
    assert "no plain file" in told(reports)["skipped"][0]["why"]


def test_of_several_baselines_the_one_that_decided_is_the_side(reports):
    place = reports.add(1, document={"against": "rag"})
    verdict, manifest = (json.loads((place / name).read_text()) for name in ("verdict.json", "manifest.json"))
    prints = set()
    for system in ("one", "two"):
        manifest["prompts"]["rag"] = {"system": system, "template": "{{ q }}", "shots": 0}
        run = Recorded(folder="", verdict=verdict, manifest=manifest)
        prints.add(model_document(run, "baseline")["fingerprint"])
    assert len(prints - {None}) == 2
