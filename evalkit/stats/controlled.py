"""The difference that remains where both answers look alike: length and style taken out of a judge's preference."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evalkit.stats.distributions import t_quantile
from evalkit.types import Interval


class Controlled(Struct, frozen=True, kw_only=True):
    """The difference, in shares, of two answers that are equally long and equally styled."""

    delta: float
    error: float
    """CR1 standard error."""
    freedom: int

    def interval(self, level: float) -> Interval:
        """The two-sided t interval."""
        half = t_quantile(0.5 + level / 2.0, self.freedom) * self.error
        low, high = max(-1.0, self.delta - half), min(1.0, self.delta + half)
        return Interval(low=low, high=high, level=level, method="ols-cr1")


def controlled_difference(
    differences: NDArray[np.float64], features: NDArray[np.float64], clusters: NDArray[np.intp] | None = None
) -> Controlled | None:
    """The intercept of differences regressed on how the two answers' looks differ, with its CR1 error.

    `differences` has shape (n,), `features` (n, F): the candidate's length, headers … minus the baseline's. They are
    scaled but not centred: the intercept is the difference at no difference in looks, where the centred one would be
    the plain mean again. After the length-controlled win rate of Dubois et al. 2024, arXiv:2404.04475, linear as
    befits a difference of scores; cluster-robust as in Cameron & Miller 2015, J Hum Resour 50:317. None where no
    feature varies (there is nothing to control for) or there are too few groups for so many features.
    """
    n = len(differences)
    spread = features.std(axis=0) if n else np.zeros(features.shape[1])
    varies = spread > 1e-12  # noqa: PLR2004 - float noise
    design = np.column_stack([np.ones(n), features[:, varies] / spread[varies]])
    numbers = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    groups, k = int(numbers.max()) + 1 if n else 0, design.shape[1]
    if not varies.any() or groups < k + 2:
        return None
    inverse = np.linalg.pinv(design.T @ design)
    fitted = inverse @ (design.T @ differences)
    scores = design * (differences - design @ fitted)[:, None]
    totals = np.zeros((groups, k))
    np.add.at(totals, numbers, scores)
    correction = groups / (groups - 1) * (n - 1) / (n - k)
    variance = correction * (inverse @ (totals.T @ totals) @ inverse)
    return Controlled(delta=float(fitted[0]), error=float(np.sqrt(max(0.0, variance[0, 0]))), freedom=groups - 1)
