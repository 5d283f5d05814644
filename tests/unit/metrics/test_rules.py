import json
import time
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.metrics.registry import build
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Scored, Unscored

CORPUS = Path(__file__).parents[2] / "corpora" / "schemas" / "patterns.jsonl"
CASES = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def make(kind, field=None, **options):
    return build(MetricSpec(name="m", type=kind, field=field, options=options, line=5), ())


def sample(target=None):
    return Sample(id="1", fields={}, target=target)


def value(metric, answer, target=None):
    return metric.score(answer, sample(target)).value


class TestRulesKeepTheContract(MetricContract):
    @pytest.fixture(params=["contains", "not_contains", "regex", "length"])
    def metric(self, request):
        options = {"regex": {"pattern": "(a+)+$"}, "length": {"max": 10}}.get(request.param, {"text": ["a", "word"]})
        return make(request.param, **options)

    @pytest.fixture
    def sample(self):
        return sample()


def test_all_texts_have_to_be_there_or_any():
    assert value(make("contains", text=["red", "blue"]), "blue and red") == 1.0
    assert value(make("contains", text=["red", "blue"]), "blue") == 0.0
    assert value(make("contains", text=["red", "blue"], match="any"), "blue") == 1.0
    assert value(make("contains", text="red", match="any"), "blue") == 0.0
    missing = make("contains", text=["red", "blue"]).score("blue", sample())
    assert missing.evidence == {"missing": ["red"]}


def test_none_of_them_may_be():
    metric = make("not_contains", text=["Acme", "Globex"])
    assert value(metric, "We make anvils.") == 1.0
    assert metric.score("Acme makes anvils.", sample()).evidence == {"found": ["Acme"]}
    assert value(metric, "acme") == 1.0
    assert value(make("not_contains", text="Acme", normalize="casefold"), "aCmE") == 0.0


def test_without_texts_it_is_the_target_that_is_looked_for():
    assert value(make("contains"), "It is Paris.", "Paris") == 1.0
    assert value(make("contains"), "It is Paris.", ["Rome", "Paris"]) == 1.0
    assert value(make("contains", match="all"), "Paris", ["Rome", "Paris"]) == 1.0 - 1.0
    assert value(make("contains"), "The answer is 42.", 42) == 1.0
    assert value(make("not_contains"), "It is Paris.", ["Rome", "Paris"]) == 0.0


@pytest.mark.parametrize(
    ("text", "answer", "stands"),
    [
        ("5 euros", "It costs 15 euros.", False),
        ("5 euros", "Not 15 euros but 5 euros.", True),
        ("Tim", "in time, sometimes", False),
        ("Tim", "Ask (Tim)!", True),
        ("exchange", "exchanged", False),
        ("!!", "no!!!", True),
        ("-5", "a-5", True),
        ("é", "née", False),
        ("aba", "ababa aba", True),
        ("4.90", "4.90", True),
    ],
)
def test_a_whole_word_has_no_letter_or_digit_next_to_it(text, answer, stands):
    folded = {"normalize": ["casefold"], "whole_words": True}
    assert value(make("contains", text=text, **folded), answer) == float(stands)
    assert value(make("not_contains", text=text, **folded), answer) == float(not stands)
    assert value(make("contains", text=text), answer) in {float(stands), 1.0}


def test_whole_words_in_a_million_letters_take_no_time_to_speak_of():
    began = time.process_time()
    assert value(make("contains", text="a", whole_words=True), "a" * 1_000_000) == 0.0
    assert time.process_time() - began < 5.0


@pytest.mark.parametrize("kind", ["contains", "not_contains"])
def test_nothing_to_look_for_is_no_evidence(kind):
    assert make(kind).score("x", sample()) == Unscored(metric="m", why="no_target")
    assert make(kind).score("x", sample([])) == Unscored(metric="m", why="no_target")
    assert make(kind).score("x", sample("")) == Unscored(metric="m", why="empty_target")
    assert make(kind, normalize="strip").score("x", sample(["a", " "])) == Unscored(metric="m", why="empty_target")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("contains", {"text": "a"}),
        ("not_contains", {"text": "a"}),
        ("regex", {"pattern": "b*"}),
        ("length", {"max": 9}),
    ],
)
def test_silence_keeps_no_rule(kind, options):
    for answer in ("", " \n"):
        found = make(kind, **options).score(answer, sample())
        assert (found.value, found.is_answered) == (0.0, False)
    found = make(kind, field="a", **options).score("not json", sample())
    assert (found.value, found.is_answered) == (0.0, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": []}, "text: a text or a list of texts is wanted"),
        ({"text": ["a", ""]}, "text: an empty text"),
        ({"text": " ", "normalize": "strip"}, "text: an empty text"),
        ({"text": 3}, "text: a list of names is wanted"),
        ({"match": "some"}, "match: 'some' is not one of all, any"),
    ],
)
def test_texts_that_say_nothing_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        make("contains", **options)


def test_a_pattern_is_found_anywhere_or_nowhere():
    assert value(make("regex", pattern=r"[A-Z]{3}-\d+"), "see ABC-12.") == 1.0
    assert value(make("regex", pattern=r"^[A-Z]{3}-\d+$"), "see ABC-12.") == 0.0
    assert value(make("regex", pattern=r"abc", ignore_case=True), "ABC") == 1.0
    assert value(make("regex", pattern=r"abc"), "ABC") == 0.0
    assert value(make("regex", pattern="sorry", expect="no_match"), "sorry") == 0.0
    assert value(make("regex", pattern="sorry", expect="no_match"), "fine") == 1.0
    assert value(make("regex", field="a", pattern="^[0-9]$"), '{"a": 4}') == 1.0


def test_half_a_character_is_no_reason_to_crash():
    assert value(make("regex", pattern="^x.$"), "x\ud83d") == 1.0


@pytest.mark.parametrize("pattern", ["(?=x)", r"(a)\1", "(", ".{1,100000}", "", None, 3])
def test_a_pattern_that_will_not_do_is_refused_at_its_entry(pattern):
    with pytest.raises(UsageError, match="metric 'm', pattern: ") as caught:
        make("regex", pattern=pattern)
    assert caught.value.diagnostics[0].line == 5
    assert caught.value.diagnostics[0].help


@pytest.mark.parametrize(
    "case", [case for case in CASES if "is_refused" not in case], ids=lambda case: case["pattern"][:40]
)
def test_an_evil_pattern_ends_at_once(case):
    metric = make("regex", pattern=case["pattern"])
    text = case["unit"] * (100_000 // len(case["unit"])) + case["end"]
    started = time.thread_time()
    assert isinstance(metric.score(text, sample()), Scored)
    assert time.thread_time() - started < 4.0


def test_an_answer_beyond_a_million_characters_is_no_zero():
    metric = make("regex", pattern="b$")
    assert value(metric, "a" * 999_999 + "b") == 1.0
    assert metric.score("a" * 1_000_000 + "b", sample()) == Unscored(metric="m", why="too_long")


@pytest.mark.parametrize(
    ("options", "answer", "expected"),
    [
        ({"max": 3}, "one two three", 1),
        ({"max": 3}, "one two three four", 0),
        ({"min": 2}, "one", 0),
        ({"min": 2, "max": 2}, " one\ttwo\n", 1),
        ({"max": 3, "unit": "characters"}, " abc ", 1),
        ({"max": 3, "unit": "characters"}, "abcd", 0),
    ],
)
def test_a_length_lies_between_its_bounds(options, answer, expected):
    assert value(make("length", **options), answer) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "neither `min` nor `max`"),
        ({"min": 3, "max": 2}, "max: 2 is less than `min`, 3"),
        ({"max": 0}, "max: 0 is not at least 1"),
        ({"min": -1}, "min: -1 is not at least 0"),
        ({"max": 2.5}, "max: a whole number is wanted, not 2.5"),
        ({"max": True}, "max: a number is wanted, not True"),
        ({"max": "9"}, "max: a number is wanted, not '9'"),
        ({"max": float("nan")}, "max: a number is wanted, not nan"),
        ({"max": 10**400}, "max: a number is wanted, not 1000"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        make("length", **options)


def test_a_switch_is_true_or_false():
    with pytest.raises(UsageError, match="ignore_case: true or false is wanted, not 'no'"):
        make("regex", pattern="a", ignore_case="no")
