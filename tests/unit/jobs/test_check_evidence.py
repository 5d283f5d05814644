import datetime as dt
import io
import json

import pytest
from bench import label_of

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.hygiene import sufficiency
from evalkit.jobs.check import check, question_of
from evalkit.jobs.running.checks import NAMED, training_document
from evalkit.jobs.running.run import load_all
from evalkit.jobs.running.training import look_through, rows_of

N = 40


def sentence(i):
    return (
        f"customer {i * 7919} writes that lamp number {i} came on day {i * 31} with a scratch of {i * 17} millimetres"
    )


@pytest.fixture
def suite(bench):
    def write(rows=(), **changes):
        path = bench.write_suite("http://127.0.0.1:9/v1", n=N, **changes)
        today = dt.datetime.now(dt.UTC).date()
        samples = [
            {"id": f"s{i:04d}", "text": sentence(i), "label": label_of(i), "user": f"u{i}",
             "day": (today - dt.timedelta(days=10 + i)).isoformat()}
            for i in range(N)
        ]  # fmt: skip
        (path.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
        (path.parent / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


DATASET = {"path": "samples.jsonl", "id": "id", "prompt": "{{ text }}", "target": "label"}
CLEAN = [{"prompt": f"an unrelated question about tram {i} to stop {i * 3}", "completion": "red"} for i in range(60)]


def codes(document):
    return {reason["code"] for reason in document["reasons"]}


def test_clean_training_data_ends_well(suite, capsys):
    path = suite(CLEAN, checks={"training_data": ["train.jsonl"]})
    assert execute(["check", str(path)]) == 0
    told = capsys.readouterr().out
    assert "0 samples dirty" in told
    assert "no sample was trained on" in told


def test_contaminated_training_data_ends_in_4_and_names_sample_and_row(suite, capsys):
    path = suite([*CLEAN, {"prompt": sentence(3).upper(), "completion": "x"}])
    assert execute(["check", str(path), "--train", str(path.parent / "train.jsonl"), "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert codes(document) == {"CONTAMINATED"}
    evidence = document["contamination"]["evidence"][0]
    assert (evidence["id"], evidence["training_row"], evidence["layer"]) == ("s0003", "train.jsonl:61", "exact")


def test_every_sample_that_is_not_clean_is_in_the_json_and_the_rest_of_a_list_is_counted(suite, capsys):
    path = suite([{"prompt": sentence(i), "completion": "x"} for i in range(60)])
    rows = [{"id": f"s{i:04d}", "text": sentence(i), "label": label_of(i)} for i in range(70)]
    (path.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["check", str(path), "--train", str(path.parent / "train.jsonl")]
    assert execute([*asked, "--json"]) == 4
    overlap = json.loads(capsys.readouterr().out)["contamination"]
    assert {one["id"] for one in overlap["evidence"]} >= {f"s{i:04d}" for i in range(60)}
    assert execute(asked) == 4
    told = capsys.readouterr().out
    left = overlap["dirty"] + overlap["suspect"] - told.count(" ← ")
    assert told.count(" ← ") == 10
    assert f"and {left} more; --json prints them all" in told
    suite_read = load_all(path).main
    found = look_through(suite_read, question_of(suite_read), rows_of([path.parent / "train.jsonl"], suite_read))
    assert len({one["id"] for one in training_document(found)["evidence"]}) == NAMED  # of a verdict


def test_quiet_prints_the_end_alone(suite, capsys):
    path = suite([*CLEAN, {"prompt": sentence(3), "completion": "x"}])
    assert execute(["-q", "check", str(path), "--train", str(path.parent / "train.jsonl")]) == 4
    told = capsys.readouterr().out
    assert told.startswith("✖ CONTAMINATED: 1 of 40")
    assert "rows for " not in told
    path = suite(CLEAN)
    assert execute(["-q", "check", str(path), "--train", str(path.parent / "train.jsonl")]) == 0
    assert capsys.readouterr().out == "no sample was trained on, as far as shared words show\n"


def test_every_way_to_name_training_data(suite, tmp_path):
    path = suite()
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    row = json.dumps({"messages": [{"role": "user", "content": sentence(5)}]}) + "\n"
    (folder / "deep" / "a.jsonl").write_text(row)
    (folder / "notes.txt").write_text("not data")
    for train in ([str(folder)], [str(folder / "*" / "*.jsonl")], ["-"]):
        found = check(path, train, stdin=io.BytesIO(row.encode()))
        assert found["contamination"]["dirty"] == 1, train
    with pytest.raises(UsageError, match="no file fits this pattern"):
        check(path, [str(folder / "*.parquet")])
    (folder / "deep" / "a.jsonl").unlink()
    with pytest.raises(UsageError, match="the folder holds no data files"):
        check(path, [str(folder)])


def test_training_files_of_one_name_are_told_apart(suite, bench):
    path = suite()
    leaks = {"old/train.jsonl": 3, "new/train.jsonl": 4, "../elsewhere.jsonl": 5}
    for name, i in leaks.items():
        (path.parent / name).parent.mkdir(exist_ok=True)
        (path.parent / name).write_text(json.dumps({"prompt": sentence(i), "completion": "x"}) + "\n")
    suite(checks={"training_data": ["old/train.jsonl", "new/train.jsonl"]})
    named = {one["training_row"] for one in check(path, [])["contamination"]["evidence"]}
    assert named == {"old/train.jsonl:1", "new/train.jsonl:1"}
    outside = path.parent / "../elsewhere.jsonl"  # above the suite's own tree: a name from there would say nothing
    assert {one["training_row"] for one in check(path, [str(outside)])["contamination"]["evidence"]} == {f"{outside}:1"}


def test_bad_files_are_told_with_their_place(suite):
    path = suite(CLEAN)
    train = path.parent / "train.jsonl"
    with pytest.raises(UsageError, match="this is the suite's own data"):
        check(path, [str(path.parent / "samples.jsonl")])
    train.write_text("")
    with pytest.raises(UsageError, match=r"train\.jsonl: the file holds no rows"):
        check(path, [str(train)])
    train.write_bytes(b'{"a": "b"}\n' + bytes(range(128, 256)))
    with pytest.raises(UsageError, match=r"train\.jsonl:2"):
        check(path, [str(train)])


def test_a_copy_of_the_samples_as_training_data_is_seen_for_what_it_is(suite):
    path = suite()
    copy = path.parent / "copy.jsonl"
    copy.write_text((path.parent / "samples.jsonl").read_text())
    found = check(path, [str(copy)])
    assert "all of them: is it the held-out data itself?" in found["reasons"][0]["detail"]


def test_groups_on_both_sides_block(suite):
    rows = [{"prompt": f"another question {i}", "completion": "x", "user": f"u{i + 38}"} for i in range(20)]
    path = suite(rows, checks={"training_data": ["train.jsonl"], "group_keys": ["user", "team"]})
    found = check(path, [])
    assert (found["exit_code"], codes(found)) == (4, {"GROUP_LEAK"})
    assert found["contamination"]["leakage"]["samples_in_shared_groups"] == 2
    assert any("no training row has team" in w for w in found["warnings"])


def test_a_key_that_one_side_lacks_is_never_told_as_clean(suite, capsys):
    path = suite(CLEAN, checks={"training_data": ["train.jsonl"], "group_keys": ["user"]})
    assert execute(["check", str(path)]) == 0
    told = capsys.readouterr().out
    assert "groups by user: not compared" in told
    assert "0 on both sides" not in told


def test_training_rows_younger_than_samples_warn_or_block(suite):
    today = dt.datetime.now(dt.UTC).date()
    rows = [
        {"prompt": f"q {i}", "completion": "x", "day": (today - dt.timedelta(days=30 - i)).isoformat()}
        for i in range(9)
    ]
    checks = {"training_data": ["train.jsonl"]}
    found = check(suite(rows, dataset=DATASET | {"time": "day"}, checks=checks), [])
    assert found["exit_code"] == 0
    assert any("28 of 40 samples are no younger than" in w for w in found["warnings"])
    checks["contamination"] = {"later_training": "fail"}
    assert codes(check(suite(rows, dataset=DATASET | {"time": "day"}, checks=checks), [])) == {"TIME_LEAK"}


def test_old_samples_are_stale_only_where_the_suite_says_so(suite):
    dated = DATASET | {"time": "day"}
    assert codes(check(suite(CLEAN, dataset=dated, checks={"freshness": {"max_age_days": 5}}), [])) == {"STALE_SUITE"}
    assert codes(check(suite(CLEAN, dataset=dated, checks={"freshness": {"max_age_days": 11}}), [])) == set()
    assert check(suite(CLEAN, dataset=dated), [])["freshness"]["age_days"] >= 10
    undated = check(suite(CLEAN, checks={"freshness": {"max_age_days": 5}}), [])
    assert codes(undated) == set()
    assert any("dataset.time names no column" in w for w in undated["warnings"])


def test_thresholds_are_checked_where_they_stand(suite):
    checks = {"contamination": {"suspect_span": 0.9}}
    with pytest.raises(UsageError, match=r"suspect_span \(0.9\) is above dirty_span \(0.5\)"):
        check(suite(CLEAN, checks=checks), [])
    with pytest.raises(UsageError, match=r"unknown key 'checks\.contamination\.ngrams'"):
        check(suite(CLEAN, checks={"contamination": {"ngrams": 8}}), [])


def test_one_date_in_the_future_does_not_pass_for_freshness(suite):
    path = suite(dataset=DATASET | {"time": "day"}, checks={"freshness": {"max_age_days": 5}})
    lines = (path.parent / "samples.jsonl").read_text().splitlines()
    first = json.loads(lines[0]) | {"day": "2999-12-31"}
    (path.parent / "samples.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    assert any("days ahead (2999-12-31" in w for w in check(path, [])["warnings"])


def levels(found):
    return {one["name"]: one["level"] for one in found["sufficiency"]["advice"]}


def test_training_data_is_held_against_what_its_task_wants(suite):
    rows = [
        {"prompt": f"is tram {i} late at stop {i * 7}", "completion": "yes" if i % 20 else "no"} for i in range(300)
    ]
    rows += [{"prompt": rows[0]["prompt"], "completion": "yes"}, {"prompt": "", "completion": "yes"}]
    rows += [{"prompt": "word " * 2000, "completion": "yes"}]
    found = check(suite(rows, checks={"training_data": ["train.jsonl"]}), [])
    told = found["sufficiency"]
    assert (told["task"], told["task_is_guessed"], told["classes"]) == ("classification", True, {"yes": 288, "no": 15})
    assert levels(found) == {
        "amount": "bad", "balance": "warn", "labels": "warn", "variety": "ok", "long rows": "warn",
        "empty rows": "warn", "shift": "warn",
    }  # fmt: skip
    conflict = next(one for one in told["advice"] if one["name"] == "labels")
    assert conflict["rows"] == ["train.jsonl:301"]
    declared = check(suite(rows, checks={"training_data": ["train.jsonl"], "task": "style"}), [])["sufficiency"]
    assert (declared["task"], declared["task_is_guessed"], declared["minimum"]) == ("style", False, 100)


def test_pairs_are_counted_where_pairs_are_wanted_and_one_row_shows_no_shift(suite):
    rows = [{"prompt": f"is tram {i} late", "chosen": "yes", "rejected": "no"} for i in range(3)]
    rows += [{"prompt": f"does bus {i} run", "completion": "yes"} for i in range(40)]
    found = check(suite(rows, checks={"training_data": ["train.jsonl"], "task": "preference"}), [])
    amount = next(one for one in found["sufficiency"]["advice"] if one["name"] == "amount")
    assert amount["level"] == "bad"
    assert amount["told"] == "for preferences (DPO) at least 1,000 pairs are wanted, better 5,000; there are 3"
    one = check(suite(rows[:1], checks={"training_data": ["train.jsonl"]}), [])
    assert "shift" not in levels(one)


def test_near_copies_are_counted(suite):
    base = "please send the invoice for the blue lamp with the order number and the name of the shop once more"
    rows = [
        {"prompt": f"{base} {i}", "completion": f"answer {i} of many words that is no label at all"} for i in range(50)
    ]
    found = check(suite(rows, checks={"training_data": ["train.jsonl"]}), [])
    assert levels(found)["variety"] == "warn"


def test_labels_and_ids_that_both_sides_share_are_no_copies(suite):
    """A table's rows are compared text by text: a label of a few words stands in every one of them."""
    path = suite(dataset=DATASET | {"cluster": "user"})
    samples = [json.loads(line) for line in (path.parent / "samples.jsonl").read_text().splitlines()]
    shared = {"label": "shipping_and_delivery_delay", "user": "5f0c2f1e-aaaa-bbbb-cccc-000000000001",
              "note": "written by the evening shift"}  # fmt: skip
    (path.parent / "samples.jsonl").write_text("".join(json.dumps(row | shared) + "\n" for row in samples))
    rows = [{"text": f"an unrelated question about tram {i} to stop {i * 3}"} | shared for i in range(30)]
    (path.parent / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = check(path, [str(path.parent / "train.jsonl")])
    assert found["contamination"]["dirty"] == found["contamination"]["suspect"] == 0
    (path.parent / "train.jsonl").write_text(json.dumps({"text": sentence(3).upper()} | shared) + "\n")
    found = check(path, [str(path.parent / "train.jsonl")])
    assert [e["id"] for e in found["contamination"]["evidence"]] == ["s0003"]


def test_conflicts_are_a_share_of_the_rows_looked_at(monkeypatch):
    monkeypatch.setattr(sufficiency, "LOOKED_AT", 20)
    scan = sufficiency.SufficiencyScan(task="style", samples=())
    for i in range(400):
        scan.take(f"t:{i}", "completion", ["the same question" if i in {0, 1} else f"question {i}"], f"answer {i}")
    assert {a.name: a.level for a in scan.finished().advice}["labels"] == "bad"


def test_rows_that_ask_nothing_in_words_do_not_contradict_each_other():
    scan = sufficiency.SufficiencyScan(task="style", samples=())
    for i in range(9):
        scan.take(f"t:{i}", "completion", ["?!"], f"answer {i}")
    assert {a.name: a.level for a in scan.finished().advice}["labels"] == "ok"


@pytest.mark.parametrize(
    "row",
    [
        lambda text: {"instruction": "Which colour?", "context": text, "response": "red"},
        lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}, {"role": "model", "parts": []}]},
        lambda text: {"messages": [{"role": "system", "content": text}, {"role": "user", "content": "Which colour?"}]},
        lambda text: {"messages": [{"role": "user", "content": "Next!"}, {"role": "tool", "content": text}]},
        lambda text: {"prompt": "Which colour?", "document": text, "completion": "red"},
        lambda text: {"conversations": [{"from": "prompter", "value": text}, {"from": "gpt", "value": "red"}]},
        lambda text: {
            "input": {"messages": [{"role": "user", "content": text}]},
            "preferred_output": [{"role": "assistant", "content": "red"}],
            "non_preferred_output": [{"role": "assistant", "content": "blue"}],
        },
        lambda text: {"a": {"b": {"c": {"d": [{"text": text}]}}}, "label": "red"},
    ],
    ids=["dolly", "gemini", "system", "tool", "column", "role", "openai-preference", "deep"],
)
def test_a_sample_is_found_wherever_in_a_training_row_it_stands(suite, row):
    path = suite([*CLEAN, *({**row(sentence(i)), "number": i} for i in range(5))])
    found = check(path, [str(path.parent / "train.jsonl")])
    assert (found["contamination"]["dirty"], found["exit_code"]) == (5, 4)


def test_what_all_training_rows_say_beside_the_question_dirties_nothing(suite):
    shared = sentence(7)  # as if a sample were about the system prompt
    rows = [{"messages": [{"role": "system", "content": f"{shared} and so on"},
                          {"role": "user", "content": f"{i}"}]} for i in range(1500)]  # fmt: skip
    path = suite(rows, dataset=DATASET)
    names = [json.loads(line) for line in (path.parent / "samples.jsonl").read_text().splitlines()]
    names = [row | {"text": f"{shared} {row['text']}"} for row in names]
    (path.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in names))
    assert check(path, [str(path.parent / "train.jsonl")])["contamination"]["dirty"] == 0


def test_rows_with_the_suites_own_columns_are_looked_at_as_chats_of_the_same_are(suite):
    asked = [f"{sentence(i)} and wants {['red', 'green'][i % 2]} paint for it" for i in range(100, 300)]
    labels = [{"colour": "red" if i % 2 else "blue", "size": "big"} for i in range(200)]
    again = [*zip(asked, labels, strict=True), *((text, {"colour": "other", "size": "big"}) for text in asked[:20])]
    path = suite(dataset=DATASET | {"prompt": "Which colour? {{ text }}"}, checks={"group_keys": ["user"]})
    columns = [
        {"id": f"t{n}", "day": f"2026-01-{1 + n % 28:02}", "user": f"somebody {n * 7919}", "text": text, "label": label}
        for n, (text, label) in enumerate(again)
    ]
    chats = [
        {"messages": [{"role": "user", "content": f"Which colour? {text}"},
                      {"role": "assistant", "content": json.dumps(label)}]} for text, label in again
    ]  # fmt: skip
    renamed = [{"id": row["id"], "user": row["user"], "q": row["text"], "label": row["label"]} for row in columns]
    told = {}
    for name, rows in {"columns": columns, "chats": chats, "renamed": renamed}.items():
        (path.parent / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = check(path, [str(path.parent / "train.jsonl")])["sufficiency"]
        told[name] = {one["name"]: one["told"] for one in found["advice"]}
    assert told["columns"] == told["chats"]
    assert told["columns"]["labels"].startswith("20 rows (9.1%)")
    assert told["renamed"]["labels"] == told["chats"]["labels"]
    assert '\'{"colour": "other", "size": "big"}\'' in told["columns"]["balance"]


def test_a_short_question_is_found_in_rows_that_have_a_context(suite):
    path = suite([*CLEAN, {"prompt": "Wo ist mein Paket?", "context": "customer of the north", "completion": "blue"}])
    samples = path.parent / "samples.jsonl"
    samples.write_text(
        json.dumps({"id": "s", "text": "Wo ist mein Paket?", "label": "red"}) + "\n" + samples.read_text()
    )
    found = check(path, [str(path.parent / "train.jsonl")])
    told = [(one["id"], one["training_row"], one["layer"]) for one in found["contamination"]["evidence"]]
    assert (told, found["exit_code"]) == ([("s", "train.jsonl:61", "exact")], 4)


def test_questions_about_few_documents_are_no_copies_and_one_question_about_many_no_contradiction(suite):
    documents = ["\n".join(sentence(5 * n + i) for i in range(1000, 1005)) for n in range(200)]
    questions = [f"when does tram {i * 13} reach {i * 7}?" for i in range(200)]
    few = [{"prompt": q, "context": documents[i % 5], "completion": f"a{i}"} for i, q in enumerate(questions)]
    many = [{"instruction": "What is it?", "context": d, "response": f"a{i}"} for i, d in enumerate(documents)]
    path = suite([*few, *many])
    told = {a["name"]: a["told"] for a in check(path, [str(path.parent / "train.jsonl")])["sufficiency"]["advice"]}
    assert told["labels"] == "no input has two different outputs"
    (path.parent / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in few))
    told = {a["name"]: a["told"] for a in check(path, [str(path.parent / "train.jsonl")])["sufficiency"]["advice"]}
    assert told["variety"] == "0.0% of 200 rows are copies or near-copies of an earlier row"


@pytest.mark.parametrize("shape", ["columns", "chat", "completion"])
def test_without_a_prompt_samples_are_told_in_the_words_of_training_rows(suite, shape):
    shapes = {
        "columns": lambda text, label: {"text": text, "label": label},
        "chat": lambda text, label: {"messages": [{"role": "user", "content": text},
                                                  {"role": "assistant", "content": f"{label} it is, I should say"}],
                                     "label": label},
        "completion": lambda text, label: {"prompt": text, "completion": label},
    }  # fmt: skip
    answers = {"backend": "outputs", "path": "out.jsonl"}
    target = "completion" if shape == "completion" else "label"
    dataset = {"path": "samples.jsonl", "id": "id", "cluster": "user", "time": "day", "target": target}
    path = suite(dataset=dataset, models={"baseline": answers, "candidate": answers})

    def rows(prefix, of):
        return "".join(
            json.dumps({"id": f"{prefix}{i}", "user": f"the customer {i * 31}", "day": f"2026-01-{1 + i % 28:02}"}
                       | shapes[shape](sentence(i), label_of(i))) + "\n" for i in of)  # fmt: skip

    (path.parent / "samples.jsonl").write_text(rows("s", range(100)))
    (path.parent / "train.jsonl").write_text(rows("t", range(200, 400)))
    (path.parent / "out.jsonl").write_text("".join(f'{{"id": "s{i}", "output": "red"}}\n' for i in range(100)))
    told = {a["name"]: a["told"] for a in check(path, [str(path.parent / "train.jsonl")])["sufficiency"]["advice"]}
    n = len(sentence(7).split())
    assert told["shift"] == f"questions have {n} words here and {n} in the samples (medians)"


def test_rows_that_are_only_counted_are_not_put_into_the_prompt(suite, monkeypatch):
    monkeypatch.setattr(sufficiency, "LOOKED_AT", 10)
    path = suite([{"text": sentence(i), "label": "red"} for i in range(100, 130)])
    asked, as_it_is = [], question_of

    def counted(suite_read):
        question = as_it_is(suite_read)
        return lambda sample: asked.append(sample.id) or question(sample)

    monkeypatch.setattr("evalkit.jobs.check.question_of", counted)
    assert check(path, [str(path.parent / "train.jsonl")])["sufficiency"]["rows"] == 30
    assert asked.count("") == 10  # training rows have no id
