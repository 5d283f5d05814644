"""A difference measured by an imperfect judge, corrected by what people said.

Two ways. Where people labelled some of the very answers that are compared, prediction-powered inference on the paired
differences: valid however biased the judge is, towards one side too. Where they labelled other answers, the judge's
sensitivity and specificity undo its errors, provided they hold here and are known for each side on which they differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evalkit.stats.distributions import t_quantile
from evalkit.stats.intervals import two_sided_z, wilson
from evalkit.types import Interval

Array = NDArray[np.float64]
LEAST_INFORMATION = 0.2
"""Sensitivity + specificity - 1 below which dividing by it makes up more than it corrects."""


class Corrected(Struct, frozen=True, kw_only=True):
    """A corrected difference, in shares, with its two sides."""

    baseline: float
    candidate: float
    error: float
    """Standard error of the difference, the labels' own uncertainty included."""
    freedom: float
    """Degrees of freedom of the t that goes with it; `inf` for a normal."""
    method: str
    weight: float | None = None
    """PPI++: how far the judge was relied on, 0 to 1."""

    @property
    def delta(self) -> float:
        """Candidate minus baseline."""
        return self.candidate - self.baseline

    def interval(self, level: float) -> Interval:
        """The two-sided interval of the difference."""
        is_normal = not np.isfinite(self.freedom)
        reach = two_sided_z(level) if is_normal else t_quantile(0.5 + level / 2.0, max(1, int(self.freedom)))
        low, high = self.delta - reach * self.error, self.delta + reach * self.error
        return Interval(low=max(-1.0, low), high=min(1.0, high), level=level, method=self.method)


class Confusion(Struct, frozen=True, kw_only=True):
    """How a judge's pass/fail compares with people's on labelled answers: counts, or effective ones (`weighted`)."""

    tp: float = 0
    """Passed by both."""
    fn: float = 0
    """Passed by people, failed by the judge."""
    fp: float = 0
    """Failed by people, passed by the judge."""
    tn: float = 0

    @classmethod
    def weighted(cls, answers: Sequence[tuple[bool, bool, float]]) -> Confusion:
        """The table of answers as (people passed it, the judge passed it, how many answers it stands for).

        The shares of the good answers, and of the bad ones, are weighted; their number is the effective one, the square
        of the weights' sum by the sum of their squares (Kish 1965, Survey Sampling, 11.7). Plain counts where all weigh
        the same.

        >>> Confusion.weighted([(True, True, 1.0), (True, False, 1.0), (False, False, 2.0)])
        Confusion(tp=1, fn=1, fp=0, tn=1)
        >>> round(Confusion.weighted([(True, True, 3.0), (True, False, 1.0)]).good, 3)
        1.6
        """
        cells: dict[bool, tuple[float, float]] = {}
        for is_good in (True, False):
            mine = [(passed, weight) for good, passed, weight in answers if good == is_good]
            weights = [weight for _, weight in mine]
            passes = [weight for passed, weight in mine if passed]
            if len(set(weights)) < 2:  # noqa: PLR2004 - one weight for all
                cells[is_good] = len(passes), len(mine) - len(passes)
                continue
            share, n = sum(passes) / sum(weights), sum(weights) ** 2 / sum(weight**2 for weight in weights)
            cells[is_good] = share * n, n - share * n
        (tp, fn), (fp, tn) = cells[True], cells[False]
        return cls(tp=tp, fn=fn, fp=fp, tn=tn)

    @property
    def good(self) -> float:
        """Answers that people passed."""
        return self.tp + self.fn

    @property
    def bad(self) -> float:
        """Answers that people failed."""
        return self.fp + self.tn

    @property
    def sensitivity(self) -> float | None:
        """The share of good answers that the judge passes; None without good answers."""
        return self.tp / self.good if self.good else None

    @property
    def specificity(self) -> float | None:
        """The share of bad answers that the judge fails; None without bad answers."""
        return self.tn / self.bad if self.bad else None

    def intervals(self, level: float) -> tuple[Interval | None, Interval | None]:
        """Wilson's intervals of sensitivity and specificity."""
        good = wilson(self.tp, self.good, level) if self.good else None
        return good, wilson(self.tn, self.bad, level) if self.bad else None

    def plus(self, other: Confusion) -> Confusion:
        """Both tables in one."""
        return Confusion(tp=self.tp + other.tp, fn=self.fn + other.fn, fp=self.fp + other.fp, tn=self.tn + other.tn)


class Labelled(Struct, frozen=True, kw_only=True):
    """What people said about both answers of some of the items compared."""

    rows: NDArray[np.intp]
    """(m,) numbers of these items among all n."""
    baseline: Array
    """(m,) people's score of the baseline's answer, 0 to 1."""
    candidate: Array
    weights: Array | None = None
    """(m,) how many items each stands for, where they were not picked evenly; None: evenly."""
    certain: NDArray[np.intp] | None = None
    """Numbers of further items whose scores are the truth as they stand (two equal answers are a tie), so that nobody
    was asked: the labels stand for all items but these."""


def ppi_difference(
    baseline: Array, candidate: Array, labelled: Labelled, clusters: NDArray[np.intp] | None = None
) -> Corrected:
    """The people's difference on all n items, from the judge's on all of them and the people's on m.

    PPI++ for a mean (Angelopoulos, Duchi & Zrnic 2023, arXiv:2311.01453, section 6 and example 6.1) on Y = people's
    and f = judge's difference of an item: mean(Y) + w (mean(f, the rest) - mean(f, labelled)), with the w in [0, 1]
    that makes the variance smallest; a useless judge gets w near 0 and costs nothing. It is computed as mean(Y - s f,
    labelled) + s mean(f, all) with s = w n / (n - m), the same where labels were picked evenly, and unbiased where they
    were not, for then the unlabelled rest is no picture of the whole. The variance is the sum of squared cluster totals
    of the influence values (CR1). `baseline` and `candidate` are the judge's scores, shape (n,), in [0, 1]. Raises
    ValueError for fewer than two labelled items.
    """
    rows, m, n = labelled.rows, len(labelled.rows), len(baseline)
    if m < 2:  # noqa: PLR2004 - a spread takes two
        raise ValueError("a correction needs labels of at least two items")
    pool = np.ones(n, dtype=np.bool_)
    if labelled.certain is not None:
        pool[labelled.certain] = False
    f, y = candidate - baseline, labelled.candidate - labelled.baseline
    share = np.full(m, 1.0 / m) if labelled.weights is None else labelled.weights / labelled.weights.sum()
    left = int(pool.sum()) - m
    weight = _power_tuned(y, f[rows], share, left)
    slope = weight * (m + left) / left if left else 0.0

    def side(judged: Array, said: Array) -> float:
        inside = float(share @ (said - slope * judged[rows])) + slope * float(judged[pool].mean())
        return (float(pool.sum()) * inside + float(judged[~pool].sum())) / n

    found = side(baseline, labelled.baseline), side(candidate, labelled.candidate)
    by_label, by_part = _influences(f, y - slope * f[rows], labelled, pool, slope)
    numbers = np.arange(n, dtype=np.intp) if clusters is None else clusters
    groups = len(np.unique(numbers[rows]))
    totals = np.bincount(numbers, weights=by_label)
    if float(totals[numbers[rows]] @ totals[numbers[rows]]) < 1e-18:  # noqa: PLR2004 - float noise
        # Labels that never contradict one another are no proof: what one more label of the other kind would make of it.
        parts = np.bincount(numbers, weights=by_part)
        variance = float(pool.mean()) ** 2 * float(share @ share) / (groups + 1.0) + float(parts @ parts)
    else:
        totals = np.bincount(numbers, weights=by_label + by_part)
        variance = float(totals @ totals) * groups / max(1, groups - 1)
    return Corrected(
        baseline=found[0],
        candidate=found[1],
        error=float(np.sqrt(variance)),
        freedom=max(1, groups - 1),
        method="ppi++",
        weight=weight,
    )


def _influences(
    f: Array, residual: Array, labelled: Labelled, pool: NDArray[np.bool_], slope: float
) -> tuple[Array, Array]:
    """What each item moves the estimate by: through its label and the judge, and by being certain or not."""
    n, rows = len(f), labelled.rows
    weights = np.ones(len(rows)) if labelled.weights is None else labelled.weights
    share = weights / weights.sum()
    pull = np.where(pool, slope * (f - f[pool].mean()) / pool.sum(), 0.0)
    if float(np.ptp(weights)) == 0.0:
        # Picked evenly, labelled and rest are two samples of one whole, each of which varies about its own mean.
        rest = pool.copy()
        rest[rows] = False
        for part in (rows, np.flatnonzero(rest)):
            pull[part] -= pull[part].mean() if len(part) else 0.0
    middle = float(share @ residual)
    by_label = pull
    by_label[rows] += share * (residual - middle)
    known = np.where(pool, middle + slope * float(f[pool].mean()), f)
    return float(pool.mean()) * by_label, (known - known.mean()) / n


def rogan_gladen(share: float, table: Confusion) -> float | None:
    """The true share of good answers behind a judge's pass rate: (p + Sp - 1) / (Se + Sp - 1), kept within [0, 1].

    Rogan & Gladen 1978, Am J Epidemiol 107:71. None where the judge is close to guessing (below `LEAST_INFORMATION`)
    or a class was never labelled. A judge of Se .9 and Sp .8 that passes 55 % has seen 50 %:

    >>> round(rogan_gladen(0.55, Confusion(tp=90, fn=10, fp=20, tn=80)), 3)
    0.5
    """
    information = _information(table)
    if information is None or information < LEAST_INFORMATION or table.specificity is None:
        return None
    return min(1.0, max(0.0, (share + table.specificity - 1.0) / information))


def rogan_gladen_difference(
    baseline: Array,
    candidate: Array,
    tables: Mapping[str, Confusion] | Confusion,
    clusters: NDArray[np.intp] | None = None,
) -> Corrected | None:
    """The difference in truly good answers, from a judge's passes (0 or 1, shape (n,)) and its known error rates.

    `tables` is one table for both sides, or one by `baseline` and `candidate`. The variance is the delta method's, with
    the noise of sensitivity and specificity in it (Lee et al. 2025, arXiv:2511.21140, with the adjusted counts of Lang
    & Reiczigel 2014, Prev Vet Med 113:13), and the pairing and clusters of the items kept. None where a table carries
    too little information to divide by (see `rogan_gladen`).
    """
    is_pooled = isinstance(tables, Confusion)
    each = {"baseline": tables, "candidate": tables} if isinstance(tables, Confusion) else tables
    passed = {"baseline": baseline, "candidate": candidate}
    found, steepness, slopes = {}, {}, {}
    for role, table in each.items():
        rate = rogan_gladen(float(passed[role].mean()), table)
        information = _information(table)
        if rate is None or information is None:
            return None
        found[role], steepness[role] = rate, 1.0 / information
        slopes[role] = (-rate / information, (1.0 - rate) / information)
    errors = {role: _rate_variances(table) for role, table in each.items()}
    if is_pooled:
        # One sensitivity for both sides: its error moves both, and mostly cancels.
        change = [slopes["candidate"][i] - slopes["baseline"][i] for i in (0, 1)]
        from_labels = sum(change[i] ** 2 * errors["baseline"][i] for i in (0, 1))
    else:
        from_labels = sum(slopes[role][i] ** 2 * errors[role][i] for role in each for i in (0, 1))
    d = candidate * steepness["candidate"] - baseline * steepness["baseline"]
    return Corrected(
        baseline=found["baseline"],
        candidate=found["candidate"],
        error=float(np.sqrt(_mean_variance(d, clusters) + from_labels)),
        freedom=float("inf"),
        method="rogan-gladen, pooled" if is_pooled else "rogan-gladen, each side",
    )


def rogan_gladen_items(baseline: Array, candidate: Array, tables: Mapping[str, Confusion] | Confusion) -> Array:
    """Each item's corrected difference, shape (n,), of which `rogan_gladen_difference` is the mean before it is cut.

    Only their mean is a share; one by one they lie outside [-1, 1]. The tables must carry information.
    """
    each = {"baseline": tables, "candidate": tables} if isinstance(tables, Confusion) else tables

    def undone(passed: Array, table: Confusion) -> Array:
        information = _information(table)
        if not information or table.specificity is None:
            raise ValueError("error rates that say nothing cannot be undone")
        return (passed + table.specificity - 1.0) / information

    return undone(candidate, each["candidate"]) - undone(baseline, each["baseline"])


def differs_by_side(baseline: Confusion, candidate: Confusion) -> tuple[float | None, float | None]:
    """Fisher's exact p-values that sensitivity, and that specificity, is the same on both sides; None without labels.

    Fisher 1935: the two-sided p adds up all tables with these margins that are no likelier than the one seen.
    The lady tasting tea, 3 of 4 right each way, gives .486:

    >>> round(differs_by_side(Confusion(tp=3, fn=1), Confusion(tp=1, fn=3))[0], 3)
    0.486
    """
    return (
        _fisher((baseline.tp, baseline.fn), (candidate.tp, candidate.fn)),
        _fisher((baseline.tn, baseline.fp), (candidate.tn, candidate.fp)),
    )


def _power_tuned(y: Array, f: Array, share: Array, left: int) -> float:
    """The weight on the judge that makes the variance smallest, arXiv:2311.01453 example 6.1, kept in [0, 1]."""
    if left == 0:
        return 0.0
    fc, yc = f - float(share @ f), y - float(share @ y)
    spread = float(share @ (fc * fc))
    if spread < 1e-12:  # noqa: PLR2004 - a judge that never differs has nothing to add
        return 0.0
    return min(1.0, max(0.0, float(share @ (fc * yc)) / ((1.0 + len(y) / left) * spread)))


def _information(table: Confusion) -> float | None:
    if table.sensitivity is None or table.specificity is None:
        return None
    return table.sensitivity + table.specificity - 1.0


def _rate_variances(table: Confusion) -> tuple[float, float]:
    """Of sensitivity and specificity, from counts with one success and one failure added, so that none is 0."""
    good, bad = table.good + 2.0, table.bad + 2.0
    se, sp = (table.tp + 1.0) / good, (table.tn + 1.0) / bad
    return se * (1.0 - se) / good, sp * (1.0 - sp) / bad


def _mean_variance(d: Array, clusters: NDArray[np.intp] | None) -> float:
    """Of the mean of `d`; two opposed pseudo-items keep it above 0 where nothing varies."""
    n = len(d)
    scale = float(np.abs(d).max()) if n else 1.0
    deviations = d - d.mean()
    totals = deviations if clusters is None else np.bincount(clusters, weights=deviations)
    groups = int((np.bincount(clusters) > 0).sum()) if clusters is not None else n
    if groups < 2:  # noqa: PLR2004 - a spread takes two
        return 1.0
    variance = float(totals @ totals) * groups / (groups - 1) / n**2
    return max(variance, 2.0 * (scale or 1.0) ** 2 / (groups + 2.0) ** 2)


def _fisher(one: tuple[float, float], other: tuple[float, float]) -> float | None:
    first, second = (
        (round(hits), round(misses)) for hits, misses in (one, other)
    )  # effective counts are no whole ones
    if not sum(first) or not sum(second):
        return None
    n, hits = sum(first) + sum(second), first[0] + second[0]
    possible = np.arange(max(0, hits - sum(second)), min(hits, sum(first)) + 1)
    logs = np.array([_log_choose(sum(first), int(k)) + _log_choose(sum(second), hits - int(k)) for k in possible])
    chances = np.exp(logs - _log_choose(n, hits))
    seen = chances[first[0] - int(possible[0])]
    return min(1.0, float(chances[chances <= seen * (1.0 + 1e-7)].sum()))


def _log_choose(n: int, k: int) -> float:
    return float(np.log(np.arange(n - k + 1, n + 1)).sum() - np.log(np.arange(1, k + 1)).sum())
