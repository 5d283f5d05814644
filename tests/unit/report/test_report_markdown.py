import re

import pytest

from evalkit.report.markdown import MAX_CHARS, inert, render_markdown
from evalkit.report.tiles import tiles

ALERTS = {"ship": "TIP", "dont_ship": "CAUTION", "inconclusive": "WARNING", "invalid": "CAUTION", "error": "CAUTION"}


@pytest.mark.parametrize(("status", "alert"), ALERTS.items())
def test_it_opens_with_an_alert_of_the_right_weight(documents, status, alert):
    lines = render_markdown(documents.make_verdict(status)).splitlines()
    assert lines[0] == f"> [!{alert}]"
    assert lines[1].startswith("> **")


def test_gate_plot_and_flips_are_there(dont_ship):
    verdict, rows, _ = dont_ship
    told = render_markdown(verdict, rows)
    assert "| **✖ not met** | gain, exact |" in told
    assert re.search(r"```text\n.*│.*●.*\n```", told, re.DOTALL)
    assert told.count("<details>") == told.count("</details>") == 1
    assert told.rstrip().endswith("<!-- evalkit:review-triage -->")


def test_numbers_stay_as_they_are_written(dont_ship):
    verdict = dont_ship[0] | {"headline": "+2.7 points [−3.3, +8.7] of 1,000 (p = 0.04)"}
    assert "+2.7 points [−3.3, +8.7] of 1,000 (p = 0.04)" in render_markdown(verdict)


@pytest.mark.parametrize(
    ("hostile", "gone"),
    [
        ("@octocat", "@octocat"),
        ("see #12", "#12"),
        ("a | b", " | "),
        ("`code`", "`"),
        ("*b* _i_ ~s~", "*"),
        ("<details>", "<details"),
        ("![x](https://e.example/i.png)", "](http"),
        ("[x][y]", "]["),
        ("[x]: https://e.example", "]:"),
        ("https://e.example", "://"),
        ("www.e.example", "www."),
        ("two\n\n# lines", "\n"),
        ("- item", "- "),
        ("1. item", "1. "),
        ("[ ] task", "[ ]"),
        ("&lt;b&gt;", "&lt;b"),
        ("$x$", "$"),
    ],
)
def test_hostile_text_is_inert(hostile, gone):
    assert gone not in inert(hostile)


def test_it_never_exceeds_what_github_takes(documents):
    verdict, rows, _ = documents.make_documents("dont_ship", n=60)
    verdict["asked"] = [{**verdict["asked"][0], "label": "|" * 5000, "got": "@" * 5000}] * 90
    verdict["warnings"] = ["<" * 5000] * 90
    told = render_markdown(verdict, rows)
    assert len(told) <= MAX_CHARS
    assert told.startswith("> [!CAUTION]")
    assert told.count("<details>") == told.count("</details>") == 1
    assert re.search(r"\d+ more rows in report.html", told)
    assert "```text" in told


def test_a_name_with_a_fence_cannot_leave_the_plot(dont_ship):
    verdict = dont_ship[0]
    verdict["metrics"][0]["metric"] = "x\n```\n<b>"
    assert render_markdown(verdict).count("```") == 2


def test_without_samples_there_is_no_empty_box(dont_ship):
    assert "<details>" not in render_markdown(dont_ship[0])


def test_a_run_of_one_sample_is_told_in_the_singular(dont_ship):
    verdict, rows, _ = dont_ship
    flipped = next(row for row in rows if row["flip"] == "broken")
    told = render_markdown(verdict, [flipped])
    assert "The first flipped sample<" in told
    assert flips_tile(verdict | {"flips": {"broken": 1, "fixed": 0}}).sub == "of 1 sample"
    assert flips_tile(verdict | {"flips": {"broken": 1, "fixed": 1}}).sub == "of 2 samples"


def flips_tile(verdict):
    return next(tile for tile in tiles(verdict) if tile.label == "Broken / fixed")
