"""`evalkit rot` from its command line to its files."""

import datetime as dt
import gzip
import json
import random

import pytest

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.rot.copies import copies, training_rows
from evalkit.jobs.rot.look import RotOptions, loaded, rot
from evalkit.rot import traffic

WORDS = ["parcel", "refund", "invoice", "address", "return", "broken", "late", "order", "card", "account"]
LABELS = ("red", "green", "blue")
TODAY = dt.datetime.now(dt.UTC).date().isoformat()


def sentences(n, words=WORDS, seed=3):
    rng = random.Random(seed)  # noqa: S311 - texts, no secrets
    return [" ".join(rng.choices(words, k=rng.randint(6, 12))) + f" {i}" for i in range(n)]


@pytest.fixture
def suite(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))
    path = bench.write_suite("http://127.0.0.1:9/v1", n=3, dataset={
        "path": "samples.jsonl", "id": "id", "prompt": "Colour of: {{ text }}", "target": "label", "slices": ["part"],
        "time": "at"})  # fmt: skip
    rows = [
        {"id": f"s{i}", "text": text, "label": LABELS[i % 3], "part": "ab"[i % 2], "at": TODAY}
        for i, text in enumerate(sentences(120))
    ]
    (path.parent / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def logs(folder, rows, name="logs.jsonl"):
    path = folder / name
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def own_rows(n=200, seed=4, **more):
    return [
        {"text": text, "label": LABELS[i % 3], "part": "ab"[i % 2], **more}
        for i, text in enumerate(sentences(n, seed=seed))
    ]


def measured(suite, path):
    document, folder = rot(RotOptions(suite_path=suite, logs=[path], reports=suite.parent.parent / "reports"))
    assert json.loads((folder / "rot.json").read_text()) == document
    return {one["name"]: one for one in document["signals"]}, document


def test_the_same_traffic_is_green_and_exits_0(suite, bench, capsys):
    path = logs(bench.folder, own_rows())
    assert execute(["rot", str(suite), "--production", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {one["light"] for one in document["signals"]} <= {"green", "not_measured"}
    assert document["logs"] == {"files": [str(path)], "compared": 200, "rows": 200, "unreadable": 0, "silent": 0,
                                "examples": []}  # fmt: skip


def test_drift_is_red_exits_1_and_says_where(suite, bench, capsys):
    rows = [row | {"label": "red"} for row in own_rows()]
    path = logs(bench.folder, rows)
    assert execute(["rot", str(suite), "--production", str(path)]) == 1
    told = capsys.readouterr().out
    assert "RED     label mix drift" in told
    assert "'red' makes 33 % here and 100 % in production" in " ".join(told.split())
    assert "| RED | label mix drift |" in (bench.folder / "reports/colours/rot.md").read_text()


def test_amber_fails_only_where_that_is_asked_for(suite, bench):
    rows = [row | {"label": LABELS[0 if i % 20 < 11 else 1 + i % 2]} for i, row in enumerate(own_rows(400))]
    path = logs(bench.folder, rows)
    signals, _ = measured(suite, path)
    assert {name for name, one in signals.items() if one["light"] in {"amber", "red"}} == {"label mix drift"}
    assert signals["label mix drift"]["light"] == "amber"
    assert execute(["rot", str(suite), "--production", str(path), "-q", "--fail-on", "amber"]) == 1


def test_request_logs_are_read_back_into_the_prompts_column(suite, bench):
    rows = [
        {"request": {"model": "m", "messages": [{"role": "user", "content": f"Colour of: {row['text']}"}]},
         "response": {"choices": [{"message": {"content": row["label"]}}]}}
        for row in own_rows()
    ]  # fmt: skip
    signals, _ = measured(suite, logs(bench.folder, rows, "logs.jsonl.gz"))
    assert signals["length drift"]["light"] == "green"
    assert signals["content drift"]["light"] == "green"
    assert signals["label mix drift"]["light"] == "green"
    assert signals["source drift: part"]["light"] == "not_measured"


def test_another_topic_is_seen(suite, bench):
    rows = [{"text": text} for text in sentences(200, ["tax", "visa", "embassy", "passport", "border", "customs"])]
    signals, _ = measured(suite, logs(bench.folder, rows))
    assert signals["content drift"]["light"] == signals["coverage of content"]["light"] == "red"
    assert signals["label mix drift"]["light"] == "not_measured"


@pytest.mark.parametrize("rows", [[], own_rows(99), [{"something": "else"}] * 300])
def test_too_few_rows_exit_4(suite, bench, rows, capsys):
    path = logs(bench.folder, rows)
    assert execute(["rot", str(suite), "--production", str(path), "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["reasons"][0]["code"] == "LOGS_TOO_FEW"
    assert not (bench.folder / "reports").exists()


def test_junk_between_good_rows_is_counted_and_told(suite, bench, capsys):
    path = logs(bench.folder, [*own_rows(), "{broken", "[1]", '"x"', {"text": "   "}, {"other": 1}])
    path.write_bytes(path.read_bytes() + b"\xff\xfe\x00junk\n")
    _, document = measured(suite, path)
    assert (document["logs"]["unreadable"], document["logs"]["silent"]) == (4, 2)
    assert execute(["rot", str(suite), "--production", str(path)]) == 0
    assert "4 lines of the logs are no rows" in capsys.readouterr().out


def test_a_binary_file_is_refused_at_its_first_bytes(suite, bench, capsys):
    path = bench.folder / "logs.jsonl"
    path.write_bytes(b"\x00\x01\x02" * 1000)
    assert execute(["rot", str(suite), "--production", str(path)]) == 2
    assert "binary" in capsys.readouterr().err


def test_the_training_set_is_no_production(suite, bench, capsys):
    rows = own_rows()
    logs(suite.parent, rows, "train.jsonl")
    document = json.loads(suite.read_text()) | {"checks": {"training_data": ["train.jsonl"]}}
    suite.write_text(json.dumps(document))
    assert execute(["rot", str(suite), "--production", str(logs(bench.folder, rows)), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["reasons"][0]["code"] == "LOGS_ARE_TRAINING_DATA"
    assert execute(["rot", str(suite), "--production", str(logs(bench.folder, own_rows(seed=9))), "-q"]) == 0


def test_the_suite_itself_is_no_production_and_traffic_that_repeats_it_is(suite, bench, capsys):
    own = [json.loads(line) for line in (suite.parent / "samples.jsonl").read_text().splitlines()]
    assert execute(["rot", str(suite), "--production", str(logs(bench.folder, own)), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["reasons"][0]["code"] == "LOGS_ARE_THE_SUITE"
    assert execute(["rot", str(suite), "--production", str(logs(bench.folder, own[:110]))]) == 4
    assert execute(["rot", str(suite), "--production", str(logs(bench.folder, [*own, *own]))]) == 0
    assert execute(["rot", str(suite), "--production", str(logs(bench.folder, own[:100] + own_rows(20)))]) == 0


def test_uses_in_the_ledger_count_once_a_candidate(suite, bench):
    digest = rot(RotOptions(suite_path=suite, logs=[logs(bench.folder, own_rows())], reports=bench.folder))[0]
    use = {"v": 1, "at": "2026-11-01T00:00:00Z", "suite": "colours", "samples": digest["data_sha256"], "n": 9,
           "verdict": "ship"}  # fmt: skip
    lines = [use | {"candidate": f"c{i % 12}", "run": f"r{i}"} for i in range(24)]
    (bench.folder / ".evalkit").mkdir()
    (bench.folder / ".evalkit/ledger.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    signals, _ = measured(suite, bench.folder / "logs.jsonl")
    assert (signals["reuse"]["value"], signals["reuse"]["light"]) == (12.0, "amber")


@pytest.mark.parametrize("arguments", [[], ["--production", "no.jsonl"], ["--production", "x", "--fail-on", "blue"]])
def test_what_was_asked_wrongly_is_usage(suite, arguments):
    assert execute(["rot", str(suite), *arguments]) == 2


def test_logs_that_the_suite_names_are_read_where_no_others_are_given(suite):
    logs(suite.parent, own_rows(), name="prod-1.jsonl")
    logs(suite.parent, own_rows(seed=5), name="prod-2.jsonl")
    said = json.loads(suite.read_text())
    with pytest.raises(UsageError, match="no logs were named"):
        rot(RotOptions(suite_path=suite))
    suite.write_text(json.dumps(said | {"checks": {"freshness": {"max_age_days": 9000, "production": "prod-*.jsonl"}}}))
    document, _ = rot(RotOptions(suite_path=suite))
    assert [name.rpartition("/")[2] for name in document["logs"]["files"]] == ["prod-1.jsonl", "prod-2.jsonl"]
    assert document["logs"]["compared"] == 400
    suite.write_text(json.dumps(said | {"checks": {"freshness": {"max_age_days": 9000, "production": "gone.jsonl"}}}))
    with pytest.raises(UsageError, match=r"checks\.freshness\.production: .*gone\.jsonl"):
        rot(RotOptions(suite_path=suite))


def test_chats_with_columns_of_their_own_keep_them(suite, bench):
    rows = [
        {"messages": [{"role": "user", "content": f"Colour of: {row['text']}"}], "label": row["label"],
         "part": row["part"]}
        for row in own_rows()
    ]  # fmt: skip
    signals, _ = measured(suite, logs(bench.folder, rows))
    assert signals["source drift: part"]["light"] == "green"
    assert signals["label mix drift"]["light"] == "green"


def test_a_column_of_names_is_no_mix(suite, bench, monkeypatch):
    monkeypatch.setattr(traffic, "CATEGORIES", 50)
    signals, _ = measured(suite, logs(bench.folder, [row | {"part": f"u{i}"} for i, row in enumerate(own_rows())]))
    assert signals["source drift: part"]["light"] == "not_measured"


def test_short_questions_are_no_copies_of_roles_and_columns_of_the_training_data(suite):
    said = "somebody wants the money for two pairs of shoes back"
    turns = [{"role": "user", "content": said}, {"role": "assistant", "content": "refund"}]
    rows = [{"messages": turns, "intent": "refund", "channel": "help", "note": "the customer called us three times"}]
    (suite.parent / "train.jsonl").write_text(json.dumps(rows[0]) + "\n")
    suite.write_text(json.dumps(json.loads(suite.read_text()) | {"checks": {"training_data": ["train.jsonl"]}}))
    texts = {"word": "Refund", "channel": "help", "role": "user", "asked": said, "note": rows[0]["note"]}
    own = loaded(suite)
    assert set(copies(texts, training_rows(own), own.hygiene.thresholds)) == {"asked", "note"}
