"""A label that a person types is kept as it is where the suite has texts, and refused where it holds personal data."""

import json

import pytest
from refresh_desk import Shop

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.refresh.clean import dedup, scrub
from evalkit.jobs.refresh.collect import plan
from evalkit.jobs.refresh.people import approve, personal_in
from evalkit.jobs.refresh.release import retire

MAIL = "write to jo.miller@example.org, then wait"
HOTLINE = "Please call our hotline, +49 30 1234567, or write to help@shop.example."


@pytest.fixture
def shop(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    return Shop(bench)


def targets(shop, made):
    """The suite's samples with other targets."""
    shop.rows("suite/samples.jsonl", [row | {"label": made(i)} for i, row in enumerate(shop.samples)])


def noted(shop, typed):
    """What `retire --label` notes of each text."""
    with shop.desk() as desk:
        plan(desk, shop.wanted(), None)
    for i, label in enumerate(typed):
        assert execute(["refresh", "retire", "--ids", f"s{i}", "--reason", "label_error", "--label", label]) == 0
    with shop.desk() as desk:
        return [row["label"] for row in desk.rows("retired.jsonl")]


def test_where_the_targets_are_texts_a_label_stays_as_it_was_typed(shop):
    targets(shop, lambda i: json.dumps({"intent": "ab"[i % 2]}))
    typed = ["1.10", "1e3", '{"intent": "b"}', "null"]
    assert noted(shop, [*typed, '"blue"']) == [*typed, "blue"]


@pytest.mark.parametrize(
    ("made", "typed", "label"),
    [(lambda i: i, "1e3", 1000.0), (lambda i: {"a": i, "b": str(i)}, '{"a": 2, "b": 3}', {"a": 2, "b": "3"})],
)
def test_where_the_targets_are_no_texts_a_label_is_read_as_json(shop, made, typed, label):
    targets(shop, made)
    assert noted(shop, [typed]) == [label]


def test_null_is_no_label_even_where_targets_are_of_all_kinds(shop):
    targets(shop, lambda i: {"a": i} if i % 2 else i)
    with shop.desk() as desk:
        plan(desk, shop.wanted(), None)
        with pytest.raises(UsageError, match="--label: null is no label"):
            retire(desk, ["s0"], "label_error", "null")


def test_a_label_that_is_no_target_is_refused(shop):
    targets(shop, lambda i: {"a": i})
    with shop.desk() as desk:
        plan(desk, shop.wanted(), None)
        with pytest.raises(UsageError, match=r"--label: a label is an object here, with 'a'"):
            retire(desk, ["s0"], "label_error", "{broken")


def test_a_label_that_holds_personal_data_is_not_approved(shop):
    targets(shop, lambda i: f"about the parcel numbered {i}")
    with shop.desk() as desk:
        items = shop.to_queue(desk)
        shop.label(desk, items, lambda item, _: MAIL if item is items[3] else "about an order")
        with pytest.raises(UsageError, match=f"labels.jsonl: the label of sample {items[3]['id']} holds .* EMAIL"):
            approve(desk, "Cleo", "a test")
        assert not desk.has("approved.jsonl")
        assert not desk.has("approvals.json")
        shop.label(desk, items, lambda *_: "about [EMAIL_1], an order")
        assert len(approve(desk, "Cleo", "a test")[0]) == len(items)


def test_a_label_that_holds_personal_data_is_not_noted_for_a_retired_sample(shop):
    targets(shop, lambda i: f"about the parcel numbered {i}")
    with shop.desk() as desk:
        plan(desk, shop.wanted(), None)
        with pytest.raises(UsageError, match=r"--label holds what looks like EMAIL\n  help: .*\[EMAIL_1\]"):
            retire(desk, ["s0"], "label_error", MAIL)
        assert not desk.has("retired.jsonl")


@pytest.mark.parametrize(
    "label",
    [
        "4711081512345",
        "2026-03-01 10:30",
        {"order": "4711081512345", "count": 123456789012},
        '{"order": "4711081512345"}',
        ["0012345678", "12 345 678 901"],
        HOTLINE,
        "Call +49 30 1234567.",
        None,
    ],
)
def test_numbers_that_are_asked_for_and_what_the_suite_says_itself_are_not_meant(label):
    assert list(personal_in({"one": label}, [HOTLINE])) == []


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("jo.miller@example.org", "EMAIL"),
        ("jo (at) example dot org, says she", "EMAIL"),
        (f"{HOTLINE} Or +49 151 23456789.", "PHONE"),
        ({"note": {"said": ["call +49 151 23456789"]}}, "PHONE"),
        (json.dumps({"said": "call +49 151 23456789"}), "PHONE"),
    ],
)
def test_free_texts_are_looked_at_wherever_they_stand_in_a_label(label, kind):
    assert list(personal_in({"fine": "red", "one": label}, [HOTLINE])) == [("one", kind)]


def test_what_a_sample_asks_is_told_without_saying_who_wrote_it_and_the_way_out_works(shop):
    with shop.desk() as desk:
        items = shop.to_queue(desk)
        rows = desk.rows("deduped.jsonl")
        rows[0]["fields"]["text"] += f" {MAIL}"
        desk.write_rows("deduped.jsonl", rows)
        shop.label(desk, items)
        with pytest.raises(UsageError, match=r"deduped.jsonl: what sample .* EMAIL\n  help: .*refresh scrub") as told:
            approve(desk, "Cleo", "a test")
        assert "edited" not in str(told.value)
        assert str(desk.folder / "labels.jsonl") in str(told.value)
        (desk.folder / "labels.jsonl").unlink()
        scrub(desk)
        dedup(desk)
        shop.label(desk, items)
        assert len(approve(desk, "Cleo", "a test")[0]) == len(items)
