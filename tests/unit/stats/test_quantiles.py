"""Quantiles are numpy's to the last bit, whatever the values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from evalkit.stats.quantiles import quantiles

ROWS = arrays(
    np.float64, array_shapes(min_dims=1, max_dims=3, max_side=40), elements=st.floats(-1e9, 1e9, allow_nan=False)
)
SHARES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4)


@given(values=ROWS, shares=SHARES)
def test_they_are_those_of_numpy(values, shares):
    expected = np.moveaxis(np.quantile(values, shares, axis=-1), 0, -1)

    np.testing.assert_array_equal(quantiles(values, shares), expected)


def test_the_values_are_left_as_they_were():
    values = np.array([3.0, 1.0, 2.0])

    assert quantiles(values, (0.0, 0.5, 1.0)).tolist() == [1.0, 2.0, 3.0]
    assert values.tolist() == [3.0, 1.0, 2.0]


def test_without_values_there_is_no_quantile():
    with pytest.raises(IndexError):
        quantiles(np.array([]), (0.5,))
