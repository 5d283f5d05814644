"""What repeats of the same sample say: how much of the spread they are, and whether more of them would help."""

from __future__ import annotations

import math

import numpy as np

from evalkit.compare.pairing import Paired, paired
from evalkit.protocols import CorpusMetric, Metric
from evalkit.stats.components import Components, components
from evalkit.stats.paired import cluster_mean
from evalkit.types import RepeatSpread, SideSpread
from evalkit.types.table import Column, ScoreTable

TWICE_THE_SAMPLES = 1.0 - math.sqrt(0.5)
"""By how much of its width an interval narrows with twice the samples."""


def repeat_spread(metric: Metric, table: ScoreTable) -> RepeatSpread | None:
    """The split of the metric's spread on each side; None where each sample was asked once.

    The variance of the mean difference is (between + within / K) / n. Twice the repeats halve its second part only,
    twice the samples both: Miller 2024 (arXiv:2411.00640), section 3; Wang 2025 (arXiv:2512.21326).
    """
    pairs = paired(metric, table)
    sides = {"baseline": pairs.baseline, "candidate": pairs.candidate}
    if all(column.repeats is None for column in sides.values()):
        return None
    found = {role: _components(column) for role, column in sides.items()}
    return RepeatSpread(
        metric=metric.name,
        sides={role: _side(sides[role], split) for role, split in found.items()},
        twice_the_repeats=_narrowing(pairs, list(found.values())),
        twice_the_samples=TWICE_THE_SAMPLES,
        note="by whether each sample is right, of which the metric is made"
        if isinstance(metric, CorpusMetric)
        else None,
    )


def _components(column: Column) -> Components | None:
    if column.repeats is None:
        return None
    scored = np.where(column.is_scored, column.repeats.scored, 0)
    return components(column.values, scored, column.repeats.squares)


def _side(column: Column, split: Components | None) -> SideSpread:
    asked = 1 if column.repeats is None else column.repeats.asked
    if split is None:
        why = "each sample was asked once" if asked == 1 else "no sample has two scored repeats"
        return SideSpread(asked=asked, note=why)
    return SideSpread(
        asked=asked,
        between_points=100.0 * math.sqrt(split.between),
        within_points=100.0 * math.sqrt(split.within),
        share_between=split.share_between,
    )


def _narrowing(pairs: Paired, splits: list[Components | None]) -> float | None:
    """By how much of its width the interval narrows when every sample is asked twice as often; None where unknown."""
    both = pairs.both
    known = [split for split in splits if split is not None]
    if len(known) < len(splits) or not both.any():
        return None
    differences = (pairs.candidate.values - pairs.baseline.values)[both]
    clusters = None if pairs.clusters is None else pairs.clusters[both]
    _, error, _ = cluster_mean(differences, clusters)
    variance = error * error * len(differences)
    if variance <= 0.0:
        return None
    noise = min(1.0, sum(split.within / split.repeats for split in known) / variance)
    return 1.0 - math.sqrt(1.0 - noise / 2.0)
