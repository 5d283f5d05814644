"""YAML by the 1.2 core schema, with marks, without cleverness, without a way to burn time."""

import pytest
import yaml

from evalkit.suites.masking import mask
from evalkit.suites.yaml_source import parse, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            (word, word)
            for word in ("on", "off", "yes", "no", "y", "n", "On", "NO", "tRUE", "nUll", "=", "<<", "1_000")
        ],
        *[
            (text, text)
            for text in ("12:30:00", "1:2", "2026-11-01", "0b1", "1e", "1.2.3", "0x", "+", ".", "1 000", "é")
        ],
        *[("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("", None), ("Null", None)],
        *[("0", 0), ("-7", -7), ("+7", 7), ("010", 10), ("0o17", 15), ("0xFf", 255), ("00", 0)],
        *[("1.10", 1.1), ("1.", 1.0), (".5", 0.5), ("-.5", -0.5), ("1e3", 1000.0), ("1.5E-3", 0.0015), ("-0.0", 0.0)],
        *[("12345678901234567890123", "12345678901234567890123"), ("'1'", "1"), ('"true"', "true"), ("'~'", "~")],
        ("[1, no, {a: ~}]", [1, "no", {"a": None}]),
        ("{1: a, true: b, ~: c, 1.0: d}", {"1": "a", "true": "b", "~": "c", "1.0": "d"}),
    ],
)
def test_scalars_by_the_core_schema(text, value):
    found = parse_value(text, "x")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("loader", ["CSafeLoader", None])
def test_marks_are_the_same_with_and_without_libyaml(monkeypatch, loader):
    if loader is None:
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    source = parse("é: ü\n# c\nlist: [a, 'b c']\nblock: |\n  two\n  lines\nm:\n  k: 1.10\n", "s.yaml")
    spans = {loc: (span.line, span.column, span.width, span.literal) for loc, span in source.values.items()}
    assert spans["é",] == (1, 4, 1, "ü")
    assert spans["list", 1] == (3, 11, 5, None)
    assert spans["m", "k"] == (8, 6, 4, "1.10")
    assert source.keys["m", "k"].column == 3
    assert source.line_of(("block",)) == 4
    assert source.value["block"] == "two\nlines\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("api_key: abc", "api_key: ***"),
        ("{API-KEY: 'abc', b: 1}", "{API-KEY: ************"),
        ('"password": x', '"password": *'),
        ("access_token: t", "access_token: *"),
        ("token: t", "token: *"),
        ("max_tokens: 64", "max_tokens: 64"),
        ("api_key_env: NAME", "api_key_env: NAME"),
        ("x: sk-0123456789abcdef", "x: *******************"),
        ("u: http://me:pw@host/v1", "u: http://*****@host/v1"),
    ],
)
def test_secrets_are_starred_in_what_is_shown(line, shown):
    assert mask(line) == shown


def test_duplicates_in_nested_mappings_are_all_found():
    source = parse("a: {x: 1, x: 2}\nb:\n  - {y: 1, y: {z: 1, z: 2}}\n", "s.yaml")
    assert [(problem.line, problem.column) for problem in source.problems] == [(1, 11), (3, 12), (3, 22)]
    assert source.value["a"] == {"x": 1}
