"""What a bridge between two versions of a suite's data says: the step the data make, and whether it is theirs alone.

One model is asked on both versions. The samples that both hold are anchors: its answers to those should score as
before; where they do not, the model behind the name, or a judge, has changed, and the step is not the data's.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

from msgspec import Struct

_FULL = 100.0
_Z95 = 1.959964
_LEAST = 2
_SURE = 2.0
"""Standard errors within which the same model's scores on the same samples have to stay."""


class Anchors(Struct, frozen=True, kw_only=True):
    """The same model on the same samples, in two runs."""

    n: int
    moved_points: float
    """Mean of new minus old."""
    se_points: float
    """Standard error of that mean, from the paired differences."""

    @property
    def agree(self) -> bool:
        """Whether the runs agree on the anchors within two standard errors; not one answer moved: they do."""
        return abs(self.moved_points) <= _SURE * self.se_points + 1e-9


def anchors_of(old: Mapping[str, float], new: Mapping[str, float]) -> Anchors | None:
    """Scores (0 to 1) by sample, held against each other where both runs have one; None for fewer than two samples.

    >>> anchors_of({"a": 1.0, "b": 0.0, "gone": 1.0}, {"a": 1.0, "b": 1.0, "new": 0.0})
    Anchors(n=2, moved_points=50.0, se_points=50.0)
    """
    steps = [_FULL * (new[name] - score) for name, score in old.items() if name in new]
    if len(steps) < _LEAST:
        return None
    error = statistics.stdev(steps) / math.sqrt(len(steps))
    return Anchors(n=len(steps), moved_points=statistics.fmean(steps), se_points=error)


def error_of(bounds: tuple[float, float]) -> float:
    """The standard error that a 95 % interval of this width stands for.

    >>> round(error_of((-1.959964, 1.959964)), 6)
    1.0
    """
    return (bounds[1] - bounds[0]) / (2 * _Z95)
