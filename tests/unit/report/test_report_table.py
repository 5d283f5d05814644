import csv
import io

from evalkit.report.table import render_csv, sample_columns


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_one_line_a_sample_with_every_score(ship):
    verdict, rows, _ = ship
    found = read(render_csv(verdict, rows))
    assert [line["id"] for line in found] == [row["id"] for row in rows]
    assert found[0]["domain"] == rows[0]["slices"]["domain"]
    assert float(found[0]["exact_candidate"]) == rows[0]["scores"]["exact"]["candidate"]


def test_missing_is_an_empty_cell_with_a_reason(ship):
    verdict, rows, _ = ship
    line = read(render_csv(verdict, rows))[17]
    assert (line["exact_baseline"], line["exact_baseline_why"]) == ("", "failed")
    assert line["baseline_latency_s"] == ""


def test_a_slice_named_like_a_column_of_ours_keeps_a_column_of_its_own(ship):
    verdict, rows, _ = ship
    for row in rows:
        row["slices"]["target"] = "short"
    found = read(render_csv(verdict, rows))
    assert {line["slice_target"] for line in found} == {"short"}
    assert found[0]["target"] != "short"
    assert sample_columns(verdict, rows)["slice_target"][1] == ["short"] * len(rows)


def test_formulas_are_defused_and_numbers_are_not(ship):
    verdict, rows, _ = ship
    rows[0]["candidate"]["text"] = "=HYPERLINK(1)"
    rows[0]["input"] = "-1+1"
    line = read(render_csv(verdict, rows))[0]
    assert line["candidate_text"] == "'=HYPERLINK(1)"
    assert line["input"] == "'-1+1"
    assert line["candidate_latency_s"] == str(rows[0]["candidate"]["latency_s"])


def test_it_encodes_whatever_the_model_wrote(ship):
    verdict, rows, _ = ship
    rows[0]["candidate"]["text"] = "\ud800\x00"
    assert read(render_csv(verdict, rows).encode("utf-8").decode("utf-8"))[0]["candidate_text"] == "‹U+D800›␀"
