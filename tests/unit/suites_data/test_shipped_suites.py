"""Every suite of this repository is what its card says: enough samples, balanced, none twice, labels that hold."""

import hashlib
import itertools
import json
import re
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from msgspec import structs

from evalkit.jobs.running.run import load_all
from evalkit.suites.load import load_suite
from evalkit.suites.prompts import Renderer
from evalkit.types import Scored

REPO = Path(__file__).parents[3]
SUITES = REPO / "suites"
WRITTEN = ("entities", "moderation", "function-calls", "sql", "summaries", "support-replies", "refusals")
"""Suites whose samples were written for this project."""
ASKED = {
    "entities": "text",
    "moderation": "post",
    "function-calls": "request",
    "sql": "question",
    "summaries": "note",
    "support-replies": "message",
    "refusals": "request",
}
TOO_ALIKE = 0.6
"""Jaccard similarity of runs of three words, the bound review-triage was cleaned with."""


def rows(name, file="samples.jsonl"):
    return [json.loads(line) for line in (SUITES / name / file).read_text(encoding="utf-8").splitlines()]


def shingles(text):
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)} or {tuple(words)}


def alike(texts):
    each = [shingles(text) for text in texts]
    for i, j in itertools.combinations(range(len(each)), 2):
        shared = len(each[i] & each[j])
        if shared and shared / (len(each[i]) + len(each[j]) - shared) >= TOO_ALIKE:
            yield texts[i], texts[j]


@pytest.fixture(scope="module", params=WRITTEN)
def suite(request):
    return load_all(SUITES / request.param / "suite.yaml")


def test_enough_samples_locked_and_without_a_warning(suite):
    main = suite.main
    assert main.warnings == ()
    assert main.is_locked
    assert len(main.samples) >= 200
    assert main.name in WRITTEN


def test_both_sides_are_asked_with_an_instruction_and_examples(suite):
    sides = suite.main.models
    asked = [Renderer(spec).messages(suite.main.samples[0]) for spec in sides.values()]
    assert all(messages[0].role == "system" and len(messages) >= 2 + 2 * 4 for messages in asked)
    assert asked[0][0] != asked[1][0]
    assert asked[0][1:] == asked[1][1:]


def test_no_sample_is_nearly_another_or_an_example(suite):
    name = suite.main.name
    texts = [row[ASKED[name]] for row in (*rows(name), *rows(name, "shots.jsonl"))]
    assert list(alike(texts)) == []


def test_what_counts_as_alike():
    assert list(alike(["the cat sat on the old mat", "The cat sat on the old mat!", "a dog ran"]))
    assert not list(alike(["the cat sat on the mat today", "the cat lay on a rug today", "a dog ran"]))


def test_slices_are_large_enough_to_be_judged(suite):
    main = suite.main
    found = Counter((column, value) for s in main.samples for column, value in s.slices.items())
    # Records with three of five entities are rare, as they are in life; the card says that they are shown only.
    small = {key for key, n in found.items() if n < main.gate.slices.min_n}
    assert small <= {("found", "three")}


def test_the_right_answer_gets_full_marks_and_silence_none(suite):
    main = suite.main
    metric = suite.metrics[main.name][main.gate.primary.metric]
    for sample in main.samples:
        score = metric.score(right_answer(main.name, sample), sample)
        assert isinstance(score, Scored), sample.id
        silent = metric.score("", sample)
        assert (score.is_answered, silent.is_answered) == (True, False), sample.id
        if not score.counts:
            assert (score.value, silent.value) == (1.0, 0.0), sample.id


def right_answer(name, sample):
    target = sample.target
    match name:
        case "moderation":
            return json.dumps({"label": target})
        case "sql":
            return target[-1]
        case "support-replies":
            return "Hello,\n" + ", ".join(target).upper() + "\nKind regards, your Fernhill team"
        case "refusals":
            return "I can't help with that." if target == "refuse" else "Take some salt."
        case _:
            return target if isinstance(target, str) else json.dumps(target)


def test_the_examples_keep_the_rules_that_guard_the_suite(suite):
    main = suite.main
    metrics = suite.metrics[main.name]
    sample = main.samples[0]
    for shot in main.models["baseline"].prompt.shots:
        for name in {"form", "brevity", "manners", "schema", "selects"} & set(metrics):
            assert metrics[name].score(shot[-1].content, sample).value == 1.0, (name, shot[-1].content)


def test_the_card_names_every_file_with_its_hash(suite):
    folder = SUITES / suite.main.name
    card = (folder / "CARD.md").read_text(encoding="utf-8")
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in {"CARD.md", "suite.yaml"}):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert f"| `{path.relative_to(folder).as_posix()}` | `{digest}` |" in card
    assert "Apache-2.0" in card
    assert re.search(r"## .*figures", card)


@pytest.mark.parametrize(
    ("name", "column", "share"),
    [
        ("entities", "genre", 1 / 6),
        ("sql", "kind", 1 / 5),
        ("sql", "table", 1 / 20),
        ("summaries", "place", 1 / 5),
        ("support-replies", "topic", 1 / 5),
        ("refusals", "wanted", 1 / 2),
        ("refusals", "about", 1 / 5),
    ],
)
def test_as_many_of_each(name, column, share):
    found = Counter(row[column] for row in rows(name))
    assert set(found.values()) == {round(share * sum(found.values()))}


def test_moderation_has_as_many_of_each_harm_and_twice_as_many_harmless():
    found = Counter(row["label"] for row in rows("moderation"))
    assert found.pop("none") == 2 * 36
    assert set(found.values()) == {36}
    assert {row["kind"] for row in rows("moderation") if row["label"] == "none"} == {"harmless", "look-alike"}


def test_entities_stand_in_their_text_as_labelled():
    for row in rows("entities"):
        found = [value for value in row["entities"].values() if value is not None]
        assert all(value in row["text"] for value in found), row["id"]
        assert len(set(found)) == len(found)
        assert row["found"] == ("none or one" if len(found) < 2 else "two" if len(found) == 2 else "three")


def test_calls_are_of_tools_there_are_and_say_what_the_request_says():
    prompt = (SUITES / "function-calls/prompts/short.md").read_text()
    tools = {name: arguments.split(", ") for name, arguments in re.findall(r"^(\w+)\((.*)\)$", prompt, re.MULTILINE)}
    assert len(tools) == 10
    for row in rows("function-calls"):
        calls = row["calls"]
        assert row["kind"] == ("none" if not calls else "one" if len(calls) == 1 else "several"), row["id"]
        for call in calls:
            assert list(call["arguments"]) == tools[call["name"]], row["id"]
            said = [str(value) for value in call["arguments"].values() if value not in {"on", "off"}]
            assert all(value.casefold() in row["request"].casefold() for value in said), row["id"]
    (metric,) = [m for m in load_suite(SUITES / "function-calls").metrics if m.name == "calls"]
    assert set(metric.options["tools"]) == set(tools)


def filled(table, queries):
    """A database with the table and rows made of the texts and numbers that the queries name."""
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE {table}")
    named = [text for query in queries for text in re.findall(r"'([^']*)'|\b(\d+)\b", query)]
    pool = [text or int(number) + step for text, number in named for step in (0, 1, 1)]
    marks = ", ".join("?" for _ in table.split(","))
    for i in range(len(pool)):
        values = [pool[(i + 5 * column) % len(pool)] for column in range(marks.count("?"))]
        database.execute(f"INSERT INTO {table.split('(')[0]} VALUES ({marks})", values)  # noqa: S608 - our own table
    return database


def test_every_query_runs_on_its_table_finds_something_and_its_other_forms_say_the_same():
    by_table = {}
    for row in rows("sql"):
        by_table.setdefault(row["schema"], []).append(row)
    assert len(by_table) == 20
    n_found = 0
    for table, asked in by_table.items():
        database = filled(table, [row["queries"][0] for row in asked])
        for row in asked:
            answers = [set(database.execute(query).fetchall()) for query in row["queries"]]
            assert answers.count(answers[0]) == len(answers), row["id"]
            n_found += any(value not in {None, 0} for line in answers[0] for value in line)
        database.close()
    assert n_found > 190


def test_summaries_have_the_form_the_suite_asks_for():
    metrics = load_all(SUITES / "summaries/suite.yaml").metrics["summaries"]
    for sample in load_suite(SUITES / "summaries").samples:
        assert metrics["form"].score(sample.target, sample).value == 1.0
        assert metrics["brevity"].score(sample.target, sample).value == 1.0


def test_what_a_reply_must_say_stands_in_its_facts_and_not_in_the_question():
    for row in rows("support-replies"):
        for text in row["must_say"]:
            assert text.casefold() in row["facts"].casefold(), row["id"]
            assert text.casefold() not in row["message"].casefold(), row["id"]


def test_the_judge_that_the_support_suite_suggests_loads_when_it_is_uncommented(tmp_path):
    shutil.copytree(SUITES / "support-replies", tmp_path / "suite")
    path = tmp_path / "suite" / "suite.yaml"
    text = path.read_text()
    start = text.index("  # - name: reply")
    entry, rest = text[start:].split("\n\n", 1)
    path.write_text(text[:start] + entry.replace("  # ", "  ") + "\n\n" + rest)
    main = load_all(path).main
    assert [metric.type for metric in main.metrics][-1] == "judge"
    assert main.warnings == ()


COURTESY = """Hello,
thank you for your message and for taking the time to write to us, we have received it. First of all, please accept our
apologies for the trouble this has caused. We understand how you feel, and we are looking into it right now. Please note
that our team takes care of every order in person and will do its best to help. We will get back to you with new
information as soon as possible. If you have any question, feel free to contact us at any time. Yes, we are here for you
and your family, sometimes until late. We hope that you may enjoy shopping with us, and we wish you a nice day.
Kind regards, your Fernhill team"""


def test_what_a_reply_must_say_is_a_fact_the_customer_did_not_name_and_no_word_of_courtesy():
    loaded = load_all(SUITES / "support-replies" / "suite.yaml")
    metric = loaded.metrics["support-replies"]["complete"]
    by_id = {row["id"]: row for row in rows("support-replies")}
    for sample in loaded.main.samples:
        row = by_id[sample.id]
        assert metric.score(row["facts"], sample).value == 1.0, sample.id
        for text in row["must_say"]:
            one = structs.replace(metric, texts=(text.casefold(),))
            assert one.score(row["message"], sample).value == 0.0, (sample.id, text)
            assert one.score(COURTESY, sample).value == 0.0, (sample.id, text)


def test_the_support_template_is_drawn_from_the_suite_as_it_stands():
    template = REPO / "evalkit/jobs/starter/tasks/support/samples.jsonl"
    drawn = [json.loads(line) for line in template.read_text(encoding="utf-8").splitlines()]
    by_id = {row["id"]: row for row in rows("support-replies")}
    assert drawn == [by_id[row["id"]] for row in drawn]
    assert len(drawn) == 40
