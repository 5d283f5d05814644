import json
import time

import pytest

from evalkit.metrics.read import (
    MAX_CHARACTERS,
    Reader,
    Unreadable,
    accepted_texts,
    is_same,
    lookup,
    read_json,
    read_run,
    shown,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (' {"a": [1, 2.5, null, true]}\n', {"a": [1, 2.5, None, True]}),
        ('"x"', "x"),
        ("-0", 0),
        ("1e3", 1000.0),
        (r'"\ud800"', "\ud800"),
        ('{"": 0}', {"": 0}),
        ("[" * 64 + "]" * 64, json.loads("[" * 64 + "]" * 64)),
        ('"' + "[" * 500 + '"', "[" * 500),
        ('{"a": "\\"' + "{" * 500 + '"}', {"a": '"' + "{" * 500}),
    ],
)
def test_json_is_read_whole(text, value):
    assert read_json(text) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("yes", "no JSON"),
        ('{"a": 1} thanks', "no JSON"),
        ('```json\n{"a": 1}\n```', "no JSON"),
        ('{"a": 1, "a": 1}', "twice"),
        ('[{"b": {"a": 1, "a": 2}}]', "twice"),
        ("NaN", "NaN is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ("1e999", "beyond any number"),
        ("-1e999", "beyond any number"),
        ("9" * 5_000, "no JSON: a number of thousands of digits"),
        ("[" * 65 + "]" * 65, "nested deeper than 64"),
        ("[" * 100_000, "nested deeper than 64"),
        ('{"a":' * 100_000, "nested deeper than 64"),
        ("]" * 10 + "[" * 100, "nested deeper than 64"),
        ("{'a': 1}", "no JSON"),
        (" " * (MAX_CHARACTERS + 1), "longer than 1,000,000 characters"),
    ],
)
def test_what_is_not_json_says_why(text, why):
    found = read_json(text)
    assert isinstance(found, Unreadable)
    assert why in found.why


@pytest.mark.parametrize(
    "text",
    [
        "[" + '"\\"' * 200_000,
        "[" * 70 + '"' + "\\" * 500_000,
        "[]" * 70 + '"' + '\\"' * 400_000,
        "```json\n" * 100_000,
        "{" * 65 + "[{" * 400_000,
        "{" * 1_000_000,
    ],
)
def test_hostile_text_costs_no_more_than_its_length(text):
    started = time.process_time()
    assert isinstance(read_json(text, "fenced"), Unreadable)
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('"```json\\n{}\\n```"', "```json\n{}\n```"),
        ('Sure!\n```json\n{"a": 1}\n```\nAnything else? {"b": 2}', {"a": 1}),
        ('```\n{"a": 1}\n```', {"a": 1}),
        ('```JSON\r\n{"a": 1}\r\n```', {"a": 1}),
        ('The answer is {"a": {"b": "}"}}. Bye {', {"a": {"b": "}"}}),
    ],
)
def test_fenced_finds_the_value_inside_prose(text, value):
    assert read_json(text, "fenced") == value


@pytest.mark.parametrize("text", ["nothing here", '{"a": 1', "```json\nnope\n```", '{"a": 1, "a": 2}', ""])
def test_fenced_invents_nothing(text):
    assert isinstance(read_json(text, "fenced"), Unreadable)


def test_dotted_paths_reach_into_objects_and_lists():
    value = {"a": [{"b": None}, {"0": "zero"}]}
    assert lookup(value, "a.0.b") is None
    assert lookup(value, "a.1.0") == "zero"
    for path in ("b", "a.2", "a.-1", "a.x", "a.0.b.c", "a.99999999999999999999", "a.²"):
        assert isinstance(lookup(value, path), Unreadable), path
    assert lookup(value, "b") == Unreadable("has no 'b'")
    assert lookup(value, "a.0.c") == Unreadable("has no 'c' on the way to 'a.0.c'")


def test_equality_is_that_of_json_values():
    assert is_same(1, 1.0)
    assert is_same({"a": 1, "b": [2]}, {"b": [2.0], "a": 1})
    for a, b in [
        (True, 1),
        (0, False),
        ([True], [1]),
        ("1", 1),
        (None, False),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 1, "b": 1}),
    ]:
        assert not is_same(a, b)
        assert not is_same(b, a)


def test_values_are_shown_as_one_would_write_them():
    assert [shown(v) for v in ("x", 3.0, 2.5, True, None, {"b": 1, "a": "é"}, 1e300)] == [
        "x", "3", "2.5", "true", "null", '{"a":"é","b":1}', str(int(1e300)),
    ]  # fmt: skip


def test_the_target_is_read_like_the_answer():
    reader = Reader(field="intent")
    for target in ({"intent": "x", "n": 1}, '{"intent": "x"}', "x"):
        assert reader.gold(target) == "x"
    assert reader.gold({"other": "x"}) is None
    assert reader.gold("{not json") == "{not json"
    assert reader.gold(None) is None
    assert Reader().gold('{"intent": "x"}') == '{"intent": "x"}'


def test_which_targets_are_texts():
    assert accepted_texts("a") == ("a",)
    assert accepted_texts(["a", "b"]) == ("a", "b")
    assert accepted_texts([]) == accepted_texts(["a", 1]) == accepted_texts({"a": 1}) == accepted_texts(3) == ()


@pytest.mark.parametrize(
    ("text", "extract", "found"),
    [
        ("1 2", "strict", (1, 2)),
        ('{"a": 1}', "strict", ({"a": 1},)),
        ('{"a": 1}, [2]; 3', "strict", ({"a": 1}, [2], 3)),
        ('{"a": 1},', "strict", None),
        ("", "strict", None),
        ('x {"a": 1} y', "strict", None),
        ('x {"a": 1} y', "fenced", ({"a": 1},)),
        ('x [ {"a": 1}] y', "fenced", ([{"a": 1}],)),
        ("x", "fenced", None),
        ('{"a": 1, "a": 2} 3', "strict", None),
        ("1 NaN", "strict", None),
        ("[" * 100_000, "fenced", None),
        ("[1] " * 250_001, "fenced", None),
    ],
)
def test_values_one_after_another(text, extract, found):
    read = read_run(text, extract)
    assert isinstance(read, Unreadable) if found is None else read == found
