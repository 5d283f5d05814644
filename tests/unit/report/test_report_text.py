import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.text import MAX_FIELD_CHARS, clean, clip, plain, shorten, visible

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANYTHING)
def test_what_is_visible_encodes_and_hides_nothing(text):
    shown = visible(text)
    shown.encode("utf-8")
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs"} or c in "\t\n" or ord(c) in ALLOWED for c in shown)


# Format characters that are seen, or that change the shape of the letter beside them and nothing else.
ALLOWED = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)} | {
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
}


def test_visible_keeps_ordinary_text_of_any_language():
    text = "naïve Grüße – 日本語\tعربى\n🙂 e\u0301"
    assert visible(text) == text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x00", "␀"),
        ("\x1b", "␛"),
        ("\r", "␍"),
        ("\x7f", "␡"),
        ("\x9b", "‹U+009B›"),
        ("\u202e", "‹U+202E›"),
        ("\u200b", "‹U+200B›"),
        ("\ud800", "‹U+D800›"),
        ("\U000e0041", "‹U+E0041›"),
        ("\u2028", "‹U+2028›"),
    ],
)
def test_each_dangerous_character_gets_a_sign(raw, shown):
    assert visible(f"a{raw}b") == f"a{shown}b"


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07red",
        "\x1b]8;;http://x\x1b\\red",
        "\x9b31mred",
        "\x1bcred",
        "\x1bP1$r\x1b\\red",
    ],
)
def test_terminal_commands_are_removed_whole(hostile):
    assert plain(hostile) == "red"


@given(ANYTHING)
def test_plain_text_cannot_command_a_terminal(text):
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in plain(text))


def test_an_unfinished_terminal_command_takes_nothing_else_with_it():
    assert plain("before \x1b[") == "before"


def test_clip_says_how_much_is_missing():
    assert clip("short") == "short"
    cut = clip("x" * (MAX_FIELD_CHARS + 5))
    assert cut.startswith("x" * MAX_FIELD_CHARS)
    assert "64,005 characters in all" in cut


def test_shorten_never_exceeds_its_limit():
    rng = random.Random(1)  # noqa: S311 - test data
    for _ in range(50):
        text = "".join(rng.choice("ab \n") for _ in range(40))
        assert len(shorten(text, 12)) <= 12


def test_clean_reaches_keys_lists_and_numbers():
    value = {"a\x00": ["\u202e", {"b": float("nan"), "c": 1.5, "d": None, "e": True}]}
    assert clean(value) == {"a␀": ["‹U+202E›", {"b": None, "c": 1.5, "d": None, "e": True}]}
