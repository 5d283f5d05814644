"""What a message shows of a line: the caret stands under the character it means, however long or wide the line is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from evalkit.errors import Diagnostic
from evalkit.suites.excerpt import LEAD, MAX_MASKED, MAX_SHOWN, with_line

TEXT = st.text(st.sampled_from("ab \t漢é字…"), max_size=700)


def shown(text, column, width=1):
    return with_line(Diagnostic(message="bad", path="x", line=1, column=column, width=width), text)


@given(TEXT, st.integers(1, 700))
def test_the_caret_stands_under_the_character_it_means(text, column):
    marked = f"{text[: column - 1]}X{text[column - 1 :]}"
    found = shown(marked, min(column, len(text) + 1))
    head, mark, _ = found.source.partition("X")
    assert mark
    assert cell_len(head) == found.indent
    assert len(found.source) <= MAX_SHOWN + 2
    place, _, line, carets = found.render().split("\n")
    assert line == f"  1 | {found.source}"
    assert len(carets) - len("    | ") == found.indent + 1
    assert place.startswith(f"x:1:{min(column, len(text) + 1)}:")


def test_both_ends_of_a_long_line_are_marked():
    found = shown("a" * 1000 + "key: 1" + "b" * 1000, 1001, 3)
    assert found.source.startswith("…a")
    assert found.source.endswith("b…")
    assert found.source[found.indent :][:3] == "key"
    assert found.indent == LEAD + 1


def test_a_short_line_is_shown_whole():
    assert shown("a: b  ", 4).source == "a: b"


def test_the_underline_of_wide_characters_is_as_wide_as_they_are():
    found = shown("名前: 漢字", 5, 2)
    assert (found.indent, found.width) == (6, 4)


def test_a_secret_whose_name_is_cut_off_is_starred_all_the_same():
    found = shown("api_key: " + "s3cr3t" * 100, 500)
    assert "s3cr3t" not in found.source
    assert "***" in found.source


@pytest.mark.parametrize(("text", "column"), [(None, 1), ("abc", None), ("a" * MAX_MASKED, MAX_MASKED + 1)])
def test_no_line_is_shown_where_it_would_not_help_or_would_take_long(text, column):
    assert shown(text, column).source is None
