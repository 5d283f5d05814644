"""What people say of a new sample is a whole target, in the suite's own spelling, or is refused where it stands."""

import json

import pytest
from refresh_desk import LABELS, Shop

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.refresh.people import export_to_studio, state, take_labels

ALL = "'amount', 'colour', 'note'"
GOOD = {"colour": "red", "amount": 12.5, "note": "none"}


@pytest.fixture
def shop(bench, monkeypatch):
    """Targets of three parts: one of a few labels, a number or nothing, and a text that is never the same."""
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))
    found = Shop(bench)
    for i, row in enumerate(found.samples):
        row["label"] = {"colour": LABELS[i % 3], "amount": i + 0.5 if i % 4 else None, "note": f"note {i}"}
        row["label"] |= {"extra": 1} if i % 2 else {}
    found.rows("suite/samples.jsonl", found.samples)
    return found


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"colour": "red"}, f"the label lacks 'amount', 'note'; every sample of the suite has {ALL}"),
        ("red", f'a label is an object here, with {ALL}; not "red"'),
        (GOOD | {"amount": "a dozen"}, "'amount' is nothing or a number in this suite, not \"a dozen\""),
        (GOOD | {"amount": "NaN"}, "'amount' is nothing or a number in this suite, not \"NaN\""),
        (GOOD | {"note": None}, "'note' is a text in this suite, not null"),
        (GOOD | {"colour": "mauve"}, "'mauve' is none of the suite's labels: blue, green, red"),
    ],
)  # fmt: skip
def test_a_part_of_a_target_is_refused_with_its_line(shop, label, message):
    with shop.desk() as desk:
        name = shop.to_queue(desk)[0]["id"]
        rows = [{"id": name, "label": GOOD, "by": "ann"}, {"id": name, "label": label, "by": "bob"}]
        with pytest.raises(UsageError) as told:
            take_labels(desk, shop.rows("l.jsonl", rows))
        assert str(told.value) == f"l.jsonl:2: sample {name}: {message}".replace(
            "l.jsonl", str(shop.folder / "l.jsonl")
        )
        assert not desk.has("labels.jsonl")


@pytest.mark.parametrize("label", [GOOD, GOOD | {"amount": None}, GOOD | {"more": 1}, GOOD | {"amount": 3}])
def test_a_whole_target_is_taken_as_it_is(shop, label):
    with shop.desk() as desk:
        item = next(one for one in shop.to_queue(desk) if not one["double"])
        take_labels(desk, shop.rows("l.jsonl", [{"id": item["id"], "label": label, "by": "ann"}]))
        assert state(desk).labels[item["id"]] == label


def test_a_form_has_a_field_for_every_part_and_hands_in_what_the_suite_has(shop):
    with shop.desk() as desk:
        item = next(one for one in shop.to_queue(desk) if not one["double"])
        _, config = export_to_studio(desk, shop.folder / "studio")
        assert '<Choices name="colour"' in config.read_text()
        assert config.read_text().count("<TextArea ") == 2
        parts = {"colour": {"choices": ["blue"]}, "amount": {"text": ["7"]}, "note": {"text": ["7"]}}
        result = [{"from_name": name, "value": value} for name, value in parts.items()]
        task = {"data": {"id": item["id"]}, "annotations": [{"completed_by": 1, "result": result}]}
        (shop.folder / "export.json").write_text(json.dumps([task]))
        take_labels(desk, shop.folder / "export.json")
        assert state(desk).labels[item["id"]] == {"colour": "blue", "amount": 7, "note": "7"}


def test_a_target_of_one_value_is_no_object_and_is_spelled_as_the_suites(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    shop = Shop(bench)
    shop.rows("suite/samples.jsonl", [row | {"label": str(i % 3)} for i, row in enumerate(shop.samples)])
    with shop.desk() as desk:
        item = next(one for one in shop.to_queue(desk) if not one["double"])
        with pytest.raises(UsageError, match="a label is one value here"):
            take_labels(desk, shop.rows("l.jsonl", [{"id": item["id"], "label": {"x": "1"}, "by": "ann"}]))
        take_labels(desk, shop.rows("l.jsonl", [{"id": item["id"], "label": 2, "by": "ann"}]))
        assert state(desk).labels[item["id"]] == "2"


@pytest.mark.parametrize(
    ("label", "told"),
    [('{"colour": "bl', "a label is an object here"), ('{"colour": "blue"}', "the label lacks 'amount', 'note'")],
)
def test_a_mended_label_is_a_whole_target_too(shop, capsys, label, told):
    with shop.desk() as desk:
        shop.to_queue(desk)
    asked = ["refresh", "retire", "--ids", "s0", "--reason", "label_error", "--label"]
    assert execute([*asked, label]) == 2
    assert f"--label: {told}" in capsys.readouterr().err
    with shop.desk() as desk:
        assert not desk.has("retired.jsonl")
    assert execute([*asked, '{"colour": "mauve", "amount": "7", "note": "n"}']) == 0
    with shop.desk() as desk:
        assert desk.rows("retired.jsonl")[0]["label"] == {"colour": "mauve", "amount": 7, "note": "n"}
