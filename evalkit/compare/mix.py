"""The production mix: the difference as the traffic would weigh it, and where pooling tells another story."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from evalkit.compare.pairing import Difference, Paired, difference, nothing, paired, unscored_by_role, worst_case
from evalkit.numbers import percent, signed
from evalkit.protocols import CorpusMetric, Metric
from evalkit.stats.strata import Stratum, normal_p, stratified_error, stratified_interval, wider_by_clusters
from evalkit.types import Comparison, Interval, Slice
from evalkit.types.table import Column, Counts, ScoreTable

APART_POINTS = 2.0
"""Pooled and reweighted difference further apart than this: the samples are not mixed like the traffic."""

Shares = Mapping[str, float]
"""`column=value` → share of the traffic; they sum to 1."""


def reweighted(metric: Metric, table: ScoreTable, shares: Shares, *, seed: str) -> Difference:
    """The difference in the production mix: each slice counts as its share of the traffic, not of the samples.

    Means are post-stratified, sum of share × the slice's delta, with the slices' own intervals put together. Corpus
    metrics are taken of counts weighed by share. Nothing is measured while a slice with a share has no scored pair.
    """
    parts = {name: table.slices.get(name, np.array([], dtype=np.intp)) for name, share in shares.items() if share > 0.0}
    for name, rows in parts.items():
        if not paired(metric, table, rows).both.any():
            why = f"no pair of {name} has a score on both sides, and it stands for {percent(shares[name])} of the mix"
            return nothing(metric.name, why)
    if isinstance(metric, CorpusMetric):
        return _corpus(metric, table, parts, shares, seed)
    return _items(metric, table, parts, shares, seed)


def _items(
    metric: Metric, table: ScoreTable, parts: Mapping[str, NDArray[np.intp]], shares: Shares, seed: str
) -> Difference:
    each = {name: difference(paired(metric, table, rows), seed=seed) for name, rows in parts.items()}
    found = [one.found for one in each.values()]
    weights = [shares[name] for name in each]
    strata = [
        Stratum(share=share, delta=(one.delta_points or 0.0) / 100.0) for share, one in zip(weights, found, strict=True)
    ]
    mean, error, groups, is_crossed = _spread(metric, table, parts, weights)

    def interval(level: float) -> Interval:
        intervals = [one.interval(level) for one in each.values() if one.interval is not None]
        plain = stratified_interval(strata, intervals, level)
        return wider_by_clusters(plain, mean, error, groups) if is_crossed else plain

    def mixed(points: Iterable[float | None]) -> float:
        return round(sum(w * (p or 0.0) for w, p in zip(weights, points, strict=True)), 9)

    n = sum(one.n for one in found)
    lows = [one.worst_case_points or (one.delta_points, one.delta_points) for one in found]
    unscored = {role: sum(one.unscored.get(role, 0) for one in found) for role in ("baseline", "candidate")}
    whole = Comparison(
        metric=metric.name,
        n=n,
        n_clusters=groups,
        baseline_points=mixed(one.baseline_points for one in found),
        candidate_points=mixed(one.candidate_points for one in found),
        delta_points=mixed(one.delta_points for one in found),
        bounds=None,
        ci95=None,
        p_value=normal_p(mean, error, n),
        method="post-stratified",
        is_binary=all(one.is_binary for one in found),
        sd_points=100.0 * error * n**0.5,
        improved=sum(one.improved for one in found),
        worsened=sum(one.worsened for one in found),
        unscored=unscored,
        worst_case_points=(mixed(low for low, _ in lows), mixed(high for _, high in lows))
        if any(unscored.values())
        else None,
        note=_note(parts),
    )
    made = Difference(found=whole, interval=interval)
    return structs.replace(made, found=structs.replace(whole, ci95=made.bounds(0.025)))


def _spread(
    metric: Metric, table: ScoreTable, parts: Mapping[str, NDArray[np.intp]], weights: Sequence[float]
) -> tuple[float, float, int, bool]:
    """(mean, its error, number of clusters, whether a cluster lies in several parts)."""
    rows = np.concatenate(list(parts.values()))
    numbers = np.repeat(np.arange(len(parts)), [len(part) for part in parts.values()])
    pairs = paired(metric, table, rows)
    both = pairs.both
    differences = (pairs.candidate.values - pairs.baseline.values)[both]
    clusters = np.arange(int(both.sum())) if pairs.clusters is None else pairs.clusters[both]
    strata = numbers[both]
    mean, error, groups = stratified_error(differences, strata, np.array(weights), clusters)
    combinations = len(np.unique(np.stack([clusters, strata]), axis=1)[0])
    return mean, error, groups, combinations > groups


def _corpus(
    metric: Metric, table: ScoreTable, parts: Mapping[str, NDArray[np.intp]], shares: Shares, seed: str
) -> Difference:
    rows = np.concatenate(list(parts.values()))
    numbers = np.repeat(np.arange(len(parts)), [len(part) for part in parts.values()])
    pairs = paired(metric, table, rows)
    weights = np.array([shares[name] for name in parts])
    made = difference(_weighed(pairs, numbers, weights, pairs.both), seed=seed)
    everyone = _weighed(pairs, numbers, weights, np.ones(len(rows), dtype=np.bool_))
    bounds = worst_case(everyone, unscored_by_role(pairs))
    found = structs.replace(made.found, worst_case_points=bounds, note=made.found.note or _note(parts))
    return structs.replace(made, found=found)


def _weighed(
    pairs: Paired, strata: NDArray[np.intp], shares: NDArray[np.float64], counted: NDArray[np.bool_]
) -> Paired:
    """The pairs with counts that sum as they would in the mix; as many samples in all as there are `counted`."""
    factors = shares * int(counted.sum()) / np.bincount(strata[counted], minlength=len(shares))

    def weigh(counts: Counts | None) -> Counts | None:
        return None if counts is None else counts.weighed(strata, factors)

    def side(column: Column) -> Column:
        return structs.replace(column, counts=weigh(column.counts), worst=weigh(column.worst), best=weigh(column.best))

    return structs.replace(pairs, baseline=side(pairs.baseline), candidate=side(pairs.candidate))


def _note(parts: Iterable[str]) -> str:
    return f"in the production mix of {column_of(next(iter(parts)))} that the suite states, not in that of the samples"


def column_of(name: str) -> str:
    """The column of a slice named `column=value`."""
    return name.partition("=")[0]


def by_column(slices: Iterable[Slice]) -> dict[str, list[Slice]]:
    """The judged slices of each column that has several."""
    columns: dict[str, list[Slice]] = {}
    for part in slices:
        if part.adjusted is not None:
            columns.setdefault(column_of(part.name), []).append(part)
    return {column: parts for column, parts in columns.items() if len(parts) > 1}


def cautions(pooled: Comparison, slices: Sequence[Slice], mixed: Comparison | None) -> tuple[str, ...]:
    """What the pooled difference hides, a sentence each; empty where it hides nothing.

    Simpson 1951 (J R Stat Soc B 13:238): at least half of a column's judged slices move against the whole. And
    `mixed`, the difference in the production mix, is more than 2 points away.
    """
    if pooled.delta_points is None:
        return ()
    told = []
    for column, parts in by_column(slices).items():
        against = [part for part in parts if (part.comparison.delta_points or 0.0) * pooled.delta_points < 0.0]
        if 2 * len(against) >= len(parts):
            examples = ", ".join(f"{part.name} {signed(part.comparison.delta_points)}" for part in against[:3])
            told.append(
                f"Over the samples judged the difference is {signed(pooled.delta_points)} points, but {len(against)} "
                f"of the {len(parts)} judged slices of {column} move the other way ({examples}): look at the slices "
                "before the whole."
            )
    if mixed is not None and mixed.delta_points is not None:
        apart = abs(pooled.delta_points - mixed.delta_points)
        if round(apart, 9) > APART_POINTS:
            told.append(
                f"In the samples' own mix the difference is {signed(pooled.delta_points)} points, in the production "
                f"mix {signed(mixed.delta_points)}: the samples are not mixed like the traffic."
            )
    return tuple(told)
