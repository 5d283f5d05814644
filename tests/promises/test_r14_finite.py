"""NaN and infinity never become a score, a count, a fingerprint or a line of a file."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.fingerprint import canonical_bytes
from evalkit.store.codec import encode
from evalkit.types import Response, Scored

NOT_SHARES = st.floats().filter(lambda x: not (math.isfinite(x) and 0.0 <= x <= 1.0))
NOT_FINITE = st.sampled_from([math.nan, math.inf, -math.inf])


@given(NOT_SHARES)
def test_a_score_is_a_finite_share(value):
    with pytest.raises(ValueError, match="share of full marks"):
        Scored(metric="m", value=value)


@given(NOT_FINITE)
def test_counts_are_finite(value):
    with pytest.raises(ValueError, match="finite"):
        Scored(metric="m", value=1.0, counts=(1.0, value))


@given(NOT_FINITE)
def test_fingerprints_and_journal_refuse_them(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_bytes({"x": value})
    with pytest.raises(ValueError, match="is no time"):
        encode(Response(text="x", finish="stop", latency_s=value))


@given(st.floats(0.0, 1.0))
def test_every_finite_share_passes(value):
    assert Scored(metric="m", value=value).value == value
    assert json.loads(canonical_bytes([value])) == [value]
