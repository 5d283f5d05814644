"""Inspect's own logs, packed and plain, become recorded answers; what is no log is told and leaves nothing.

The logs in corpora/imports/inspect are those of inspect_ai 0.3.285 with its `mockllm` model; of the plain ones the
events were taken out.
"""

import json
import zipfile
from pathlib import Path

import pytest
from bench import REPO

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.importing import import_suite, inspect_logs

LOGS = REPO / "tests" / "corpora" / "imports" / "inspect"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def imported(name, to="made"):
    return import_suite("inspect", [LOGS / "base" / name, LOGS / "tuned" / name], Path(to))


def decided(folder, capsys):
    execute(["run", str(folder), "--no-cache", "--json"])
    return json.loads(capsys.readouterr().out)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "metric", "own"), [("mc.json", "accuracy", "choice"), ("chat.eval", "includes", "includes")]
)
def test_scores_are_those_of_inspect(name, metric, own, capsys):
    made = imported(name)
    verdict = decided(made.folder, capsys)
    assert verdict["primary"]["metric"] == metric
    assert verdict["primary"]["n"] == made.n_samples > 5
    (told,) = [note for note in made.notes if note.startswith(f"Inspect's own {own}:")]
    means = {
        role: float(mean) for role, mean in (part.split() for part in told.split(": ")[1].split(". ")[0].split(", "))
    }
    for role, mean in means.items():
        assert verdict["primary"][f"{role}_points"] == pytest.approx(100 * mean, abs=0.01)
    assert len(set(means.values())) == 2, "a comparison of equal sides would show little"


def test_a_packed_log_keeps_question_answer_usage_and_repeats():
    made = imported("chat.eval")
    assert rows(made.folder / "samples.jsonl")[0] == {
        "id": "c0",
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Capital 0?"}],
        "target": ["Paris", "paris"],
    }
    answers = rows(made.folder / "baseline.jsonl")
    assert [(row["id"], row["repeat"]) for row in answers].count(("c0", 1)) == 1
    assert len(answers) == 2 * made.n_samples
    assert {"output", "finish", "usage", "latency_s"} < answers[0].keys()
    assert "repeats: 2" in (made.folder / "suite.yaml").read_text()


def test_numbers_are_compared_as_numbers_and_long_texts_put_back():
    assert imported("sums.eval", "sums").metrics == ("numeric", "includes")
    made = imported("mc.json", "mc")
    first = rows(made.folder / "samples.jsonl")[0]
    assert first["messages"][0]["content"].startswith("Answer the following multiple choice question.")
    assert {row["output"] for row in rows(made.folder / "baseline.jsonl")} <= {"A", "B", "C"}
    assert any("the part is kept that the scorer 'choice' looked at" in note for note in made.notes)


def changed(tmp_path, role, change):
    """A plain log as somebody else's run might have left it."""
    log = json.loads((LOGS / role / "mc.json").read_text())
    change(log)
    path = tmp_path / f"{role}.json"
    path.write_text(json.dumps(log))
    return path


def both(tmp_path, change):
    return [changed(tmp_path, "base", lambda _: None), changed(tmp_path, "tuned", change)]


def test_a_log_of_a_time_before_completions_has_its_words_in_the_first_choice(tmp_path):
    """Until 2025 Inspect made `completion` from the choices when it was read, and wrote it nowhere."""

    def older(log):
        log["eval"]["scorers"] = [{"name": "includes"}]
        for one in log["samples"]:
            one["output"].pop("completion", None)
            one["output"]["choices"][0]["message"] = {"role": "assistant", "content": f"It is {one['id']}."}

    paths = [changed(tmp_path, role, older) for role in ("base", "tuned")]
    made = import_suite("inspect", paths, Path("made"))
    assert [row["output"] for row in rows(made.folder / "baseline.jsonl")][:2] == [
        f"It is {row['id']}." for row in rows(made.folder / "samples.jsonl")[:2]
    ]


def test_what_ended_in_an_error_or_was_never_asked_is_missing_and_not_wrong(tmp_path, capsys):
    def broke(log):
        log["status"] = "error"
        log["samples"][0] |= {"error": {"message": "the engine died"}, "scores": None}
        del log["samples"][1]

    made = import_suite("inspect", both(tmp_path, broke), Path("made"))
    assert "candidate: the log ended as 'error'." in made.notes
    assert any(note.startswith("candidate: 1 samples are not in its log") for note in made.notes)
    verdict = decided(made.folder, capsys)
    assert verdict["outcomes"]["candidate"]["failed"] == 2
    assert verdict["primary"]["n"] == made.n_samples - 2
    assert verdict["exit_code"] == 4


def test_why_an_answer_ended_comes_along(tmp_path):
    def cut(log):
        for one, reason in zip(
            log["samples"], ("max_tokens", "model_length", "content_filter", "tool_calls"), strict=False
        ):
            one["output"]["choices"][0]["stop_reason"] = reason

    made = import_suite("inspect", both(tmp_path, cut), Path("made"))
    assert [row["finish"] for row in rows(made.folder / "candidate.jsonl")][:4] == [
        "length",
        "length",
        "refusal",
        "stop",
    ]


def test_what_was_stopped_at_a_limit_without_an_answer_is_missing_and_not_wrong(tmp_path, capsys):
    def stopped(log):
        for one, kind in zip(log["samples"], ("time", "working", "token", "time"), strict=False):
            one |= {"limit": {"type": kind, "limit": 1}, "scores": {"choice": {"value": "I", "answer": ""}}}
            one["output"] |= {"completion": "", "choices": []}
        log["samples"][3]["output"]["completion"] = "ANSWER: A"

    made = import_suite("inspect", both(tmp_path, stopped), Path("made"))
    found = rows(made.folder / "candidate.jsonl")
    assert [row.get("error") for row in found[:4]] == [
        "stopped at its limit of time", "stopped at its limit of working", None, None
    ]  # fmt: skip
    assert found[2]["finish"] == "length"
    assert any("stopped at its limit of time without an answer" in note for note in made.notes)
    assert decided(made.folder, capsys)["primary"]["n"] == made.n_samples - 3


def test_a_sample_nobody_scored_is_not_compared_by_its_whole_text(tmp_path, capsys):
    log = json.loads((LOGS / "base" / "mc.json").read_text())
    for one in log["samples"][::2]:
        one["scores"] = None
    (tmp_path / "tuned.json").write_text(json.dumps(log))
    made = import_suite("inspect", [LOGS / "base" / "mc.json", tmp_path / "tuned.json"], Path("made"))
    assert {row.get("error") for row in rows(made.folder / "candidate.jsonl")} == {None, "not scored by 'choice'"}
    primary = decided(made.folder, capsys)["primary"]
    assert (primary["delta_points"], primary["n"]) == (0.0, made.n_samples // 2)


def test_of_logs_that_were_scored_differently_whole_answers_are_compared(tmp_path):
    def other(log):
        log["eval"]["scorers"] = [{"name": "pattern"}]
        for one in log["samples"]:
            one["scores"] = {"pattern": {"value": "C", "answer": "A"}}

    made = import_suite("inspect", both(tmp_path, other), Path("made"))
    assert any("scored differently ('choice' and 'pattern')" in note for note in made.notes)
    for role in ("baseline", "candidate"):
        assert {row["output"][:8] for row in rows(made.folder / f"{role}.jsonl")} == {"ANSWER: "}


def test_times_that_are_no_numbers_are_not_measured(tmp_path):
    def odd(log):
        for one in log["samples"]:
            one["output"]["time"] = float("inf")

    made = import_suite("inspect", both(tmp_path, odd), Path("made"))
    assert not any("latency_s" in row for row in rows(made.folder / "candidate.jsonl"))


def test_pictures_turns_and_another_question_are_told(tmp_path):
    def other(log):
        picture = {"type": "image", "image": "data:image/png;base64,AAAA"}
        for one in log["samples"]:
            said = one["messages"][-1]
            one["messages"] = [
                {"role": "user", "content": [{"type": "text", "text": "Look:"}, picture]},
                said,
                {"role": "tool", "content": "4"},
                said,
            ]

    notes = "\n".join(import_suite("inspect", both(tmp_path, other), Path("made")).notes)
    for told in ("asked differently, as in sample 1", "answered in several turns", "Pictures, sounds and files"):
        assert told in notes


def test_two_tasks_are_not_compared(tmp_path):
    def other(log):
        log["samples"][0]["target"] = "something else"

    with pytest.raises(UsageError, match="the targets of sample 1 differ"):
        import_suite("inspect", both(tmp_path, other), Path("made"))


def test_a_scorer_without_counterpart_is_named(tmp_path):
    def judged(log):
        log["eval"]["scorers"] = [{"name": "model_graded_qa"}]

    made = import_suite("inspect", [changed(tmp_path, r, judged) for r in ("base", "tuned")], Path("made"))
    assert any("The scorer 'model_graded_qa' has no counterpart" in note for note in made.notes)


def packed(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_an_older_log_is_packed_as_every_zip_and_a_killed_run_has_only_its_start(tmp_path):
    log = json.loads((LOGS / "base" / "mc.json").read_text())
    files = {f"samples/{one['id']}_epoch_1.json": json.dumps(one) for one in log["samples"]}
    head = json.dumps({"version": 2, "eval": log["eval"], "plan": {}})
    logs = [packed(tmp_path / f"{n}.eval", {"_journal/start.json": head, **files}) for n in "ab"]
    made = import_suite("inspect", logs, Path("made"))
    assert made.n_samples == len(log["samples"])
    assert "baseline: the log ended as 'started'." in made.notes


def test_damage_is_told_where_it_is_and_leaves_nothing(tmp_path):
    whole = (LOGS / "base" / "chat.eval").read_bytes()
    with zipfile.ZipFile(LOGS / "base" / "chat.eval") as archive:
        place = archive.getinfo("samples/c0_epoch_1.json").header_offset + 200
    damaged = tmp_path / "damaged.eval"
    damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    with pytest.raises(UsageError, match=r"damaged\.eval: .*damaged"):
        import_suite("inspect", [LOGS / "base" / "chat.eval", damaged], Path("made"))
    assert not Path("made").exists()


def test_without_zstandard_a_packed_log_says_what_to_do(monkeypatch):
    monkeypatch.setattr(inspect_logs.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError) as caught:
        imported("chat.eval")
    assert "evalkit-gate[zstd]" in str(caught.value)
    assert "inspect log convert" in str(caught.value)


def test_a_sample_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(inspect_logs, "MAX_SAMPLE_BYTES", 50_000)
    log = packed(tmp_path / "a.eval", {"header.json": '{"eval": {}}', "samples/a_epoch_1.json": " " * 60_000})
    with pytest.raises(UsageError, match="is larger than"):
        import_suite("inspect", [log, log], Path("made"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("oops", "no log of Inspect's: this is not JSON"),
        ("[1]", "it names no task"),
        ("{}", "it names no task"),
        ('{"eval": 3}', "no log of Inspect's: eval: "),
        ('{"eval": {}, "samples": []}', "the logs hold no samples"),
        ('{"eval": {}, "samples": [{"id": 1}]}', r"samples\[0\]: Object missing required field `target`"),
        ('{"eval": {}, "samples": [{"id": 1, "target": "x"}, {"id": 1, "target": "x"}]}', "stands in the log twice"),
        ('{"eval": {}, "samples": [{"id": 1, "target": "x", "epoch": 0}]}', r"samples\[0\]: Expected `int` >= 1"),
        ("[" * 100_000, "no log of Inspect's: this is not JSON"),
    ],
)
def test_what_is_no_log_is_told(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        import_suite("inspect", [path, path], Path("made"))


def test_a_folder_is_taken_where_it_holds_two_logs(tmp_path):
    for role in ("base", "tuned"):
        changed(tmp_path, role, lambda _: None)
    made = import_suite("inspect", [tmp_path], tmp_path / "made")
    assert "base.json is the baseline, tuned.json the candidate" in made.notes[0]
    with pytest.raises(UsageError, match="two models' logs of one task are wanted; given: 6"):
        import_suite("inspect", [LOGS], Path("other"))
