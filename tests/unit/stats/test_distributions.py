import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from evalkit.stats.distributions import beta_quantile, t_cdf, t_quantile
from evalkit.stats.incomplete_beta import beta_cdf

CLOSE = 1e-8
"""Relative; the gate rounds points to 1e-9."""
FREEDOM = (1.0, 1.5, 2.0, 3.0, 9.0, 29.0, 99.0, 199.3, 1_999.0, 9_999.0, 1e6)
SHARES = (1e-6, 1e-4, 0.001, 0.025, 0.05, 0.3, 0.4999, 0.5001, 0.75, 0.95, 0.975, 0.9999)


@pytest.mark.parametrize("df", FREEDOM)
def test_students_t_agrees_with_scipy(df):
    for p in SHARES:
        assert t_quantile(p, df) == pytest.approx(float(special.stdtrit(df, p)), rel=CLOSE)
    for t in (-40.0, -8.0, -1.96, -1e-4, 0.0, 0.3, 2.5, 9.0):
        assert t_cdf(t, df) == pytest.approx(float(special.stdtr(df, t)), rel=CLOSE)


@given(st.floats(0.0005, 0.9995), st.floats(math.log(0.5), math.log(1e5)), st.floats(math.log(0.5), math.log(1e5)))
def test_the_beta_distribution_agrees_with_scipy(p, log_a, log_b):
    a, b = math.exp(log_a), math.exp(log_b)
    x = beta_quantile(p, a, b)
    assert x == pytest.approx(float(special.betaincinv(a, b, p)), rel=CLOSE)
    assert beta_cdf(x, a, b) == pytest.approx(float(special.betainc(a, b, x)), rel=CLOSE)


def test_the_ends_of_the_beta_distribution():
    assert [beta_cdf(x, 2.0, 3.0) for x in (-0.1, 0.0, 1.0, 1.1)] == [0.0, 0.0, 1.0, 1.0]
    assert [beta_quantile(p, 2.0, 3.0) for p in (0.0, 1.0)] == [0.0, 1.0]
