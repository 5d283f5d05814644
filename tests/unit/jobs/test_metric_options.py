"""Every option of every metric that cannot be acted on is told at once, at its place in suite.yaml."""

from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.jobs.running.run import load_all

F1 = "  - {name: intent_f1, type: f1, average: macro, field: intent}"


def mistakes(folder, metrics, *overrides):
    folder.edit(F1, F1 + "\n" + metrics)
    with pytest.raises(UsageError) as caught:
        load_all(Path("suite.yaml"), overrides=overrides)
    return caught.value.diagnostics


def underlined(found):
    return found.source[found.column - 1 : found.column - 1 + found.width]


def test_two_options_of_one_metric_and_one_of_another(folder):
    found = mistakes(
        folder,
        "  - {name: exact, type: exact_match, normalize: casefld, extract: fnced}\n"
        "  - {name: short, type: length, max: -3}",
    )
    assert {(each.path, each.line, underlined(each)) for each in found} == {
        ("suite.yaml", 16, "casefld"),
        ("suite.yaml", 16, "fnced"),
        ("suite.yaml", 17, "-3"),
    }
    assert len(found) == len(set(found))


def test_all_unknown_normalisers_are_named(folder):
    (found,) = mistakes(folder, "  - {name: exact, type: exact_match, normalize: [casefld, strip, strp]}")
    assert found.message == "metric 'exact', normalize: no normaliser is called 'casefld' or 'strp'"
    assert found.help.startswith("there are nfkc, casefold, strip")


def test_one_unknown_normaliser_is_mended(folder):
    (found,) = mistakes(folder, "  - {name: exact, type: exact_match, normalize: [casefld]}")
    assert found.help == "did you mean 'casefold'?"


def test_what_follows_only_from_leaving_an_option_out_is_not_told(folder):
    (found,) = mistakes(folder, "  - {name: form, type: regex, pattern: '(?=a)'}")
    assert found.message.startswith("metric 'form', pattern: ")
    assert underlined(found) == "'(?=a)'"


def test_the_metric_as_a_whole_is_shown_at_its_entry(folder):
    (found,) = mistakes(folder, "  - {name: short, type: length}")
    assert (found.line, found.column) == (16, 5)
    assert "neither `min` nor `max`" in found.message


def test_a_value_of_the_command_line_is_told_as_such(folder):
    metrics = "metrics=[{name: exact, type: exact_match, normalize: casefld}]"
    (found,) = mistakes(folder, "", metrics, "gate.primary.metric=exact", "gate.guards=[]")
    assert str(found.where).startswith("--set metrics=")
