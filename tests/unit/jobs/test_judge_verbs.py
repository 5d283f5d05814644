"""`evalkit judge probe` and `calibrate` against a judge whose weakness is known."""

import json
import re

import pytest
from judge_verbs_bench import fair, grader, label, number, write_items, write_judge, write_lines

from evalkit.cli.app import execute

AVERAGE = {"min_items": 30, "min_per_class": 10}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys, *arguments):
    """(exit code, document) of a judge verb."""
    code = execute(["judge", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def by_name(document):
    return {row["name"]: row for row in document["probes"]}


def test_a_fair_judge_holds_every_probe(place, capsys):
    with grader(fair) as server:
        judge = write_judge(place, server.base_url)
        write_items(place)
        code, document = told(capsys, "probe", judge)
    states = {name: row["state"] for name, row in by_name(document).items()}
    assert states == dict.fromkeys(
        ("length padding", "style", "authority", "master keys", "injection", "corrupted reference", "test-retest"),
        "held",
    ) | {"self-preference": "not_measured"}
    assert (code, document["distrust"]) == (0, None)
    assert by_name(document)["injection"]["n"] >= 40
    kept = json.loads((place / "judges" / "calibration" / "mine.probe.json").read_text())
    assert kept == document
    assert document["calibration"]["state"] == "uncalibrated"


def test_a_probed_judge_is_told_whether_people_measured_it(place, capsys):
    with grader(fair) as server:
        judge = write_judge(place, server.base_url, calibration=AVERAGE)
        write_items(place)
        assert execute(["judge", "probe", str(judge)]) == 0
        assert "Not calibrated: nobody has measured this judge against people" in capsys.readouterr().out
        labels = write_lines(place / "labels.jsonl", [label(i, "fail" if i % 2 else "pass") for i in range(40)])
        assert execute(["judge", "calibrate", str(judge), "--labels", str(labels)]) == 0
        assert execute(["judge", "probe", str(judge)]) == 0
    assert "ot calibrated" not in capsys.readouterr().out


def test_what_is_known_of_a_measured_judge_says_how_far_it_agrees_with_people(place, capsys):
    with grader(fair) as server:
        judge = write_judge(place, server.base_url, calibration=AVERAGE)
        write_items(place)
        said = [label(i, "fail" if i % 2 or i == 0 else "pass") for i in range(40)]
        told(capsys, "calibrate", judge, "--labels", write_lines(place / "labels.jsonl", said))
        _, document = told(capsys, "probe", judge)
    note = document["calibration"]["note"]
    assert note.endswith("(40 answers, 1 rater; correct: sensitivity 1.00, specificity 0.95, AC1 0.95)")


def test_a_handful_of_cases_clears_nobody_of_forged_grades(place, capsys):
    with grader(fair) as server:
        judge = write_judge(place, server.base_url)
        write_items(place)
        code, document = told(capsys, "probe", judge, "--limit", "7")
    keys = by_name(document)["master keys"]
    assert (code, keys["n"], keys["hits"], keys["state"]) == (3, 35, 0, "not_measured")
    assert "only 35 cases tell anything, and 40 are needed to clear a judge" in document["distrust"]


def test_answers_that_deserve_full_marks_do_not_outvote_those_an_order_could_lift(place, capsys):
    def lenient(blocks):  # passes two answers of three, whatever was asked
        found = re.search(r"Answer (\d+)", blocks["OUTPUT"])
        return "pass" if found and int(found[1]) % 3 else "fail"

    rows = [{"item_id": f"a{i}", "question": f"Question {i}?", "output": f"Answer {i}."} for i in range(150)]
    with grader(lenient) as server:
        judge = write_judge(place, server.base_url, mode="rubric", inputs=["question", "output"])
        items = write_lines(place / "items.jsonl", rows)
        _, few = told(capsys, "probe", judge, "--items", items, "--limit", "60")
        _, enough = told(capsys, "probe", judge, "--items", items, "--limit", "150")
    assert by_name(few)["injection"]["n"] < 40
    assert "cases tell anything, and 40 are needed to clear a judge: try it on more answers" in few["distrust"]
    found = by_name(enough)["injection"]
    assert (found["n"], found["state"], enough["distrust"]) == (50, "held", None)


@pytest.mark.parametrize(
    ("weakness", "probe", "is_security"),
    [
        (lambda b: "The points made speak for themselves".lower() in b["OUTPUT"].lower(), "length padding", False),
        (lambda b: "## Answer" in b["OUTPUT"], "style", False),
        (lambda b: "leading expert" in b["OUTPUT"], "authority", False),
        (lambda b: b["OUTPUT"] == "Thought process:", "master keys", True),
        (lambda b: "SYSTEM" in b["OUTPUT"], "injection", True),
    ],
)
def test_each_weakness_is_found_by_its_probe_and_by_no_other(place, capsys, weakness, probe, is_security):
    with grader(lambda b: "pass" if weakness(b) else fair(b)) as server:
        judge = write_judge(place, server.base_url)
        write_items(place)
        code, document = told(capsys, "probe", judge)
    failed = [name for name, row in by_name(document).items() if row["state"] == "failed"]
    assert (code, failed) == (1, [probe])
    assert (probe in (document["distrust"] or "")) == is_security


def test_a_judge_that_overlooks_corruption_and_one_that_tosses_a_coin(place, capsys):
    seen = []

    def moody(blocks):
        seen.append(blocks["OUTPUT"])
        return "pass" if seen.count(blocks["OUTPUT"]) > 1 else fair(blocks)

    with grader(lambda b: "pass" if b["OUTPUT"].startswith("It takes") else fair(b)) as server:
        judge = write_judge(place, server.base_url)
        write_items(place)
        _, document = told(capsys, "probe", judge)
    assert by_name(document)["corrupted reference"]["state"] == "failed"
    with grader(moody) as server:
        judge = write_judge(place, server.base_url, version="2.0")
        _, document = told(capsys, "probe", judge, "--limit", "10")
    assert by_name(document)["test-retest"]["state"] == "failed"
    assert document["n_items"] == 10


@pytest.mark.parametrize(
    ("prefers", "failed"),
    [
        (lambda _: "first", {"identity", "swap", "first position"}),
        (lambda b: "tie" if b["FIRST"] == b["SECOND"] else "first" if len(b["FIRST"]) > len(b["SECOND"]) else "second",
         {"length padding", "style", "authority", "injection"}),
    ],
)  # fmt: skip
def test_a_pairwise_judge_is_probed_in_both_orders(place, capsys, prefers, failed):
    with grader(prefers) as server:
        judge = write_judge(
            place, server.base_url, mode="pairwise", inputs=["question", "output"],
            criteria=[{"id": "correct", "question": "Which is better?"}],
        )  # fmt: skip
        write_items(place, others=True)
        code, document = told(capsys, "probe", judge, "--limit", "12")
    found = {name for name, row in by_name(document).items() if row["state"] == "failed"}
    assert (code, found) == (1, found | failed)
    if "swap" not in failed:
        assert "swap" not in found


def authored(n=48):
    """Two answers to each question, the first by the judge's family; to people both are right, or (a third) wrong."""
    rows = [
        {"item_id": f"i{i:03d}", "question": f"How many days does case {i // 2} take?", "reference": f"{i // 2}",
         "output": ("Just ", "Only ")[i % 2] + str(i // 2), "author": ("gpt-5-mini", "claude-x")[i % 2]}
        for i in range(n)
    ]  # fmt: skip
    return rows, [label(i, "fail" if i // 2 % 3 == 2 else "pass") for i in range(n)]


@pytest.mark.parametrize(
    ("says", "state", "rate"),
    [
        (lambda b: "pass" if int(number(b["OUTPUT"]) or 2) % 3 < 2 else "fail", "held", 0.5),
        (lambda b: "pass" if b["OUTPUT"].startswith("Just") else "fail", "failed", 1.0),
        (lambda b: "fail" if b["OUTPUT"].startswith("Just") else "pass", "held", 0.0),
    ],
)
def test_a_judge_is_tried_on_equally_good_answers_of_its_own_family_and_another(place, capsys, says, state, rate):
    with grader(says) as server:
        model = {"backend": "openai_compatible", "base_url": server.base_url, "model": "base"}
        judge = write_judge(place, server.base_url, model=model | {"model": "gpt-4o"})
        rows, labels = authored()
        items = write_lines(place / "items.jsonl", rows)
        options = ("--limit", "12", "--items", items, "--labels", write_lines(place / "labels.jsonl", labels))
        _, document = told(capsys, "probe", judge, *options)
        found = by_name(document)["self-preference"]
        assert (found["state"], found["rate"], found["n"]) == (state, rate, 12)
        _, unlabelled = told(capsys, "probe", judge, "--limit", "1", "--items", items)
        assert "there are 0" in by_name(unlabelled)["self-preference"]["note"]
        write_judge(place, server.base_url, model=model | {"model": "base"})
        _, nameless = told(capsys, "probe", judge, "--limit", "1", *options[2:])
    assert "(base) is of cannot be told from its name" in by_name(nameless)["self-preference"]["note"]


def test_a_pairwise_judge_is_tried_on_pairs_that_people_called_a_tie(place, capsys):
    """It prefers what starts with Just, which its family wrote: in half of the pairs the first, in half the other."""

    def likes(blocks):
        return "tie" if blocks["FIRST"][:4] == blocks["SECOND"][:4] else (
            "first" if blocks["FIRST"].startswith("Just") else "second"
        )  # fmt: skip

    with grader(likes) as server:
        judge = write_judge(
            place, server.base_url, mode="pairwise", inputs=["question", "output"],
            model={"backend": "openai_compatible", "base_url": server.base_url, "model": "gpt-4o"},
            criteria=[{"id": "correct", "question": "Which is better?"}],
        )  # fmt: skip
        rows = [
            {"item_id": f"i{i:03d}", "question": f"{i}?", "output": f"{('Just', 'Only')[i % 2]} {i}",
             "other": f"{('Only', 'Just')[i % 2]} {i}", "author": ("gpt-5", "claude-x")[i % 2],
             "other_author": ("claude-x", "gpt-5")[i % 2]}
            for i in range(24)
        ]  # fmt: skip
        labels = write_lines(place / "labels.jsonl", [label(i, "tie" if i < 20 else "first") for i in range(24)])
        _, document = told(
            capsys, "probe", judge, "--items", write_lines(place / "items.jsonl", rows), "--labels", labels
        )
    found = by_name(document)["self-preference"]
    assert (found["state"], found["hits"], found["n"], found["rate"]) == ("failed", 20, 20, 1.0)


def test_answers_of_two_sides_under_one_id_are_two_answers(place, capsys):
    with grader(fair) as server:
        judge = write_judge(place, server.base_url)
        rows = [json.loads(line) for line in write_items(place, 6).read_text().splitlines()]
        both = [row | {"role": role} for row in rows for role in ("baseline", "candidate")]
        write_lines(place / "judges" / "calibration" / "mine.items.jsonl", both)
        _, document = told(capsys, "probe", judge)
    assert (document["n_items"], by_name(document)["test-retest"]["n"]) == (12, 12)
    assert len(server.ledger.chats) >= 24


def test_a_judge_that_does_not_answer_is_down_and_not_bad(place, capsys):
    judge = write_judge(place, "http://127.0.0.1:9/v1")
    write_items(place, 4)
    assert execute(["judge", "probe", str(judge)]) == 5
    assert not (place / "judges" / "calibration" / "mine.probe.json").exists()


def test_calibration_counts_what_the_judge_got_wrong_on_each_side(place, capsys):
    """Ann and Bob know what is right; the judge passes every fourth wrong answer, all of them the candidate's."""
    with grader(lambda b: "pass" if int(b["QUESTION"].split()[5]) % 8 == 1 else fair(b)) as server:
        judge = write_judge(place, server.base_url, calibration=AVERAGE)
        items = [json.loads(line) for line in write_items(place, 80).read_text().splitlines()]
        role = {i: "candidate" if i % 8 in {1, 2, 4, 5} else "baseline" for i in range(80)}
        path = place / "judges" / "calibration" / "mine.items.jsonl"
        write_lines(path, [row | {"role": role[i]} for i, row in enumerate(items)])
        labels = write_lines(
            place / "labels.jsonl",
            [label(i, "fail" if i % 2 else "pass", who, role=role[i]) for i in range(80) for who in ("ann", "bob")],
        )
        code, document = told(capsys, "calibrate", judge, "--labels", labels)
        text_code = execute(["judge", "calibrate", str(judge), "--labels", str(labels)])
    found = document["criteria"][0]
    assert (found["sensitivity"], found["specificity"]) == (1.0, 0.75)
    assert found["confusion"] == document["confusion"] == {
        "candidate": {"tp": 20, "fn": 0, "fp": 10, "tn": 10}, "baseline": {"tp": 20, "fn": 0, "fp": 0, "tn": 20},
    }  # fmt: skip
    assert found["judge_people"]["percent"] == 0.875
    assert found["people"]["ac1"] == 1.0
    assert any("specificity (share of bad answers failed) is 0.75" in problem for problem in document["problems"])
    assert any("people agree with one another at 1.00" in problem for problem in document["problems"])
    assert (code, text_code, document["is_gateable"]) == (1, 1, False)
    shown = capsys.readouterr().out
    assert "No gate may rest on this judge" in shown
    assert "0.75 [" in shown


def test_a_good_judge_may_gate_and_stale_or_odd_labels_are_said(place, capsys):
    with grader(fair) as server:
        judge = write_judge(place, server.base_url, calibration=AVERAGE)
        write_items(place)
        rows = [label(i, "fail" if i % 2 else "pass") for i in range(40)]
        labels = write_lines(place / "labels.jsonl", [*rows, label(900, "pass")])
        code, document = told(capsys, "calibrate", judge, "--labels", labels)
        assert (code, document["problems"]) == (0, [])
        assert any("labels of 1 ids are about no answer here" in warning for warning in document["warnings"])
        assert any("one person alone" in warning for warning in document["warnings"])
        lazy = [label(i, "pass", "zoe") for i in range(40)]
        code, document = told(capsys, "calibrate", judge, "--labels", write_lines(place / "lazy.jsonl", rows + lazy))
    assert code == 1
    assert any("the rater zoe says pass on correct of all 40 answers" in problem for problem in document["problems"])


def test_a_label_counts_for_as_many_answers_as_it_stands_for(place, capsys):
    """The judge passes four of 20 bad answers, and people say that each of these four stands for nine."""
    with grader(lambda b: "pass" if number(b["QUESTION"]) in {"1", "3", "5", "7"} else fair(b)) as server:
        judge = write_judge(place, server.base_url, calibration=AVERAGE)
        write_items(place)
        rows = [label(i, "fail" if i % 2 else "pass", weight=9.0 if i in {1, 3, 5, 7} else 1.0) for i in range(40)]
        _, document = told(capsys, "calibrate", judge, "--labels", write_lines(place / "labels.jsonl", rows))
    (table,) = document["confusion"].values()
    share, effective = 36 / 52, 52**2 / (4 * 81 + 16)
    assert (table["tp"], table["fn"]) == (20, 0)
    assert (table["fp"], table["tn"]) == pytest.approx((share * effective, (1 - share) * effective))
    assert document["criteria"][0]["specificity"] == pytest.approx(1 - share)
    assert "correct: people found 20 answers good and 7.953 bad; at least 10 of each are needed" in document["problems"]


def test_labels_may_name_any_side_that_the_answers_name(place, capsys):
    with grader(fair) as server:
        judge = write_judge(place, server.base_url, calibration=AVERAGE)
        items = [json.loads(line) for line in write_items(place).read_text().splitlines()]
        path = place / "judges" / "calibration" / "mine.items.jsonl"
        write_lines(path, [row | {"role": "prompted"} for row in items])
        labels = [label(i, "fail" if i % 2 else "pass", role="prompted", weight=1.0 + i / 40) for i in range(40)]
        code, document = told(capsys, "calibrate", judge, "--labels", write_lines(place / "labels.jsonl", labels))
    own = document["own"]["prompted"]
    assert (code, list(document["confusion"]), len(own)) == (0, ["prompted"], 40)
    # What each stands for goes with it to the run that it corrects.
    assert sorted(weight for _, weight in own.values()) == [1.0 + i / 40 for i in range(40)]


def test_an_answer_people_are_split_on_counts_in_between_where_a_run_is_corrected(place, capsys):
    with grader(fair) as server:
        judge = write_judge(place, server.base_url, calibration=AVERAGE)
        items = [json.loads(line) for line in write_items(place).read_text().splitlines()]
        write_lines(
            place / "judges" / "calibration" / "mine.items.jsonl", [row | {"role": "candidate"} for row in items]
        )
        rows = [label(i, "fail" if i % 2 else "pass", role="candidate") for i in range(40)]
        labels = write_lines(place / "labels.jsonl", [*rows, label(0, "fail", "bob", role="candidate")])
        _, document = told(capsys, "calibrate", judge, "--labels", labels)
    own = document["own"]["candidate"]
    assert (len(own), own["i000"], own["i001"], own["i002"]) == (40, [0.5, 1.0], [0.0, 1.0], [1.0, 1.0])
    assert document["n_items"] == 39
    assert any("on 1 answers people are split evenly" in warning for warning in document["warnings"])


def test_labels_that_come_with_evalkit_are_told_from_labels_of_ones_own(place, capsys, monkeypatch):
    monkeypatch.setenv("EVALKIT_HOME", str(place / "home"))
    name = "correctness_vs_reference"
    with grader(fair, "same_answer") as server:
        model = f"model={{backend: openai_compatible, base_url: {server.base_url}, model: base}}"
        _, document = told(capsys, "calibrate", name, "--set", model)
        assert any("these labels come with evalkit" in warning for warning in document["warnings"])
        mine = write_lines(
            place / "mine.jsonl",
            [{"item_id": "q01a", "rater_id": "ann", "criterion": "same_answer", "verdict": "pass"}],
        )
        _, document = told(capsys, "calibrate", name, "--set", model, "--labels", mine)
    assert not any("these labels come with evalkit" in warning for warning in document["warnings"])


def test_too_few_labels_are_said(place, capsys):
    with grader(fair) as server:
        judge = write_judge(place, server.base_url)
        write_items(place)
        labels = write_lines(place / "labels.jsonl", [label(i, "fail" if i % 2 else "pass") for i in range(40)])
        code, document = told(capsys, "calibrate", judge, "--labels", labels)
    assert code == 1
    assert "only 40 answers have labels and a grade; at least 100 are needed" in document["problems"]
    assert any("20 answers good and 20 bad; at least 30" in problem for problem in document["problems"])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"item_id": "i000", "rater_id": "a", "criterion": "corect", "verdict": "pass"}], "did you mean 'correct'"),
        ([label(0, "good")], "'good' is no verdict on correct"),
        ([label(0, "pass", role="tuned")], "role is 'tuned'"),
        ([label(0, "pass"), label(0, "fail")], "ann says fail on correct of i000, and pass on an earlier line"),
        ([label(0, "pass", why="x")], "unknown key 'why'"),
        ([{"item_id": "i000", "criterion": "correct", "verdict": "pass"}], "rater_id is missing"),
        ([label(0, "pass", weight=0)], "weight is no number above 0"),
        ([label(0, "pass") | {"item_id": "zzz"}], "none of these labels is about an answer here"),
        ([], "holds no label"),
    ],
)
def test_labels_that_are_none_are_refused_with_their_line(place, capsys, rows, words):
    judge = write_judge(place, "http://127.0.0.1:9/v1")
    write_items(place)
    labels = write_lines(place / "labels.jsonl", rows)
    assert execute(["judge", "calibrate", str(judge), "--labels", str(labels)]) == 2
    assert words in capsys.readouterr().err


def test_what_is_missing_is_named(place, capsys):
    judge = write_judge(place, "http://127.0.0.1:9/v1")
    assert execute(["judge", "calibrate", str(judge)]) == 2
    assert "name a file of them with --labels" in capsys.readouterr().err
    assert execute(["judge", "probe", str(judge)]) == 2
    assert "name a file of them with --items" in capsys.readouterr().err
    items = write_lines(place / "items.jsonl", [{"item_id": "a", "output": "x"}])
    assert execute(["judge", "probe", str(judge), "--items", str(items)]) == 2
    assert "items.jsonl:1" in (shown := capsys.readouterr().err)
    assert "question" in shown
