"""Scores of a whole suite as columns, ready for comparison. A missing score is masked, never a number."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One metric on one side, in the order of the table's samples (n of them)."""

    values: NDArray[np.float64]
    """(n,) shares of full marks, repeats averaged; meaningless where `is_scored` is False."""
    is_scored: NDArray[np.bool_]
    """(n,)"""
    why: Mapping[str, int]
    """How many samples are unscored, by reason."""
    counts: NDArray[np.float64] | None = None
    """(n, D) sufficient statistics of a corpus metric; zero rows where unscored."""
    worst: NDArray[np.float64] | None = None
    """(n, D) what `counts` would be had every answer been unreadable (corpus metrics)."""
    best: NDArray[np.float64] | None = None
    """(n, D) what `counts` would be had every answer been right (corpus metrics)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How one side's requests ended."""

    planned: int
    ok: int = 0
    failed: int = 0
    truncated: int = 0
    """Cut at max_tokens with no answer to score."""
    refused: int = 0
    cut: int = 0
    """All answers that reached max_tokens."""
    cached: int = 0
    kinds: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Failures by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """Everything a comparison needs to know about one suite's run."""

    suite: str
    sample_ids: tuple[str, ...]
    columns: Mapping[str, Mapping[str, Column]]
    """role → metric → column"""
    tallies: Mapping[str, Tally]
    clusters: NDArray[np.intp] | None
    """(n,) cluster number of each sample; None when the suite names no cluster."""
    slices: Mapping[str, NDArray[np.bool_]]
    """`column=value` → (n,) membership."""
    both_answered: int = 0
    """Samples for which both sides gave an answer of some kind."""
    equal_answers: int = 0
    """Of those, how many are byte for byte the same."""
    latencies: Mapping[str, NDArray[np.float64]] = dataclasses.field(default_factory=dict)
    """role → (n,) seconds, NaN where not measured (cached, recorded, failed)."""
    costs: Mapping[str, NDArray[np.float64]] = dataclasses.field(default_factory=dict)
    """role → (n,) USD, NaN where the price or the token counts are unknown."""
    served: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """role → distinct model names the server put on its answers."""
    tokens: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    """role → (input, output) tokens as counted by the server."""
