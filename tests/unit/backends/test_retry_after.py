from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.http.retry_after import asked_pause_s

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC).timestamp()
IN_90_S = "Sun, 22 Nov 2026 12:01:30 GMT"

FORMS = [
    ({}, None),
    ({"retry-after": "2"}, 2.0),
    ({"retry-after": "0"}, 0.0),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": " 3 "}, 3.0),
    ({"retry-after": "2s"}, 2.0),
    ({"retry-after": "1m30s"}, 90.0),
    ({"retry-after": "250ms"}, 0.25),
    ({"retry-after": IN_90_S}, 90.0),
    ({"retry-after": "Sunday, 22-Nov-26 12:01:30 GMT"}, 90.0),
    ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
    ({"retry-after": IN_90_S, "date": "Sun, 22 Nov 2026 12:01:20 GMT"}, 10.0),
    ({"retry-after": "2026-11-22T12:00:45Z"}, 45.0),
    ({"retry-after": str(int(NOW) + 20)}, 20.0),
    ({"retry-after": "soon"}, None),
    ({"retry-after": ""}, None),
    ({"retry-after": "-5"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after-ms": "1500"}, 1.5),
    ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
    ({"retry-after-ms": "?", "retry-after": "2"}, 2.0),
    ({"x-ratelimit-reset-requests": "1s"}, 1.0),
    ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
    ({"x-ratelimit-reset-requests": "120ms"}, 0.12),
    ({"x-ratelimit-reset-requests": "1h2m3s"}, 3723.0),
    ({"x-ratelimit-reset-requests": "1d"}, 86_400.0),
    ({"x-ratelimit-reset-tokens": "8.64s"}, 8.64),
    ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 1.0),
    (
        {
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-remaining-requests": "7",
            "x-ratelimit-reset-tokens": "6m0s",
            "x-ratelimit-remaining-tokens": "0",
        },
        360.0,
    ),
    ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "7"}, None),
    ({"x-ratelimit-reset": "12"}, 12.0),
    ({"x-ratelimit-reset": str(NOW + 30)}, 30.0),
    ({"anthropic-ratelimit-requests-reset": "2026-11-22T12:00:30Z"}, 30.0),
    (
        {
            "anthropic-ratelimit-input-tokens-reset": "2026-11-22T12:00:50+00:00",
            "anthropic-ratelimit-input-tokens-remaining": "0",
        },
        50.0,
    ),
    ({"retry-after": "5", "x-ratelimit-reset-requests": "1s"}, 5.0),
]


@pytest.mark.parametrize(("headers", "expected"), FORMS, ids=[str(headers) for headers, _ in FORMS])
def test_form(headers, expected):
    assert asked_pause_s(headers, now=NOW) == pytest.approx(expected, abs=1e-6)


@given(
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset-requests", "date"]), st.text())
)
def test_any_header_gives_a_pause_or_nothing(headers):
    pause = asked_pause_s(headers, now=NOW)
    assert pause is None or 0.0 <= pause < float("inf")
