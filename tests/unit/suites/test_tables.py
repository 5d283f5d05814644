"""Tables of one column, and tables that only look like one."""

import pytest

from evalkit.errors import UsageError
from evalkit.suites.records import read_rows


def write(folder, name, content):
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content", "line", "mark"),
    [
        ("d.csv", "a;b\n1;2\n", 1, ";"),
        ("d.csv", "\ufeff\na;b\n\n1,5;2,5\n", 2, ";"),
        ("d.csv", 'a;b\n"1; 2";"3"\n', 1, ";"),
        ("d.csv", "a|b;c\n1;2\n", 1, ";"),
        ("d.csv", "a\tb\n1\t2\n", 1, "\t"),
        ("d.tsv", "a,b\n1,2\n", 1, ","),
    ],
)
def test_columns_that_stand_apart_by_another_sign_are_told(tmp_path, name, content, line, mark):
    with pytest.raises(UsageError) as told:
        list(read_rows(write(tmp_path, name, content)))
    assert f"{name}:{line}: the columns stand apart by {mark!r}" in str(told.value)


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("d.tsv", "text, or code\nHello\nx, y\n", [{"text, or code": "Hello"}, {"text, or code": "x, y"}]),
        ("d.csv", '"q;a"\n1;2\n', [{"q;a": "1;2"}]),
        ("d.csv", '"q;a"\r\n\r\n"1;2"\r\n', [{"q;a": "1;2"}]),
        ("d.csv", "prompt|v2\nred\n", [{"prompt|v2": "red"}]),
        ("d.csv", 'q; a\n"1; 2"\n', [{"q; a": "1; 2"}]),
        ("d.csv", "prompt|v2", []),
    ],
)
def test_one_column_may_be_called_anything(tmp_path, name, content, rows):
    assert [dict(row.fields) for row in read_rows(write(tmp_path, name, content))] == rows
