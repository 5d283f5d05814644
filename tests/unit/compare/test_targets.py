"""Whether targets are labels, and whether they stand in what was asked."""

import time

import pytest

from evalkit.compare.targets import are_given, are_labels, is_given

LONG = "The cable car stopped above the valley with forty skiers in it, and they were let down on ropes, one by one. "
PASSAGE = LONG + "It stays closed until an expert from Grenoble has seen the motor and the brakes. " + LONG
CHOICES = PASSAGE + "Where is he from?\n(a) Lyon\n(b) Grenoble\n(c) Nice"


@pytest.mark.parametrize(
    ("targets", "has_labels"),
    [
        (["billing", "refund", "other"] * 10, True),
        (["billing", "refund", "other"] * 9, False),
        (["billing"] * 50, False),
        ([f"label {i % 20}" for i in range(200)], True),
        ([f"label {i % 21}" for i in range(210)], False),
        (["a" * 41, "b"] * 20, False),
        ([1, 2] * 20, False),
        ([], False),
        ([{"tone": "warm", "urgent": True}, {"tone": "cold", "urgent": None}] * 10, True),
        ([{"tone": "warm", "id": str(i)} for i in range(40)], False),
        ([{}] * 40, False),
    ],
)
def test_targets_are_labels_when_they_are_few_short_and_often(targets, has_labels):
    assert are_labels(targets) is has_labels


@pytest.mark.parametrize(
    ("target", "asked", "is_there"),
    [
        ({"who": "ADA", "sum": 12.0}, "Ada paid 12 francs", True),
        ({"who": "Ada", "day": "2026-01-02"}, "Ada paid on the second of January", True),
        ({"who": "Ada", "day": "2026-01-02", "sum": 3}, "Ada paid on the second of January", False),
        ({"who": "Ada"}, "Adamant people paid", False),
        ({"who": None}, "Nobody paid", True),
        ({"who": {"first": "Ada"}, "seats": [3, 4]}, "Ada sits on 3 and 4", True),
        ({"is_paid": True, "author": "Joyce"}, "Who wrote it? true", False),
        ({}, "Nothing", False),
        ([], "Nothing", False),
        (True, "true", False),
        (3, "3 and 4", False),
        ("Grenoble", PASSAGE, True),
        (["Isère", "Grenoble"], PASSAGE, True),
        ("Lyon", PASSAGE, False),
        ("expert", "Is it expert or novice?", False),
        ("Grenoble", CHOICES, False),
        ("", PASSAGE, False),
        ("...", PASSAGE, False),
        (None, PASSAGE, False),
    ],
)
def test_a_target_is_given_when_it_stands_in_what_was_asked(target, asked, is_there):
    assert is_given(target, asked) is is_there


@pytest.mark.parametrize(
    "choices",
    [
        "A. Lyon\nB. Grenoble",
        "A. **Lyon**\nB. **Grenoble**",
        "**A.** Lyon\n**B.** Grenoble",
        "**(a)** Lyon\n**(b)** Grenoble",
        "**A**: Lyon\n**B**: Grenoble",
        "9) Lyon\n10) Grenoble",
        "- Lyon\n- Grenoble",
        "  * Lyon\n  * Grenoble.",
        "• Grenoble\n• Lyon",
        "- [ ] Lyon\n- [ ] Grenoble",
        "**Lyon**\n**Grenoble**\n",
        "Options: Lyon, Grenoble",
        "Options: Grenoble, Lyon",
        "The choices are (Lyon; Grenoble; Nice).",
        "Options:\nLyon\nGrenoble\nNice",
        "Choices:\n\nLyon\nGrenoble",
        "OPTIONS = ['Lyon', 'Grenoble']",
        '{"options": ["Lyon", "Grenoble"]}',
        "['Grenoble', 'Lyon']",
        "[Lyon, Grenoble]\nAnswer:",
        "Is it one of Lyon, Nice or Grenoble?",
        "Choose one of the following cities: Lyon / Grenoble / Nice",
        "The options are Lyon and Grenoble.",
    ],
)
def test_one_of_several_choices_is_not_given(choices):
    assert not is_given("Grenoble", f"{PASSAGE}Where is he from?\n{choices}")


@pytest.mark.parametrize(
    "more",
    [
        "- The expert is from Grenoble\n- He comes by car",
        "- Grenoble sent him\n- He comes by car",
        "It is **Grenoble** that sent him.",
        "He is one of the few, it is said, who know it. He lives in Grenoble, or near it.",
        "He had two options: to drive from Grenoble by night, or to wait.",
        "One of the men from Grenoble, he says, knows it.",
        "He knows one of them: Grenoble people drive well.",
        "Options: none.\n\nNames of cities: Lyon, Grenoble, Nice.",
        '[{"city": "Grenoble", "size": 3}, {"city": "Lyon"}]',
        "Lyon, Grenoble, Nice: he has seen them all.",
    ],
)
def test_a_passage_that_lists_this_and_that_offers_no_choices(more):
    assert is_given("Grenoble", f"{LONG}{LONG}\n{more}\nWhere is he from?")


@pytest.mark.parametrize("asked", ["options: ", "one of x. ,a, ", "\n[ ,a,", "- \n", "** a", "a " * 9 + "\n \t"])
def test_looking_for_choices_takes_time_in_the_length_of_the_text_alone(asked):
    started = time.thread_time()
    is_given("a", f"{LONG} {LONG}" + asked * 20_000)
    assert time.thread_time() - started < 10.0


def test_targets_are_given_when_four_in_five_are_and_rows_without_one_say_nothing():
    given, other = {"input": "Ada", "target": {"who": "Ada"}}, {"input": "Ada", "target": {"who": "Bob"}}
    bare = {"input": "Ada", "target": None}
    assert are_given([given] * 4 + [other] + [bare] * 9)
    assert not are_given([given] * 3 + [other])
    assert not are_given([bare])
    assert not are_given([])
