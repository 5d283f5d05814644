import numpy as np
import pytest
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from evalkit.stats.multiplicity import benjamini_hochberg, holm

# Benjamini & Hochberg 1995, section 3.2: fifteen p-values, of which Bonferroni rejects 3 and their procedure 4.
PUBLISHED = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
]  # fmt: skip


def test_the_example_of_benjamini_and_hochberg():
    assert int((benjamini_hochberg(PUBLISHED) <= 0.05).sum()) == 4
    assert int((holm(PUBLISHED) <= 0.05).sum()) == 3


@pytest.mark.parametrize("p", [PUBLISHED, PUBLISHED[::-1], [0.2], [0.5, 0.5, 0.01], [1.0, 1.0], []])
def test_agrees_with_statsmodels_and_scipy_in_any_order(p):
    if p:
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
        assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p))
    else:
        assert holm(p).size == benjamini_hochberg(p).size == 0


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p", [[-0.1], [1.1], [np.nan], [[0.1]]])
def test_what_is_no_p_value_is_refused(adjust, p):
    with pytest.raises(ValueError, match="from 0 to 1"):
        adjust(p)
