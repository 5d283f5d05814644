"""What is made of the counts of a set of labels: f1, precision, recall, balanced accuracy, MCC and kappa.

All take summed counts of shape (..., 3K): per label, first K times true positives, then K times "predicted as", then
K times "is"; and return shares of shape (...). A prediction that is no label is in no "predicted as": it is one more
class that is never right, as scikit-learn has it for a value outside the labels. 0 where nothing was there to find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]
ByLabel = Callable[[Shares, Shares, Shares], Shares]
"""(hits, predicted, actual), shape (..., K) each, to one share a label."""
OfAll = Callable[[Shares], Shares]


def averaged(by_label: ByLabel, average: str, position: int | None, among: NDArray[np.bool_] | None = None) -> OfAll:
    """The statistic that averages a share per label: macro, micro, weighted, or of the label at `position` alone.

    macro: over all labels, or over those `among` (K,) says.
    """

    def statistic(totals: Shares) -> Shares:
        hits, predicted, actual = np.split(totals, 3, axis=-1)
        if average == "micro":
            summed = (part.sum(axis=-1, keepdims=True) for part in (hits, predicted, actual))
            return np.asarray(by_label(*summed)[..., 0])
        shares = by_label(hits, predicted, actual)
        if average == "macro":
            return np.asarray((shares if among is None else shares[..., among]).mean(axis=-1))
        if average == "weighted":
            return ratio((shares * actual).sum(axis=-1), actual.sum(axis=-1))
        return np.asarray(shares[..., position])

    return statistic


def f1(hits: Shares, predicted: Shares, actual: Shares) -> Shares:
    """2·tp / (predicted + is): the harmonic mean of precision and recall."""
    return ratio(2.0 * hits, predicted + actual)


def precision(hits: Shares, predicted: Shares, _: Shares) -> Shares:
    """Of what was predicted as the label, the share that is."""
    return ratio(hits, predicted)


def recall(hits: Shares, _: Shares, actual: Shares) -> Shares:
    """Of what is the label, the share that was predicted as it."""
    return ratio(hits, actual)


def balanced_accuracy(totals: Shares) -> Shares:
    """The mean recall over the labels that some sample has (Brodersen et al. 2010, ICPR)."""
    hits, _, actual = np.split(totals, 3, axis=-1)
    return ratio(ratio(hits, actual).sum(axis=-1), (actual > 0.0).sum(axis=-1))


def mcc(totals: Shares) -> Shares:
    """Matthews' correlation for K classes (Gorodkin 2004, Comput Biol Chem 28:367, R_K); below 0 it counts as 0."""
    right, total, squares, chance = _moments(totals)
    spread = (total**2 - squares[0]) * (total**2 - squares[1])
    return np.clip(ratio(right * total - chance, np.sqrt(np.maximum(spread, 0.0))), 0.0, 1.0)


def kappa(totals: Shares) -> Shares:
    """Cohen's kappa: agreement beyond chance (Cohen 1960, Educ Psychol Meas 20:37); below 0 it counts as 0."""
    right, total, _, chance = _moments(totals)
    return np.clip(ratio(right * total - chance, total**2 - chance), 0.0, 1.0)


WHOLE: Mapping[str, OfAll] = MappingProxyType({"balanced_accuracy": balanced_accuracy, "kappa": kappa, "mcc": mcc})
BY_LABEL: Mapping[str, ByLabel] = MappingProxyType({"f1": f1, "precision": precision, "recall": recall})


def ratio(numerator: Shares, denominator: Shares) -> Shares:
    """The quotient, 0 where the denominator is 0."""
    quotient = np.divide(numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0.0)
    return np.asarray(quotient, dtype=np.float64)


def _moments(totals: Shares) -> tuple[Shares, Shares, tuple[Shares, Shares], Shares]:
    """(right answers, samples, (sum of squares of predicted, of actual), sum of their products)."""
    hits, predicted, actual = np.split(totals, 3, axis=-1)
    total = actual.sum(axis=-1)
    outside = total - predicted.sum(axis=-1)
    squares = (predicted**2).sum(axis=-1) + outside**2, (actual**2).sum(axis=-1)
    return hits.sum(axis=-1), total, squares, (predicted * actual).sum(axis=-1)
