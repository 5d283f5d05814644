"""Groups and times as files write them: empty cells, whole numbers as floats, milliseconds as text."""

import pytest

from evalkit.hygiene.leakage import LeakageScan, moment
from evalkit.types import Sample


def leaks(samples, rows):
    scan = LeakageScan([Sample(id=str(i), fields=fields) for i, fields in enumerate(samples)], ("user",), None)
    for i, fields in enumerate(rows):
        scan.take(f"t:{i}", fields)
    return scan.finished()


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_an_empty_cell_is_no_group(empty):
    assert leaks([{"user": empty}, {"user": "a"}], [{"user": empty}, {"user": "b"}]).groups == ()


def test_a_whole_number_is_the_same_user_in_every_format():
    assert leaks([{"user": 7}], [{"user": 7.0}]).samples == {"0"}
    assert leaks([{"user": "7"}], [{"user": 7}]).samples == {"0"}


def test_a_key_that_no_sample_has_is_told():
    found = leaks([{"text": "a"}], [{"user": "b"}])
    assert (found.absent, found.unheld) == ((), ("user",))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1712120112345", "2024-04-03T04:55:12.345000+00:00"),  # ISO 8601 would read a day of the year 1712
        ("1767225600", "2026-01-01T00:00:00+00:00"),
        ("20260131", "2026-01-31T00:00:00+00:00"),
        (" 2026-01-31 ", "2026-01-31T00:00:00+00:00"),
    ],
)
def test_times_as_text(written, read):
    assert moment(written).isoformat() == read


@pytest.mark.parametrize("written", ["²", "9" * 400, "soon", "", ".", True])
def test_what_is_no_time_is_none(written):
    assert moment(written) is None
