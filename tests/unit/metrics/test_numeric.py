import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.metrics.numeric import Parse
from evalkit.metrics.registry import build
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Unscored


def make(field=None, **options):
    return build(MetricSpec(name="m", type="numeric", field=field, options=options), ())


def sample(target):
    return Sample(id="1", fields={}, target=target)


def value(metric, answer, target):
    return metric.score(answer, sample(target)).value


class TestNumericKeepsTheContract(MetricContract):
    @pytest.fixture(params=["only", "first", "last"])
    def metric(self, request):
        return make(take=request.param)

    @pytest.fixture
    def sample(self):
        return sample(3)


def test_a_megabyte_of_groups_is_looked_at_once():
    assert make().parse.number("111 " * 250_000 + "1111") is None


def test_a_list_accepts_each_of_its_numbers():
    metric = make(abs_tol=0.5)
    assert [value(metric, answer, [5, "6 %", "1,000"]) for answer in ("5.5", "6", "1000", "7")] == [1.0, 1.0, 1.0, 0.0]
    assert metric.score("6", sample([5, "6"])).evidence == {"gold": 6.0, "predicted": 6.0}
    assert metric.score("9", sample([5, "6"])).evidence == {"gold": 5.0, "predicted": 9.0}


@pytest.mark.parametrize(
    ("answer", "options", "expected"),
    [
        ("42", {}, 42),
        (" -1,234.50 ", {}, -1234.5),
        ("+3", {}, 3),
        ("\u22123", {}, -3),
        (".5", {}, 0.5),
        ("1e3", {}, 1000),
        ("$1,200", {}, 1200),
        ("-$5", {}, -5),
        ("$-5", {}, -5),
        ("12 €", {}, 12),
        ("5%", {}, 5),
        ("5 %", {"percent": "share"}, 0.05),
        ("3 km", {"units": "km"}, 3),
        ("3 KM.", {"units": ["m", "km"]}, 3),
        ("3 miles", {"units": "km"}, None),
        ("about 3", {}, None),
        ("3 or 4", {}, None),
        ("three", {}, None),
        ("1,23", {}, None),
        ("1.2.3", {}, None),
        ("1.2.3", {"take": "first"}, None),
        ("1e999", {}, None),
        ("NaN", {}, None),
        ("inf", {}, None),
        ("x2", {"take": "first"}, None),
        ("1.234,5", {"decimal": ","}, 1234.5),
        ("1,5", {"decimal": ","}, 1.5),
        ("so 3 + 4 = 7.", {"take": "last"}, 7),
        ("so 3 + 4 = 7.", {"take": "first"}, 3),
        ("5-3", {"take": "last"}, 3),
        ("(2, 3)", {"take": "first"}, 2),
        ("٣", {}, 3),
        ("1 234 567,5", {"decimal": ","}, 1234567.5),
        ("1\u202f234", {}, 1234),
        ("CHF 1'234.50 or so", {"take": "first"}, 1234.5),
        ("in all −12\u00a0345 €", {"take": "last"}, -12345),
        ("12 345 km", {"units": "km"}, 12345),
        ("room 12 345", {"take": "last"}, 345),
        ("1234 567", {}, None),
        ("1 2345", {}, None),
        ("1'234 567", {}, None),
        ("3 4 567", {}, None),
        ("007 123", {}, None),
        ("007 123", {"take": "last"}, 123),
        ("9" * 400, {}, None),
    ],
)
def test_what_number_a_text_states(answer, options, expected):
    assert make(**options).parse.number(answer) == expected


def test_a_tolerance_is_the_larger_of_the_two():
    assert value(make(), "3", 3) == 1.0
    assert value(make(), "3.01", 3) == 0.0
    assert value(make(abs_tol=0.01), "3.01", 3) == 1.0
    assert value(make(abs_tol=0.01), "3.011", 3) == 0.0
    assert value(make(rel_tol=0.01), "101", 100) == 1.0
    assert value(make(rel_tol=0.01), "99", 100) == 1.0
    assert value(make(rel_tol=0.01, abs_tol=2), "102", 100) == 1.0
    assert value(make(rel_tol=0.01), "102", 100) == 0.0
    assert value(make(), "0.30000000000000004", 0.3) == 1.0


def test_targets_are_numbers_or_texts_that_state_one():
    assert value(make(), "1200", "1,200") == 1.0
    assert value(make(take="last"), "x 1200", "$1,200") == 1.0
    for target in ("about 12", "", True, [], [1, "x"], [True], {"a": 1}, 10**400):
        assert make().score("1", sample(target)) == Unscored(metric="m", why="target_is_no_number")
    assert make().score("1", sample(None)) == Unscored(metric="m", why="no_target")


def test_a_target_is_read_as_the_answers_are():
    assert value(make(), "1 234", "1 234") == 1.0
    for take in ("first", "last"):
        assert make(take=take).score("1 234", sample("1 234")) == Unscored(metric="m", why="target_is_no_number")
        assert value(make(take=take), "it is 1\u00a0234", "1\u00a0234") == value(make(take=take), "1'234", 1234) == 1.0


@pytest.mark.parametrize("answer", ["", "none", "3 or 4", "\ud800"])
def test_no_number_is_wrong_and_not_answered(answer):
    found = make().score(answer, sample(3))
    assert (found.value, found.is_answered) == (0.0, False)
    assert found.evidence["unreadable"]


def test_the_evidence_has_both_numbers():
    assert make(field="a").score('{"a": "4"}', sample(3)).evidence == {"gold": 3.0, "predicted": 4.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"abs_tol": -1}, "abs_tol: -1 is not at least 0"),
        ({"rel_tol": "1%"}, "rel_tol: a number is wanted"),
        ({"decimal": ";"}, "decimal: ';' is not one of"),
        ({"units": ["km", " "]}, "units: an empty unit"),
        ({"take": "all"}, "take: 'all' is not one of only, first, last"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        make(**options)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_float_is_read_as_it_is_written(number):
    assert Parse(take="only").number(repr(number)) == number
    assert Parse(take="last").number(f"it is {number!r} now") == number


@given(st.integers(-(10**15), 10**15))
def test_thousands_separators_change_nothing(number):
    assert Parse(take="only").number(f"{number:,}") == number
    assert Parse(take="only", decimal=",").number(f"{number:,}".replace(",", ".")) == number


@given(st.text(st.characters(codec=None, categories=None) | st.sampled_from("0123456789.,-+eE%$ ")))
def test_reading_a_number_is_total(text):
    for take in ("only", "first", "last"):
        for decimal in (".", ","):
            found = Parse(take=take, decimal=decimal).number(text)
            assert found is None or math.isfinite(found)
