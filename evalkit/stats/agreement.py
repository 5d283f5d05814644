"""How far raters agree beyond chance, with raters that skipped items and categories that hardly occur.

Agreement of several raters needs only how many of them gave each item each category: counts of shape
(items, categories), which `tallied` makes. Every figure is None where the ratings cannot tell it, never 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evalkit.stats.distributions import t_quantile
from evalkit.stats.paired import no_spread_interval
from evalkit.types import Interval

Counts = NDArray[np.float64]
Scale = Literal["nominal", "ordinal", "interval"]
_PAIR = 2
"""Ratings that it takes to agree or not."""


class Agreement(Struct, frozen=True, kw_only=True):
    """What raters have in common on some items."""

    n_items: int
    """Items that at least two of them rated; only these say anything about agreement."""
    n_raters: int
    percent: float | None
    """Share of pairs of ratings of one item that are equal, in [0, 1]."""
    kappa: float | None
    """Cohen's, of two raters; of more its mean over the pairs of raters (Light 1971, Psychol Bull 76:365)."""
    ac1: float | None
    alpha: float | None
    ac1_interval: Interval | None
    """At 95 %."""


def agreement(ratings: Sequence[Sequence[Hashable | None]], categories: Sequence[Hashable], scale: Scale) -> Agreement:
    """Every figure at once: `ratings` holds one row an item and one column a rater, None where one did not rate.

    Kappa is weighted quadratically where the categories have an order (`scale` other than nominal; `categories` in
    that order). For `interval` they are numbers. Raises ValueError for a rating that is no category.
    """
    counts = tallied(ratings, categories)
    values = [float(str(category)) for category in categories] if scale == "interval" else None
    weights: Literal["quadratic"] | None = None if scale == "nominal" else "quadratic"
    tables = sorted(_tables(ratings, categories).items())
    kappas = [found for _, table in tables if (found := cohen_kappa(table, weights)) is not None]
    return Agreement(
        n_items=int((counts.sum(axis=1) >= _PAIR).sum()),
        n_raters=sum(any(cell is not None for cell in column) for column in zip(*ratings, strict=True)),
        percent=percent_agreement(counts),
        kappa=float(np.mean(kappas)) if kappas else None,
        ac1=gwet_ac1(counts),
        alpha=krippendorff_alpha(counts, scale, values),
        ac1_interval=jackknife_interval(counts, gwet_ac1, 0.95),
    )


def tallied(ratings: Sequence[Sequence[Hashable | None]], categories: Sequence[Hashable]) -> Counts:
    """How many raters gave item i category k, shape (items, categories). Raises ValueError for an unknown category.

    >>> tallied([["a", "b", None], ["b", "b", "b"]], ["a", "b"]).tolist()
    [[1.0, 1.0], [0.0, 3.0]]
    """
    number = {category: k for k, category in enumerate(categories)}
    counts = np.zeros((len(ratings), len(categories)))
    for i, row in enumerate(ratings):
        for cell in row:
            if cell is not None:
                if cell not in number:
                    raise ValueError(f"{cell!r} is none of the categories {', '.join(map(str, categories))}")
                counts[i, number[cell]] += 1.0
    return counts


def crossed(
    first: Sequence[Hashable | None], second: Sequence[Hashable | None], categories: Sequence[Hashable]
) -> Counts:
    """Two raters' table, shape (K, K): rows what the first said, columns the second; items one skipped are left out.

    Raises ValueError for a rating that is no category and for lists of different lengths.
    """
    ratings = list(zip(first, second, strict=True))
    tallied(ratings, categories)
    return _tables(ratings, categories).get((0, 1), np.zeros((len(categories), len(categories))))


def _tables(
    ratings: Sequence[Sequence[Hashable | None]], categories: Sequence[Hashable]
) -> dict[tuple[int, int], Counts]:
    """Every two raters' table that have an item in common: of a crowd most have none, and are not looked at."""
    number = {category: k for k, category in enumerate(categories)}
    tables: dict[tuple[int, int], Counts] = {}
    for row in ratings:
        given = [(rater, number[cell]) for rater, cell in enumerate(row) if cell is not None]
        for (one, first), (other, second) in itertools.combinations(given, 2):
            if (one, other) not in tables:
                tables[one, other] = np.zeros((len(categories), len(categories)))
            tables[one, other][first, second] += 1.0
    return tables


def percent_agreement(counts: Counts) -> float | None:
    """The share of pairs of ratings of one item that are equal, averaged over items with two or more ratings.

    >>> round(percent_agreement(np.array([[2.0, 0.0]] * 118 + [[1.0, 1.0]] * 7)), 3)
    0.944
    """
    pairable = counts[counts.sum(axis=1) >= _PAIR]
    if not len(pairable):
        return None
    each = pairable.sum(axis=1)
    return float(((pairable * (pairable - 1.0)).sum(axis=1) / (each * (each - 1.0))).mean())


def cohen_kappa(table: Counts, weights: Literal["linear", "quadratic"] | None = None) -> float | None:
    """Cohen's kappa of two raters from their table of counts; weighted by distance where `weights` says so.

    Cohen 1960, Educ Psychol Meas 20:37; weighted: Cohen 1968, Psychol Bull 70:213. None without items and where both
    raters only ever used one and the same category. Cohen's own table of 200 cases gives .492:

    >>> round(cohen_kappa(np.array([[88.0, 10, 2], [14, 40, 6], [18, 10, 12]])), 3)
    0.492
    """
    total = table.sum()
    if total == 0.0:
        return None
    shares = table / total
    gap = np.abs(np.subtract.outer(np.arange(len(table)), np.arange(len(table)))).astype(np.float64)
    cost = {None: (gap > 0).astype(np.float64), "linear": gap, "quadratic": gap**2}[weights]
    expected = float((cost * np.outer(shares.sum(axis=1), shares.sum(axis=0))).sum())
    return None if expected < 1e-12 else 1.0 - float((cost * shares).sum()) / expected  # noqa: PLR2004 - float noise


def gwet_ac1(counts: Counts) -> float | None:
    """Gwet's AC1: agreement beyond chance that stays sane where nearly everything falls into one category.

    Gwet 2008, Br J Math Stat Psychol 61:29, for two raters and more, missing ratings allowed. Raises ValueError for
    fewer than two categories. In the paradox of prevalence, 118 cases both call positive, 7 on which they differ and
    none both call negative, two raters agree on 94 %, kappa is below zero and AC1 is .94:

    >>> paradox = np.array([[118.0, 5], [2, 0]])
    >>> counts = np.array([[2.0, 0]] * 118 + [[1, 1]] * 7)
    >>> round(cohen_kappa(paradox), 3), round(gwet_ac1(counts), 3)
    (-0.023, 0.941)
    """
    if counts.shape[1] < 2:  # noqa: PLR2004 - one category leaves nothing to disagree about
        raise ValueError("agreement needs at least two categories")
    observed = percent_agreement(counts)
    if observed is None:
        return None
    rated = counts[counts.sum(axis=1) > 0]
    share = (rated / rated.sum(axis=1, keepdims=True)).mean(axis=0)
    by_chance = float((share * (1.0 - share)).sum()) / (counts.shape[1] - 1)
    return float((observed - by_chance) / (1.0 - by_chance))


def krippendorff_alpha(counts: Counts, scale: Scale, values: Sequence[float] | None = None) -> float | None:
    """Krippendorff's alpha: 1 - observed / expected disagreement; items with a single rating say nothing.

    Krippendorff 2004, Content Analysis, chapter 11. `values` are the categories as numbers, needed for `interval`;
    for `ordinal` the columns stand in their order. None where all ratings are one value. His example of 4 observers
    and 12 units gives .743 nominal, .815 ordinal and .849 interval:

    >>> units = ["11_1", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "_555", "__11", "_3__"]
    >>> counts = tallied([[None if c == "_" else c for c in unit] for unit in units], "12345")
    >>> [round(krippendorff_alpha(counts, scale, [1, 2, 3, 4, 5]), 3) for scale in ("nominal", "ordinal", "interval")]
    [0.743, 0.815, 0.849]
    """
    pairable = counts[counts.sum(axis=1) >= _PAIR]
    if not len(pairable):
        return None
    each = pairable.sum(axis=1, keepdims=True)
    coincidence = pairable.T @ (pairable / (each - 1.0)) - np.diag((pairable / (each - 1.0)).sum(axis=0))
    totals = pairable.sum(axis=0)
    cost = _distance(totals, scale, values)
    expected = float((cost * np.outer(totals, totals)).sum()) / (float(totals.sum()) - 1.0)
    return None if expected < 1e-12 else 1.0 - float((cost * coincidence).sum()) / expected  # noqa: PLR2004 - see above


def jackknife_interval(counts: Counts, statistic: Callable[[Counts], float | None], level: float) -> Interval | None:
    """The interval of an agreement figure by leaving out one item at a time (Efron & Tibshirani 1993, chapter 11).

    t with n - 1 degrees of freedom over the n items that at least two raters rated, cut at 1; where no item makes a
    difference, what n pairs without a discordant one allow. None where the figure is
    undefined, fewer than three items carry it, or leaving one out leaves it undefined.
    """
    pairable = counts[counts.sum(axis=1) >= _PAIR]
    n, point = len(pairable), statistic(pairable) if len(pairable) else None
    if point is None or n < 3:  # noqa: PLR2004 - two items have no spread worth the name
        return None
    # Items with the same ratings leave the same behind, so each kind is looked at once.
    kinds, first, times = np.unique(pairable, axis=0, return_index=True, return_counts=True)
    left = [statistic(np.delete(pairable, first[i], axis=0)) for i in range(len(kinds))]
    if any(value is None for value in left):
        return None
    without = np.array(left, dtype=np.float64)
    mean = float((without * times).sum()) / n
    error = float(np.sqrt((n - 1) / n * (times * (without - mean) ** 2).sum()))
    if error < 1e-12:  # noqa: PLR2004 - float noise; a bound of no width would be believed too easily
        return no_spread_interval(point, n, level)
    half = t_quantile(0.5 + level / 2.0, n - 1) * error
    return Interval(low=max(-1.0, point - half), high=min(1.0, point + half), level=level, method="jackknife")


def _distance(totals: NDArray[np.float64], scale: Scale, values: Sequence[float] | None) -> Counts:
    """Squared distances between categories, shape (K, K)."""
    k = len(totals)
    if scale == "nominal":
        return 1.0 - np.eye(k)
    if scale == "interval":
        if values is None or len(values) != k:
            raise ValueError(f"an interval scale needs the number of each of its {k} categories")
        numbers = np.asarray(values, dtype=np.float64)
        return (numbers[:, None] - numbers[None, :]) ** 2
    # How many ratings lie between the middles of two categories.
    middles = np.cumsum(totals) - totals / 2.0
    return np.asarray((middles[:, None] - middles[None, :]) ** 2, dtype=np.float64)
