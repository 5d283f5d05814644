import pytest

from evalkit.report import demands, terminal

STATUSES = ("ship", "dont_ship", "inconclusive", "invalid", "error")


@pytest.mark.parametrize("status", STATUSES)
def test_the_last_line_is_the_verdict(documents, status):
    printed = terminal.summary(documents.make_verdict(status), color=False, width=100)
    last = printed.rstrip("\n").splitlines()[-1]
    words = {"ship": "✔ SHIP", "dont_ship": "✖ DON'T SHIP", "inconclusive": "? INCONCLUSIVE", "invalid": "! INVALID"}
    assert last.startswith(words.get(status, "⚡ ERROR"))
    has_figure = " points" in last
    assert ("for information only" in last) == (has_figure and status in {"invalid", "error"})


@pytest.mark.parametrize("width", [200, 80, 60])
def test_no_line_is_wider_than_eighty_columns(documents, width):
    printed = terminal.summary(documents.make_verdict("dont_ship"), color=False, width=width)
    assert max(map(len, printed.splitlines())) <= min(80, width)


def test_colour_is_asked_for_or_absent(documents, monkeypatch):
    verdict = documents.make_verdict("ship")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in terminal.summary(verdict, color=False, width=80)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" in terminal.summary(verdict, color=True, width=80)


def test_each_demand_shows_its_mark_and_its_line(documents):
    printed = terminal.summary(documents.make_verdict("dont_ship"), color=False, width=80)
    assert "suite.yaml" in printed
    for wanted in ("✖  gain, exact", ":41", "?  schema", "!  training data", "broken 38   fixed 46   same 214"):
        assert wanted in printed


def test_the_quiet_form_is_one_line_with_the_reasons(documents):
    line = terminal.line(documents.make_verdict("dont_ship"))
    assert "\n" not in line
    assert line.startswith("DON'T SHIP +2.7 points [−3.3, +8.7] on exact; ")
    assert "domain=film loses 12.8 points" in line


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("a" * 120, "a" * 120),
        ("b" * 115 + " cdefgh", "b" * 115 + " …"),
        ("b" * 114 + " cdef ghij", "b" * 114 + " …"),
        ("b" * 113 + " cdef ghij", "b" * 113 + " cdef …"),
        ("c" * 130, "c" * 118 + " …"),
        ("d" * 80 + " (was 3), and (see (this) one: evalkit judge calibrate --run now)", "d" * 80 + " (was 3), and …"),
        ("(" + "e " * 70 + ")", "(" + "e " * 58 + "e …"),
    ],
)  # fmt: skip
def test_a_long_reason_ends_at_a_words_end_and_not_within_brackets(documents, detail, shown):
    verdict = documents.make_verdict("dont_ship")
    verdict["reasons"] = [{"code": "X", "blocking": True, "detail": detail}]
    line = terminal.line(verdict)
    assert line.partition("; ")[2] == shown
    assert len(shown) <= terminal.MAX_REASON


def test_what_was_not_measured_claims_no_number(documents):
    assert terminal.line(documents.make_verdict("error")).startswith("ERROR; stopped after")


def test_foreign_texts_cannot_command_the_terminal(documents):
    verdict = documents.make_verdict("dont_ship")
    hostile = "\x1b[2J\x1b]0;owned\x07\x9b31m[bold]x[/bold] :warning:"
    verdict["suite"] = verdict["headline"] = hostile
    verdict["advice"] = [hostile]
    verdict["asked"][0]["label"] = verdict["asked"][1]["got"] = hostile
    verdict["metrics"][0]["metric"] = verdict["primary"]["metric"] = hostile
    verdict["suite_file"] = f"{hostile}/{hostile}.yaml"
    verdict["reasons"][0]["detail"] = hostile
    for printed in (terminal.summary(verdict, color=False, width=80), terminal.line(verdict)):
        assert not any((ord(c) < 0x20 and c != "\n") or 0x7F <= ord(c) < 0xA0 for c in printed)
        assert "owned" not in printed
        assert "[bold]x[/bold] :warning:" in printed


def test_an_empty_document_still_prints():
    assert terminal.summary({}, color=False, width=80).rstrip().endswith("NO VERDICT")


def test_the_bounds_of_the_gate_are_told_from_the_95_percent_intervals(documents):
    verdict = documents.make_verdict("dont_ship")
    printed = " ".join(terminal.summary(verdict, color=False, width=80).split())
    told = "the bounds the gate judges by, each one-sided at 95 %; for slices wider. In brackets: 95 % intervals."
    assert printed.count(told) == 1
    verdict["primary"]["alpha"] = 0.0025
    assert "each one-sided at 99.75 %" in " ".join(terminal.summary(verdict, color=False, width=80).split())


def test_nothing_is_said_of_bounds_where_there_are_none(documents):
    verdict = documents.make_verdict("ship")
    verdict["asked"] = [row for row in verdict["asked"] if "at worst" not in row["got"]]
    assert verdict["asked"]
    assert "At worst" not in terminal.summary(verdict, color=False, width=80)


def test_every_demand_reads_as_a_sentence(documents):
    rows = [f"{row.label} {row.asked}" for row in demands.asked_rows(documents.make_verdict("dont_ship"))]
    assert "schema loses at most 1 point" in rows
    assert "every slice loses at most 10 points" in rows
