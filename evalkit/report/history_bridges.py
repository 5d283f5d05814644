"""Bridges: the same model, asked on the old and on the new data, says how much of a step is the data's.

The step is the mean of the new minus the mean of the old scores. Its interval joins the two sides' own intervals as
of independent samples (Newcombe 1998, Statistics in Medicine 17:873-890, method 10); where the versions share
samples it is wider than it need be.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit import numbers
from evalkit.report.read import Document, number, obj, pair, text
from evalkit.report.strings import SIDES

Level = tuple[float, tuple[float, float] | None]
"""(points, their 95 % interval)"""


Places = Mapping[tuple[float, str], Mapping[str, Sequence[tuple[int, str]]]]
"""(version of the data, metric) → fingerprint of a model → (number of a run, side) where it was asked, ascending."""


def asked_where(runs: Sequence[Document]) -> Places:
    """Where each model was scored. Runs of a part of the samples are left out: they can join nothing."""
    found: dict[tuple[float, str], dict[str, list[tuple[int, str]]]] = {}
    for place, run in enumerate(runs):
        version = _version(run)
        if version is not None and not run.get("is_limited"):
            models = found.setdefault((version, text(run, "metric_fingerprint")), {})
            for model, side in _asked(run):
                models.setdefault(model, []).append((place, side))
    return found


def bridges_over(runs: Sequence[Document], at: int, places: Places) -> list[dict[str, Any]]:
    """The bridges over the line above run number `at`: one for each model that was asked on both versions.

    `places` is `asked_where(runs)`. Of several runs of a model the nearest to the line are used; those of
    candidates, which are usually run for it, come first. Runs with another primary metric join nothing.
    """
    old, new = (_version(runs[number]) for number in (at - 1, at))
    if old is None or new is None or old == new:
        return []
    metric = text(runs[at], "metric_fingerprint")
    before, after = places.get((old, metric), {}), places.get((new, metric), {})
    ends = [(_nearest(before[model], at), _nearest(after[model], at)) for model in before if model in after]
    ends.sort(key=lambda ends_of: (ends_of[1][1] == SIDES[0], ends_of[1][0]))
    return [
        _bridge((runs[left], left_side), (runs[right], right_side)) for (left, left_side), (right, right_side) in ends
    ]


def offset_interval(old: Level, new: Level) -> tuple[float, float] | None:
    """The 95 % interval of new minus old, in points; None where a side has none.

    The paper's first example, 48 of 80 against 56 of 70, each with its Wilson interval:

    >>> low, high = offset_interval((60.0, (49.0455, 70.0382)), (80.0, (69.1834, 87.6953))) or (0, 0)
    >>> f"{low:.2f} to {high:.2f}"
    '5.24 to 33.39'
    """
    if old[1] is None or new[1] is None:
        return None
    (old_low, old_high), (new_low, new_high) = old[1], new[1]
    step = new[0] - old[0]
    below = math.hypot(new[0] - new_low, old_high - old[0])
    above = math.hypot(new_high - new[0], old[0] - old_low)
    return step - below, step + above


def _version(run: Document) -> float | None:
    return number(obj(run, "data"), "version")


def _nearest(asked: Sequence[tuple[int, str]], at: int) -> tuple[int, str]:
    """The place that lies nearest to the line above run `at`; a model has a place or more."""
    split = bisect.bisect_left(asked, (at, ""))
    return min(asked[max(0, split - 1) : split + 1], key=lambda one: abs(2 * one[0] + 1 - 2 * at))


def _asked(run: Document) -> Iterator[tuple[str, str]]:
    for side in SIDES:
        model = text(obj(obj(run, "models"), side), "fingerprint")
        if model and number(run, f"{side}_points") is not None:
            yield model, side


def _bridge(old: tuple[Document, str], new: tuple[Document, str]) -> dict[str, Any]:
    levels = [_level(*end) for end in (old, new)]
    step = levels[1][0] - levels[0][0]
    bounds = offset_interval(*levels)
    model = obj(obj(new[0], "models"), new[1])
    is_proven = bool(model.get("is_proven"))
    about = f" {numbers.interval(bounds)}" if bounds else ""
    by = "" if is_proven else " (the same by name; its weights are not known)"
    return {
        "fingerprint": text(model, "fingerprint"),
        "is_proven": is_proven,
        "old": _end(*old),
        "new": _end(*new),
        "offset_points": round(step, 9),
        "offset_ci95_points": None if bounds is None else [round(end, 9) for end in bounds],
        "sentence": f"the same model ({new[1]}{by}) scored {numbers.points(levels[0][0])} on the old data and "
        f"{numbers.points(levels[1][0])} on the new; the data alone make {numbers.signed(step)} points{about}",
    }


def _level(run: Document, side: str) -> Level:
    return number(run, f"{side}_points") or 0.0, pair(run, f"{side}_ci95_points")


def _end(run: Document, side: str) -> dict[str, Any]:
    points, bounds = _level(run, side)
    return {"run": text(run, "run"), "side": side, "points": points, "ci95_points": bounds and list(bounds)}
