"""Labels that people look at again: who is asked, what they said, and what the light makes of it."""

import json

import pytest
from msgspec import structs
from refresh_desk import LABELS, Shop

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.rot.look import loaded
from evalkit.jobs.rot.rechecked import rechecked, write_queue
from evalkit.jobs.rot.systems import Past
from evalkit.rot.lens import lens_of
from evalkit.rot.seen import System
from evalkit.types import Sample


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
def test_three_labels_found_wrong_are_red_and_end_in_1(shop, is_named):
    rows = said(("s0", "red", "ann"), *((f"s{i}", "blue", "ann") for i in (1, 4, 7)))  # green in the suite
    shop.rows("people.jsonl" if is_named else "out/rechecked.jsonl", rows)
    code, found = light_of(shop, *(["--rechecked", "people.jsonl"] if is_named else []))
    assert (code, found["light"], found["value"], found["detail"]["wrong"]) == (1, "red", 75.0, ["s1", "s4", "s7"])
    looked_at = "3 of the 4 that people looked at (the suspected ones first; 3.3 % of all 120 samples)"
    assert f"{looked_at} are wrong: s1, s4, s7" in found["sentence"]


def test_one_wrong_of_eight_suspected_labels_is_amber(shop):
    shop.rows("out/rechecked.jsonl", said(*((f"s{i}", LABELS[i % 3 if i else 1], "ann") for i in range(8))))
    code, found = light_of(shop)
    assert (code, found["light"], found["value"]) == (0, "amber", 12.5)


def test_most_people_decide_and_who_skips_says_nothing(shop):
    rows = said(("s0", "blue", "ann"), ("s0", "red", "bob"), ("s1", "blue", "ann"), ("s1", "red", "bob"))
    rows += [*said(("s1", "green", "eve"), ("gone", "red", "ann")), {"id": "s2", "skip": "unclear", "by": "ann"}]
    found = rechecked(loaded(shop.suite), shop.rows("people.jsonl", rows), shop.folder)
    assert (found.samples, found.wrong) == ({"s0", "s1"}, ("s1",))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (said(("nobody", "red", "ann")), "no label of a sample of colours with a target is in it"),
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


@pytest.mark.parametrize(
    ("target", "label", "is_wrong"),
    [
        ("refund", " Refund\n", False),
        (["x", "y"], ["Y", "x"], False),
        (["x", "y"], '["y", "x"]', False),
        (["x", "y"], ["x"], True),
        (["Paris", "paris"], "PARIS", False),
        (["Paris", "paris"], "Rome", True),
        (["3", 4], 4, False),
        ({"i": "refund", "n": 3}, {"i": "Refund", "n": 3.0, "note": "checked"}, False),
        ({"i": "refund", "n": 3}, {"i": "refund", "n": 4, "note": "checked"}, True),
        ({"i": ["Paris", "paris"]}, {"i": "Paris"}, False),
        ({"i": [{"name": "a"}, {"name": "b"}]}, {"i": [{"name": "B"}, {"name": "a"}]}, False),
        (True, 1, None),
    ],
)
def test_who_says_the_same_as_the_label_is_not_counted_against_it(shop, tmp_path, target, label, is_wrong):
    samples = (Sample(id="a", fields={}, target=target), Sample(id="none", fields={}))
    suite = structs.replace(loaded(shop.suite), samples=samples)
    rows = said(("a", label, "ann"), ("none", "anything", "ann"))
    (tmp_path / "rechecked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if is_wrong is None:
        with pytest.raises(UsageError, match="true or false"):
            rechecked(suite, None, tmp_path)
        return
    found = rechecked(suite, None, tmp_path)
    assert (found.samples, found.wrong, found.n_all) == ({"a"}, ("a",) if is_wrong else (), 2)


def test_people_are_asked_without_the_label_and_nobody_where_there_is_nothing_to_ask(shop):
    suite = loaded(shop.suite)
    path = write_queue(suite, lens_of(suite), ["s4", "s2"], shop.folder)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == [{"id": name, "text": shop.samples[int(name[1])]["text"]} for name in ("s2", "s4")]
    assert path.stat().st_mode & 0o077 == 0
    assert write_queue(suite, lens_of(suite), [], shop.folder) is None
    assert not path.exists()
