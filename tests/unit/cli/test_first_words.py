"""What someone sees who types `evalkit` alone, and `evalkit doctor` in a narrow window."""

import json

import pytest

from evalkit.cli.app import execute
from evalkit.cli.doctor import rows
from evalkit.jobs.doctor import Check

LONG = "/a/path/that/is/longer/than/any/line/and/stays/whole/so-that-it-can-be-copied/as-it-is/model.gguf"
CHECKS = (
    Check(what="bundled model", state="ok", told=f"smollm2-135m-instruct, sha256 b179c9523d0e…, {LONG}"),
    Check(what="local engine", state="missing", told="not installed; backend local needs it", mend="pip install x"),
    Check(what="plug-in a-very-long-name-of-one", state="warning", told="cannot be loaded", mend="one\ntwo"),
)


@pytest.mark.parametrize("arguments", [[], ["-q"], ["--no-color", "-v"]])
def test_no_verb_is_answered_with_the_help_and_is_no_success(arguments, capsys):
    assert execute(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err == ""
    first = [line.strip() for line in shown.out.splitlines() if line.strip()][:3]
    assert first[0].startswith("Usage: evalkit")
    assert first[2] == "Type this first: evalkit init my-suite && evalkit run my-suite"


def test_a_script_that_lost_its_verb_gets_a_document(capsys):
    assert execute(["--json"]) == 2
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2


def test_help_that_was_asked_for_is_a_success(capsys):
    assert execute(["--help"]) == 0
    assert "Usage: evalkit" in capsys.readouterr().out


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_a_doctors_words_are_never_cut(width):
    told = rows(CHECKS, width=width, has_color=False)
    words = [word for check in CHECKS for text in (check.told, check.mend or "") for word in text.split()]
    assert [word for word in words if word not in told.split()] == []
    assert [line for line in told.splitlines() if len(line) > width and " " in line.strip().removeprefix("→ ")] == []


def test_a_wide_window_has_two_columns_and_a_narrow_one_has_one():
    assert rows(CHECKS[1:2], width=80, has_color=False) == (
        "✖ local engine    not installed; backend local needs it\n                  → pip install x"
    )
    assert rows(CHECKS[1:2], width=30, has_color=False) == (
        "✖ local engine: not installed;\n  backend local needs it\n  → pip install x"
    )


def test_only_the_mark_is_coloured():
    told = rows(CHECKS[:1], width=80, has_color=True)
    assert told.startswith("\x1b[34m✔\x1b[0m bundled model")
    assert told.count("\x1b") == 2
