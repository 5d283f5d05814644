import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.metrics.registry import build
from evalkit.metrics.sql import tokens
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Unscored

METRIC = build(MetricSpec(name="m", type="sql"), ())


def sample(target):
    return Sample(id="1", fields={}, target=target)


class TestSqlKeepsTheContract(MetricContract):
    @pytest.fixture
    def metric(self):
        return METRIC

    @pytest.fixture
    def sample(self):
        return sample("SELECT 1")


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ("select a,b from t", "SELECT a, b\nFROM t;"),
        ("SELECT * FROM T WHERE x<>1", "select * from t where x != 1 ;;"),
        ('SELECT "name" FROM `users`', "SELECT name FROM users"),
        ("SELECT [name] FROM t", "SELECT name FROM t"),
        ("SELECT a -- the column\nFROM t /* all */", "SELECT a FROM t"),
        ("Here:\n```sql\nSELECT 1\n```\nDone.", "SELECT 1"),
        ("SELECT 1", ["SELECT 2", "select 1"]),
        ("SELECT count( * )", "SELECT COUNT(*)"),
    ],
)
def test_these_are_one_query(answer, target):
    assert METRIC.score(answer, sample(target)).value == 1.0


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ("SELECT 'A'", "SELECT 'a'"),
        ("SELECT 'a  b'", "SELECT 'a b'"),
        ("SELECT '--a'", "SELECT '"),
        ('SELECT "Name"', "SELECT name"),
        ('SELECT "a b"', "SELECT a b"),
        ("SELECT ab", "SELECT a b"),
        ("SELECT a[1]", "SELECT a"),
        ("SELECT 1.0", "SELECT 1"),
        ("SELECT 1; DROP TABLE t", "SELECT 1"),
        ("SELECT b, a FROM t", "SELECT a, b FROM t"),
    ],
)
def test_these_are_two(answer, target):
    assert METRIC.score(answer, sample(target)).value == 0.0


def test_silence_and_missing_targets():
    for answer in ("", " ", "-- nothing", ";"):
        found = METRIC.score(answer, sample("SELECT 1"))
        assert (found.value, found.is_answered) == (0.0, False)
    assert METRIC.score("x", sample(None)) == Unscored(metric="m", why="no_target")
    assert METRIC.score("x", sample("-- x")) == Unscored(metric="m", why="empty_target")
    assert METRIC.score("x" * 1_000_001, sample("x")) == Unscored(metric="m", why="too_long")


@given(st.text(st.characters(codec=None, categories=None) | st.sampled_from("'\"`[]-/*;a1. \n")))
def test_reading_is_total_and_stable(text):
    found = tokens(text)
    if "```" not in text and not any(token[0] in "'\"" for token in found):
        assert tokens(" ".join(found)) == tokens(text) or "-" in found or "/" in found or "." in found


@pytest.mark.parametrize("unit", ["'", '"', "/*", "--", "(", "a ", "[", "`", "''", "1.", "* /", "```"])
def test_half_a_megabyte_takes_linear_time(unit):
    started = time.thread_time()
    tokens(unit * (500_000 // len(unit)))
    assert time.thread_time() - started < 8.0


@pytest.mark.parametrize(
    ("answer", "target", "is_one", "is_one_by_key"),
    [
        ("SELECT COUNT(1) FROM t", "SELECT COUNT(*) FROM t", True, True),
        ('select count("id") from t', "SELECT COUNT(*) FROM t", False, True),
        ("SELECT a, COUNT(ID) FROM t GROUP BY a", "SELECT a, COUNT(*) FROM t GROUP BY a", False, True),
        ("SELECT COUNT(*) FROM t", "SELECT COUNT(Id) FROM t", False, True),
        ("SELECT COUNT(name) FROM t", "SELECT COUNT(*) FROM t", False, False),
        ("SELECT COUNT(DISTINCT id) FROM t", "SELECT COUNT(*) FROM t", False, False),
        ("SELECT SUM(id) FROM t", "SELECT SUM(*) FROM t", False, False),
        ("SELECT COUNT('id') FROM t", "SELECT COUNT(*) FROM t", False, False),
        ("SELECT COUNT(id) FROM t LEFT JOIN u", "SELECT COUNT(*) FROM t LEFT JOIN u", False, False),
        ("SELECT COUNT(id) FROM (SELECT id FROM t)", "SELECT COUNT(*) FROM (SELECT id FROM t)", False, False),
        ("SELECT COUNT(", "SELECT COUNT(*)", False, False),
    ],
)
def test_a_count_of_what_is_never_null_is_a_count_of_rows(answer, target, is_one, is_one_by_key):
    by_key = build(MetricSpec(name="m", type="sql", options={"never_null": ["ID"]}), ())
    assert METRIC.score(answer, sample(target)).value == is_one
    assert by_key.score(answer, sample(target)).value == is_one_by_key
