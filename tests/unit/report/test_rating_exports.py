import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from raters import download

from evalkit.errors import UsageError
from evalkit.report.rating.batch import Item, Sheet
from evalkit.report.rating.exports import read_export
from evalkit.report.rating.label_studio import BOTH_BAD, SAME, labelling_config, read_label_studio, tasks

BATCH = "ab" * 32
RATINGS = [("i1", "left"), ("i2", "same"), ("i3", "both_bad")]
SHEET = Sheet(
    rubric='Right & "short" <b>\nfirst',
    items=(Item(item="i1", prompt="<q>", left="a", right="b"), Item(item="i2", prompt="q", left="", right="\n")),
)


def refusal(raw):
    with pytest.raises(UsageError) as refused:
        read_export(raw, "anna.jsonl")
    return str(refused.value)


def test_a_download_reads_back():
    found = read_export(download(BATCH, " Anna  B ", RATINGS, note='“ü”\u2028 \\ "'), "anna.jsonl")
    assert (found.rater, found.name, found.batch, found.browser) == ("Anna B", "anna b", BATCH, "b1")
    assert [(r.item, r.choice, r.seconds) for r in found.ratings] == [(i, c, 9.0) for i, c in RATINGS]
    assert found.ratings[0].note == '“ü”\u2028 \\ "'
    assert len(set(found.chains)) == 3


def test_other_line_ends_and_a_byte_order_mark_are_no_edit():
    raw = download(BATCH, "Anna", RATINGS)
    assert read_export(b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"), "x") == read_export(raw, "x")


@given(place=st.integers(0, 900), flip=st.integers(1, 255))
def test_no_changed_byte_goes_unseen(place, flip):
    raw = bytearray(download(BATCH, "Anna", RATINGS))
    place %= len(raw)
    changed = bytes([*raw[:place], raw[place] ^ flip, *raw[place + 1 :]])
    try:
        found = read_export(changed, "anna.jsonl")
    except UsageError:
        return
    # The batch is the chain's beginning: a file of another batch is whole in itself and refused by its batch.
    assert found == read_export(bytes(raw), "anna.jsonl")


def test_each_way_of_editing_is_told_with_its_line():
    lines = download(BATCH, "Anna", RATINGS).splitlines(keepends=True)
    swapped = lines[1].replace(b'"same"', b'"left"')
    assert "anna.jsonl:2 was changed" in refusal(b"".join([lines[0], swapped, *lines[2:]]))
    assert "anna.jsonl:2 was changed" in refusal(b"".join([lines[0], *lines[2:]]))
    assert "anna.jsonl:1 was changed" in refusal(b"".join([lines[1], lines[0], *lines[2:]]))
    assert "the last line is missing" in refusal(b"".join(lines[:-1]))
    assert "put together from several" in refusal(b"".join(lines) + b"".join(lines))
    renamed = lines[-1].replace(b"Anna", b"Bert")
    assert "anna.jsonl:4 was changed" in refusal(b"".join([*lines[:-1], renamed]))


def test_files_that_are_no_download_are_named_so():
    assert "is empty" in refusal(b"\n")
    assert "no text in UTF-8" in refusal(b"\xff\xfe\x00")
    assert "no JSON" in refusal(b"PK\x03\x04")
    assert "no JSON" in refusal(b"[" * 100_000)
    assert "no line of a rating page" in refusal(b'{"id": 1}\n')
    assert "has no name" in refusal(download(BATCH, "  ", RATINGS))
    assert "a choice is one of" in refusal(download(BATCH, "Anna", [("i1", "up")]))


def test_a_longer_file_of_the_same_work_goes_on_from_a_shorter_one():
    short, long, other = (
        read_export(download(BATCH, "Anna", ratings), "x")
        for ratings in (RATINGS[:2], RATINGS, [*RATINGS[:1], ("i2", "left"), *RATINGS[2:]])
    )
    assert long.goes_on_from(short)
    assert long.goes_on_from(long)
    assert not short.goes_on_from(long)
    assert not other.goes_on_from(short)
    # Ratings without a running hash (Label Studio's) are no beginning of a download, whoever gave them.
    assert not long.goes_on_from(structs.replace(short, chains=()))


def task(item, *annotations, batch=BATCH):
    return {"data": {"item": item, "batch": batch}, "annotations": list(annotations)}


def annotation(rater, *, side=None, choice=None, **more):
    result = [{"type": "pairwise", "value": {"selected": side}}] if side else []
    result += [{"type": "choices", "value": {"choices": [choice]}}] if choice else []
    return {"completed_by": rater, "result": result, "lead_time": 7.5} | more


def test_label_studio_gets_blind_tasks_and_a_set_up_that_escapes_the_rubric():
    rows = json.loads(tasks(SHEET))
    assert [row["data"]["item"] for row in rows] == ["i1", "i2"]
    assert set(rows[0]["data"]) == {"batch", "item", "prompt", "left", "right"}
    config = labelling_config(SHEET).decode()
    assert '<Pairwise name="better" toName="left,right"/>' in config
    assert "<b>" not in config
    assert f'<Choice value="{SAME}"/>' in config


def test_label_studio_s_export_is_read_by_rater():
    raw = json.dumps(
        [
            task("i1", annotation({"id": 4, "email": "a@x.org"}, side="left"), annotation(7, side="right")),
            task("i2", annotation({"id": 4, "email": "a@x.org"}, side="left", choice=SAME)),
            task("i3", annotation(7, choice=BOTH_BAD), annotation(8, side="left", was_cancelled=True)),
            task("i4", annotation(7)),
        ]
    ).encode()
    found = {e.rater: [(r.item, r.choice, r.seconds) for r in e.ratings] for e in read_label_studio(raw, "x.json")}
    assert found == {
        "Label Studio user 4": [("i1", "left", 7.5), ("i2", "same", 7.5)],
        "Label Studio user 7": [("i1", "right", 7.5), ("i3", "both_bad", 7.5)],
    }


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([task("i1", annotation(1, side="left"), annotation(1, side="right"))], "more than once"),
        ([task("i1"), task("i2", batch="cd" * 32)], "2 different rating pages"),
        ([{"data": {"text": "x"}}], "was not made by"),
        ({"a": 1}, "not JSON-MIN"),
    ],
)
def test_label_studio_s_export_is_refused_in_words(rows, told):
    with pytest.raises(UsageError, match=told):
        read_label_studio(json.dumps(rows).encode(), "x.json")
