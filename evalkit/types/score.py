"""What a metric finds out about one answer."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct, field

from evalkit.types.json import JsonValue


class Scored(Struct, frozen=True, kw_only=True):
    """A metric's finding about one response: a finite share of full marks."""

    metric: str
    value: float
    """0.0 (nothing right) to 1.0 (all right). Points are 100 times this."""
    is_answered: bool = True
    """False when the text held nothing the metric could read (empty, unparseable): still a wrong answer,
    unless the answer was cut at `max_tokens`, which makes it Unscored."""
    counts: tuple[float, ...] | None = None
    """For corpus metrics: the sufficient statistics that are summed over samples before the metric is taken."""
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)
    """What was read: for classification `gold` and `predicted`; for a failed schema `errors`."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and 0.0 <= self.value <= 1.0):
            raise ValueError(f"{self.metric}: {self.value!r} is no share of full marks")
        if self.counts is not None and not math.isfinite(sum(self.counts)):
            raise ValueError(f"{self.metric}: counts must be finite")


class Unscored(Struct, frozen=True, kw_only=True):
    """There is no evidence about this sample, which is not the same as a zero."""

    metric: str
    why: str
    """failed | truncated | refused | missing | metric_crashed | a metric's own word."""
    detail: str = ""
    """metric_crashed: what went wrong, in one line."""


Score = Scored | Unscored


def to_points(share: float) -> float:
    """The share on the 0–100 scale, rounded to 1e-9 so that float noise cannot move a gate.

    >>> to_points(1.0 * 95 / 100) - to_points(0.9)
    5.0
    """
    return round(100.0 * share, 9)
