"""One mistake on many lines of a data file is told once, with its lines, and hides no other."""

import pytest

from evalkit.errors import UsageError
from evalkit.suites.diagnostics import MAX_ALIKE, MAX_SHOWN, Problems
from evalkit.suites.records.read import read_rows


def told(problems):
    return [f"{found.where}: {found.message}" for found in problems.all()]


def test_the_first_are_shown_and_the_others_by_their_lines():
    problems = Problems("rows.jsonl")
    for line in range(1, 101):
        problems.add(line, "no output")
    assert told(problems) == [
        *(f"rows.jsonl:{line}: no output" for line in range(1, MAX_ALIKE + 1)),
        "rows.jsonl: the same in 97 more lines: 4, 5, 6, 7, 8, 9, 10, 11 …",
    ]


def test_as_many_as_are_shown_need_no_further_line():
    problems = Problems("rows.jsonl")
    for line in range(1, MAX_ALIKE + 1):
        problems.add(line, "no output")
    assert len(told(problems)) == MAX_ALIKE


def test_another_mistake_below_is_told_as_well():
    problems = Problems("rows.jsonl")
    for line in range(1, 51):
        problems.add(line, "no output")
    problems.add(51, "no id")
    assert told(problems)[-2:] == [
        "rows.jsonl: the same in 47 more lines: 4, 5, 6, 7, 8, 9, 10, 11 …",
        "rows.jsonl:51: no id",
    ]


def test_one_message_with_two_mends_is_two_mistakes():
    problems = Problems("rows.jsonl")
    for line in range(1, MAX_ALIKE + 2):
        problems.add(line, "no output", fix="one")
    problems.add(9, "no output", fix="two")
    assert told(problems)[-2:] == ["rows.jsonl: the same in 1 more line: 4", "rows.jsonl:9: no output"]


def test_mistakes_stand_in_the_order_of_the_file():
    problems = Problems("rows.jsonl")
    problems.add(61, "this is not JSON")
    problems.add(4, "the id is given twice")
    assert [found.line for found in problems.all()] == [4, 61]


def test_mistakes_of_their_own_are_counted_from_the_twentieth_on():
    problems = Problems("rows.jsonl")
    for line in range(1, 41):
        problems.add(line, f"the id {line} is given twice")
    problems.add(41, "no output")
    assert len(told(problems)) == MAX_SHOWN + 1
    assert told(problems)[-1] == "rows.jsonl: … and 21 more"


def test_rows_of_a_table_without_lines_are_named_as_rows():
    problems = Problems("rows.parquet", is_by_row=True)
    for row in range(1, 6):
        problems.add(row, "no output")
    assert told(problems)[-2:] == ["rows.parquet:row 3: no output", "rows.parquet: the same in 2 more rows: 4, 5"]


def test_who_reads_row_by_row_is_told_of_every_one(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a"\n' * 30)
    seen = []
    assert list(read_rows(file, on_bad=seen.append)) == []
    assert [found.line for found in seen] == list(range(1, 31))


def test_a_row_that_is_bad_raises_at_its_line(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n{"a"\n')
    with pytest.raises(UsageError, match=r"rows.jsonl:2:5: this is not JSON"):
        list(read_rows(file))


def test_a_mistake_known_already_is_no_further_one_when_the_list_is_full():
    problems = Problems("rows.jsonl")
    for line in range(1, MAX_ALIKE + 1):
        problems.add(line, "no output")
    for line in range(MAX_ALIKE + 1, MAX_SHOWN + 1):
        problems.add(line, f"the id {line} is given twice")
    problems.add(MAX_SHOWN + 1, "no output")
    assert "rows.jsonl: the same in 1 more line: 21" in told(problems)
    assert len(told(problems)) == MAX_SHOWN + 1
