"""What a bridge between two versions of a suite's data says: the step the data make, and whether it is theirs alone.

One model is asked on both versions. The samples that both hold are anchors: its answers to those should score as
before; where they do not, the model behind the name, or a judge, has changed, and the step is not the data's. Where no
model was asked on both, the anchors alone tell the step, with less certainty.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

_FULL = 100.0
_Z95 = 1.959964
_LEAST = 2
_SURE = 2.0
"""Standard errors within which the same model's scores on the same samples have to stay."""
_TELLING_POINTS = 5.0
"""Anchors on which a model could move by more than this unseen are too few to say anything of it."""


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

    @property
    def are_too_few(self) -> bool:
        """Whether two standard errors are so wide that agreement says nothing: a changed model could hide in them."""
        return _SURE * self.se_points > _TELLING_POINTS + 1e-9


def anchors_of(old: Mapping[str, float], new: Mapping[str, float]) -> Anchors | None:
    """Scores (0 to 1) by sample, held against each other where both runs have one; None for fewer than two samples.

    >>> anchors_of({"a": 1.0, "b": 0.0, "gone": 1.0}, {"a": 1.0, "b": 1.0, "new": 0.0})
    Anchors(n=2, moved_points=50.0, se_points=50.0)
    """
    steps = [_FULL * (new[name] - score) for name, score in old.items() if name in new]
    if len(steps) < _LEAST:
        return None
    return Anchors(n=len(steps), moved_points=statistics.fmean(steps), se_points=_error(steps))


def error_of(bounds: tuple[float, float]) -> float:
    """The standard error that a 95 % interval of this width stands for.

    >>> round(error_of((-1.959964, 1.959964)), 6)
    1.0
    """
    return (bounds[1] - bounds[0]) / (2 * _Z95)


class Equated(Struct, frozen=True, kw_only=True):
    """What the new samples change, told by anchors alone: no model was asked on both versions."""

    n_anchors: int
    offset_points: float
    """How much higher the same ability scores on the new version."""
    se_points: float


def equated(old: Mapping[str, float], new: Mapping[str, float], anchors: Collection[str]) -> Equated | None:
    """The offset between two versions by chained mean equating, from scores (0 to 1) of two different models.

    On each version a model's mean over all its samples stands so far above its mean over the anchors; the difference of
    the two is the step (Kolen and Brennan 2014, Test Equating, Scaling, and Linking, chapter 4: chained equating, with
    slopes of 1). It takes the anchors to be as telling as the rest. The standard error keeps both scores of an anchor
    together; of a single sample beside the anchors it is that of all. None where there are fewer than two anchors.

    >>> equated({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}, {"a": 1.0, "b": 1.0, "e": 0.0, "f": 0.0}, {"a", "b"})
    Equated(n_anchors=2, offset_points=-50.0, se_points=0.0)
    """
    shared = sorted(name for name in anchors if name in old and name in new)
    own = [[_FULL * side[name] for name in side.keys() - set(shared)] for side in (old, new)]
    if len(shared) < _LEAST:
        return None
    # A version's mean over all minus that over its anchors is this share of (mean of the others minus of the anchors).
    old_share, new_share = (len(scores) / (len(scores) + len(shared)) for scores in own)
    means = [statistics.fmean(scores) if scores else 0.0 for scores in own]
    each = [_FULL * (old_share * old[name] - new_share * new[name]) for name in shared]
    spreads = [
        _error(scores) if len(scores) != 1 else _FULL * statistics.stdev(side.values())
        for scores, side in zip(own, (old, new), strict=True)
    ]
    return Equated(
        n_anchors=len(shared),
        offset_points=new_share * means[1] - old_share * means[0] + statistics.fmean(each),
        se_points=math.sqrt((old_share * spreads[0]) ** 2 + (new_share * spreads[1]) ** 2 + _error(each) ** 2),
    )


def _error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values)) if values else 0.0
