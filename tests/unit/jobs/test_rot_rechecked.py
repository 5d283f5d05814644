"""Labels that people look at again: who is asked, what they said, and what the light makes of it."""

import json

import pytest
from refresh_desk import LABELS, Shop

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.rot.look import loaded
from evalkit.jobs.rot.rechecked import rechecked, write_queue
from evalkit.jobs.rot.systems import Past
from evalkit.rot.lens import lens_of
from evalkit.rot.seen import System


@pytest.fixture
def shop(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))
    return Shop(bench)


def said(*rows):
    return [dict(zip(("id", "label", "by"), row, strict=True)) for row in rows]


def light_of(shop, *options):
    code = execute(["rot", str(shop.suite), "--production", "logs.jsonl", "--out", "out", *options])
    document = json.loads((shop.folder / "out/rot.json").read_text())
    return code, next(one for one in document["signals"] if one["name"] == "label errors")


def test_what_models_suspect_is_asked_of_people_until_they_have_looked(shop, monkeypatch):
    own = {row["id"]: float(row["id"] not in {"s5", "s6", "s7"}) for row in shop.samples}
    systems = tuple(System(name=f"m{i}", scores=own, answers=dict.fromkeys(own, "red")) for i in range(3))
    monkeypatch.setattr("evalkit.jobs.rot.look.past_of", lambda *_: Past(systems=systems))
    _, found = light_of(shop)
    assert (found["light"], found["value"]) == ("amber", 2.5)
    asked = shop.folder / "out/recheck.jsonl"
    assert [json.loads(line)["id"] for line in asked.read_text().splitlines()] == ["s5", "s6", "s7"]
    shop.rows("out/rechecked.jsonl", [{"id": f"s{i}", "label": LABELS[i % 3], "by": "ann"} for i in (5, 6, 7)])
    _, found = light_of(shop)
    assert (found["light"], found["value"]) == ("green", 0.0)
    assert not asked.exists()


@pytest.mark.parametrize("is_named", [True, False])
def test_a_label_found_wrong_is_red_and_ends_in_1(shop, is_named):
    rows = said(("s0", "red", "ann"), ("s1", "blue", "ann"))  # s1 is green in the suite
    shop.rows("people.jsonl" if is_named else "out/rechecked.jsonl", rows)
    code, found = light_of(shop, *(["--rechecked", "people.jsonl"] if is_named else []))
    assert (code, found["light"], found["value"], found["detail"]["wrong"]) == (1, "red", 50.0, ["s1"])
    assert "1 of 2 labels that people looked at again is wrong: s1" in found["sentence"]


def test_most_people_decide_and_who_skips_says_nothing(shop):
    rows = said(("s0", "blue", "ann"), ("s0", "red", "bob"), ("s1", "blue", "ann"), ("s1", "red", "bob"))
    rows += [*said(("s1", "green", "eve"), ("gone", "red", "ann")), {"id": "s2", "skip": "unclear", "by": "ann"}]
    found = rechecked(loaded(shop.suite), shop.rows("people.jsonl", rows), shop.folder)
    assert (found.samples, found.wrong) == ({"s0", "s1"}, ("s1",))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (said(("nobody", "red", "ann")), "no label of a sample of colours is in it"),
        ([{"id": "s0"}], r"people\.jsonl:1: a label is"),
        (said(("s0", {"colour": "red"}, "ann")), r"people\.jsonl:1: sample s0: a label is one value here"),
    ],
)
def test_a_file_that_says_nothing_of_the_suite_is_refused(shop, rows, message):
    with pytest.raises(UsageError, match=message):
        rechecked(loaded(shop.suite), shop.rows("people.jsonl", rows), shop.folder)


def test_parts_of_a_target_are_compared_one_by_one(shop):
    for i, row in enumerate(shop.samples):
        row["label"] = {"colour": LABELS[i % 3], "amount": i, "note": f"n{i}"} | ({"seen": 1} if i % 2 else {})
    shop.rows("suite/samples.jsonl", shop.samples)
    right = {"colour": "red", "amount": "0", "note": "n0 "}  # as a form hands it in
    rows = said(("s0", right, "ann"), ("s3", right | {"note": "n3", "amount": 4}, "ann"))
    found = rechecked(loaded(shop.suite), shop.rows("people.jsonl", rows), shop.folder)
    assert found.wrong == ("s3",)


def test_people_are_asked_without_the_label_and_nobody_where_there_is_nothing_to_ask(shop):
    suite = loaded(shop.suite)
    path = write_queue(suite, lens_of(suite), ["s4", "s2"], shop.folder)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == [{"id": name, "text": shop.samples[int(name[1])]["text"]} for name in ("s2", "s4")]
    assert path.stat().st_mode & 0o077 == 0
    assert write_queue(suite, lens_of(suite), [], shop.folder) is None
    assert not path.exists()
