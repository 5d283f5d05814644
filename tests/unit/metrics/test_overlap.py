from collections import Counter

import pytest

from evalkit.metrics.overlap import overlap
from evalkit.metrics.registry import build
from evalkit.types import MetricSpec, Sample


def value(answer, target, field=None, **options):
    metric = build(MetricSpec(name="m", type="token_f1", field=field, options=options), ())
    return metric.score(answer, Sample(id="1", fields={}, target=target))


@pytest.mark.parametrize(
    ("answer", "target", "expected"),
    [
        ("Denver Broncos", "The Denver Broncos!", 1.0),
        ("the Denver", "Denver Broncos", 2 / 3),
        ("no no no", "no yes", 2 / 5),
        ("x", ["y z", "x w", "q"], 2 / 3),
        ("x", "y", 0.0),
        ("the", "a", 1.0),
        ("word", "the", 0.0),
        ("42", 42, 1.0),
    ],
)
def test_words_in_common(answer, target, expected):
    assert value(answer, target).value == pytest.approx(expected)


def test_an_empty_answer_is_wrong_and_not_answered_unless_nothing_is_wanted():
    assert (value("", "x").value, value("", "x").is_answered) == (0.0, False)
    assert (value("", "").value, value("", "").is_answered) == (1.0, True)


def test_a_field_is_compared_inside_the_parsed_answer():
    assert value('{"s": "red fox"}', "a red fox", field="s").value == 1.0
    assert not value("red fox", "a red fox", field="s").is_answered
    assert value('{"s": 7}', 7, field="s").value == 1.0


def test_other_normalisers_replace_squads():
    assert value("The fox", "fox", normalize=[]).value == pytest.approx(2 / 3)


def test_symmetry():
    a, b = ["a", "b", "b", "c"], ["b", "c", "d"]
    a, b = Counter(a), Counter(b)
    assert overlap(a, b) == overlap(b, a) == pytest.approx(4 / 7)
