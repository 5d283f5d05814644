"""What production answered is read as the suite's targets are written, in rot and in a refresh."""

import json

import pytest
from refresh_desk import LABELS, Shop

from evalkit.jobs.rot.look import RotOptions, loaded, rot
from evalkit.rot.lens import lens_of


@pytest.fixture
def shop(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))
    return Shop(bench, metrics=[{"name": "exact", "type": "accuracy", "field": "colour"}])


def requests(shop, answers):
    rows = [
        {"messages": [{"role": "user", "content": f"Colour of: {row['text']}"},
                      {"role": "assistant", "content": answer}]}
        for row, answer in zip(shop.production, answers, strict=True)
    ]  # fmt: skip
    return shop.rows("requests.jsonl", rows)


def test_production_that_answers_in_json_has_the_suites_labels(shop):
    logs = requests(shop, [json.dumps({"colour": LABELS[i % 3]}) for i in range(300)])
    document, _ = rot(RotOptions(suite_path=shop.suite, logs=[logs], reports=shop.folder / "reports"))
    lights = {one["name"]: one["light"] for one in document["signals"]}
    assert (lights["label mix drift"], lights["coverage of categories"]) == ("green", "green")


@pytest.mark.parametrize("written", ['{"colour": "%s"}', '```json\n{"colour": "%s"}\n```', "%s"])
def test_people_are_shown_the_label_and_compared_with_it(shop, written):
    logs = requests(shop, [written % LABELS[i % 3] for i in range(300)])
    with shop.desk() as desk:
        items = shop.to_queue(desk, logs=[logs])
        assert {item["suggested"] for item in items} <= {*LABELS, None}
        found = shop.label(desk, items, lambda item, _: item["suggested"] or "red")
    assert found.followed_shown == 1.0


def test_an_object_is_compared_part_by_part(shop):
    for row in shop.samples:
        row["label"] = {"colour": row["label"]}
    shop.rows("suite/samples.jsonl", shop.samples)
    logs = requests(shop, [json.dumps({"colour": LABELS[i % 3]}) for i in range(300)])
    with shop.desk() as desk:
        items = shop.to_queue(desk, logs=[logs])
        assert {type(item["suggested"]) for item in items} == {dict, type(None)}
        found = shop.label(desk, items, lambda item, _: item["suggested"] or {"colour": "red"})
    assert found.followed_shown == 1.0


@pytest.mark.parametrize("answer", ["no json", "{", '["red"]', '{"other": 1}', 3, None])
def test_an_answer_that_holds_no_label_stays_as_it_is(shop, answer):
    assert lens_of(loaded(shop.suite)).said(answer) == answer


def test_a_label_that_is_json_itself_is_compared_whole(shop):
    for row in shop.samples:
        row["label"] = json.dumps({"colour": row["label"]})
    shop.rows("suite/samples.jsonl", shop.samples)
    assert lens_of(loaded(shop.suite)).said('{"colour": "red"}') == '{"colour": "red"}'
