"""Where the spread of scores comes from when each sample was asked several times: samples, or repeats of one."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

_ROUNDING = 1e-24
"""A variance below this is left by rounding: scores are shares of 1."""


class Components(Struct, frozen=True, kw_only=True):
    """The two variances of the one-way random-effects model, in squared units of the scores."""

    between: float
    """Of the samples' true means; an estimate below 0 counts as 0."""
    within: float
    """Of repeats of one sample around its mean."""
    repeats: float
    """Repeats a sample has, averaged as the model asks for; whole where all have equally many."""

    @property
    def share_between(self) -> float | None:
        """The intraclass correlation: the samples' share of one answer's variance; None where nothing varies."""
        total = self.between + self.within
        return self.between / total if total > 0.0 else None


def components(
    means: NDArray[np.float64], repeats: NDArray[np.intp], squares: NDArray[np.float64]
) -> Components | None:
    """The variances between and within n samples, from analysis of variance; None where they cannot be told.

    `means` (n,) of each sample's scored repeats, how many `repeats` (n,) those are, and the sum of `squares` (n,)
    around the mean. Searle, Casella & McCulloch 1992, Variance Components, chapter 3, also for unequal numbers. Needs
    two samples with a score and one with two.

    Calcium in four turnip leaves, four determinations each: 0.0724 between leaves, 0.0066 within (Snedecor & Cochran
    1967, Statistical Methods, section 10.13):

    >>> leaves = np.array(
    ...     [[3.28, 3.09, 3.03, 3.03], [3.52, 3.48, 3.38, 3.38], [2.88, 2.80, 2.81, 2.76], [3.34, 3.38, 3.23, 3.26]]
    ... )
    >>> spread = ((leaves - leaves.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    >>> found = components(leaves.mean(axis=1), np.array([4, 4, 4, 4]), spread)
    >>> round(found.between, 4), round(found.within, 4), found.repeats
    (0.0724, 0.0066, 4.0)
    """
    is_known = repeats > 0
    means, sizes, squares = means[is_known], repeats[is_known].astype(np.float64), squares[is_known]
    n, total = len(means), float(sizes.sum())
    if n < 2 or total <= n:  # noqa: PLR2004 - a spread takes two
        return None
    within = float(squares.sum()) / (total - n)
    within = within if within > _ROUNDING else 0.0
    grand = float(sizes @ means) / total
    mean_square = float(sizes @ (means - grand) ** 2) / (n - 1)
    typical = (total - float(sizes @ sizes) / total) / (n - 1)
    return Components(between=max(0.0, (mean_square - within) / typical), within=within, repeats=typical)
