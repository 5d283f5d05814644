"""What training on the samples did to the difference: each class by itself, and dirty against clean.

The baseline never saw the training data. What the candidate gains on dirty samples beyond what it gains on clean ones
is therefore a difference in differences: that dirty samples may be easier cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from msgspec import Struct

from evalkit.compare.pairing import compare
from evalkit.protocols import Metric
from evalkit.types import Comparison, GateSpec, Interval
from evalkit.types.table import ScoreTable

Part = Literal["all", "clean", "suspect", "dirty"]
PARTS: tuple[Part, ...] = ("all", "clean", "suspect", "dirty")


class Effect(Struct, frozen=True, kw_only=True):
    """The primary difference on all samples and on each class of them."""

    parts: Mapping[Part, Comparison]
    effect_points: float | None
    """Dirty minus clean, in points; None where either was not measured."""
    ci95: Interval | None
    """Of the effect."""
    is_flagged: bool
    """All samples together reach the bar, the clean ones do not."""


def contamination_effect(
    metric: Metric, table: ScoreTable, states: Mapping[str, str], gate: GateSpec, *, seed: str
) -> Effect:
    """The effect, given the samples that are dirty or suspect by id; all others are clean.

    The interval of dirty minus clean combines the two intervals (Zou and Donner 2008, Statistics in Medicine 27:1693,
    equation 8), which holds where the two sets of samples are independent.
    """
    of = np.array([states.get(sample, "clean") for sample in table.sample_ids])
    rows: dict[Part, np.ndarray[tuple[int], np.dtype[np.intp]]] = {
        "all": np.arange(len(of), dtype=np.intp),
        "clean": np.flatnonzero(of == "clean"),
        "suspect": np.flatnonzero(of == "suspect"),
        "dirty": np.flatnonzero(of == "dirty"),
    }
    parts = {
        part: compare(metric, table, alpha=gate.primary_alpha, seed=seed, rows=None if part == "all" else rows[part])
        for part in PARTS
        if len(rows[part])
    }
    points, interval = _between(parts.get("dirty"), parts.get("clean"))
    bar = gate.primary.min_delta
    deltas = [parts[part].delta_points if part in parts else None for part in ("all", "clean")]
    is_flagged = deltas[0] is not None and deltas[0] >= bar and (deltas[1] is None or deltas[1] < bar)
    return Effect(parts=parts, effect_points=points, ci95=interval, is_flagged=is_flagged)


def _between(dirty: Comparison | None, clean: Comparison | None) -> tuple[float | None, Interval | None]:
    if dirty is None or clean is None or dirty.delta_points is None or clean.delta_points is None:
        return None, None
    d, c = dirty.delta_points, clean.delta_points
    if dirty.ci95 is None or clean.ci95 is None:
        return round(d - c, 9), None
    low = d - c - math.hypot(d - dirty.ci95.low, clean.ci95.high - c)
    high = d - c + math.hypot(dirty.ci95.high - d, c - clean.ci95.low)
    return round(d - c, 9), Interval(low=low, high=high, level=0.95, method="mover")
