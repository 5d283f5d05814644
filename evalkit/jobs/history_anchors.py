"""What the samples that two versions of a suite share say across a line of its history.

Whether a model has stayed the same, and, where none was asked on both, how large the data's step is. Nothing of it is
on the way to a verdict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from msgspec import Struct, field

from evalkit import numbers
from evalkit.errors import ExecutionError
from evalkit.report.read import Document, number, obj, objects, text
from evalkit.report.samples import ROWS, SampleFile
from evalkit.report.strings import SIDES
from evalkit.rot.bridge import anchors_of, equated

_Z95 = 1.959964
_FULL = 100.0
_SAME_POINTS = 0.01


class _Scored(Struct, frozen=True, kw_only=True):
    """What one run says of each sample."""

    sample: dict[str, str] = field(default_factory=dict)
    """Id → a digest of what it asked and what was right."""
    scores: dict[str, dict[str, float]] = field(default_factory=lambda: {side: {} for side in SIDES})


class _Runs(Struct):
    """The runs of a history, their samples read once each."""

    by_name: Mapping[str, Document]
    read: dict[str, _Scored] = field(default_factory=dict)

    def scored(self, name: str) -> _Scored:
        """The samples of a run; none where they are gone or damaged."""
        if name not in self.read:
            self.read[name] = _scored(self.by_name[name])
        return self.read[name]

    def anchors(self, old: str, new: str) -> frozenset[str]:
        """The samples that both runs asked alike and hold the same answer right for."""
        before, after = self.scored(old).sample, self.scored(new).sample
        return frozenset(name for name, digest in before.items() if after.get(name) == digest)


def with_anchors(document: Mapping[str, Any]) -> dict[str, Any]:
    """The history with `anchors` in each bridge (null: too few) and `equated` in each line: [] where there is a bridge.

    Runs whose samples.jsonl is gone or damaged say nothing.
    """
    runs = _Runs(by_name={text(run, "run"): run for run in objects(document, "runs")})
    places = {name: place for place, name in enumerate(runs.by_name)}
    lines = []
    for line in document["lines"]:
        bridges = [bridge | {"anchors": _held(bridge, runs)} for bridge in line["bridges"]]
        found = [] if bridges else _equated(runs, places[text(line, "to")])
        lines.append(line | {"bridges": bridges, "equated": found})
    return dict(document) | {"lines": lines}


def _held(bridge: Document, runs: _Runs) -> dict[str, Any] | None:
    """Whether the model of a bridge answered the anchors as before."""
    ends = [(text(obj(bridge, end), "run"), text(obj(bridge, end), "side")) for end in ("old", "new")]
    shared = runs.anchors(ends[0][0], ends[1][0])
    scores = [_among(runs.scored(run).scores[side], shared) for run, side in ends]
    held = anchors_of(*scores)
    if held is None:
        return None
    moved = f"{numbers.signed(held.moved_points)} points (standard error {held.se_points:.1f})"
    if not held.agree:
        told = (
            "more than two standard errors: the model behind the name or a judge has changed, and the step is not the "
            "data's alone"
        )
    elif held.are_too_few:
        told = "within two standard errors, but these are too few to tell whether it changed"
    else:
        told = "within two standard errors: nothing shows that it changed"
    return {
        "n": held.n,
        "moved_points": round(held.moved_points, 9),
        "se_points": round(held.se_points, 9),
        "agree": held.agree,
        "sentence": f"on the {held.n:,} samples of both versions it moved by {moved}, {told}",
    }


def _equated(runs: _Runs, at: int) -> list[dict[str, Any]]:
    """The data's step over the line above run number `at` by each side, from the whole runs nearest to it."""
    ordered = list(runs.by_name.values())
    old = next((run for run in reversed(ordered[:at]) if _is_like(run, ordered[at - 1])), None)
    new = next((run for run in ordered[at:] if _is_like(run, ordered[at])), None)
    if old is None or new is None or _measures(old) != _measures(new) or _version(old) == _version(new):
        return []
    before, after = runs.scored(text(old, "run")), runs.scored(text(new, "run"))
    shared = runs.anchors(text(old, "run"), text(new, "run"))
    found = []
    for side in SIDES:
        is_mean = _is_mean(old, side, before.scores[side]) and _is_mean(new, side, after.scores[side])
        step = equated(before.scores[side], after.scores[side], shared) if is_mean else None
        if step is None:
            continue
        bounds = tuple(step.offset_points + sign * _Z95 * step.se_points for sign in (-1, 1))
        found.append({
            "side": side,
            "old": text(old, "run"),
            "new": text(new, "run"),
            "n_anchors": step.n_anchors,
            "offset_points": round(step.offset_points, 9),
            "offset_se_points": round(step.se_points, 9),
            "offset_ci95_points": [round(end, 9) for end in bounds],
            "sentence": f"no model was asked on both versions; by the {step.n_anchors:,} samples that both hold, the "
            f"data make {numbers.signed(step.offset_points)} points {numbers.interval((bounds[0], bounds[1]))} for the "
            f"{side}s. An estimate: no verdict rests on it",
        })  # fmt: skip
    return found


def _is_like(run: Document, other: Document) -> bool:
    """Whether a whole run is of the same version of the data as another run, and its samples may be read."""
    is_same = _version(run) is not None and _version(run) == _version(other)
    return is_same and not run.get("is_limited") and bool(text(run, "folder"))


def _is_mean(run: Document, side: str, scores: Mapping[str, float]) -> bool:
    """Whether a side's points are the mean of its samples' scores, as those of F1 over all samples are not."""
    points = number(run, f"{side}_points")
    return points is not None and bool(scores) and abs(points - _FULL * fmean(scores.values())) < _SAME_POINTS


def _version(run: Document) -> float | None:
    return number(obj(run, "data"), "version")


def _measures(run: Document) -> str:
    return text(run, "metric_fingerprint")


def _scored(run: Document) -> _Scored:
    found = _Scored()
    if not text(run, "folder"):
        return found
    try:
        for row in SampleFile(Path(text(run, "folder")) / ROWS):
            name = text(row, "id")
            asked = json.dumps([row.get("input"), row.get("target")], sort_keys=True)
            found.sample[name] = hashlib.sha256(asked.encode("ascii")).hexdigest()
            points = obj(obj(row, "scores"), text(run, "metric"))
            for side in SIDES:
                if (score := number(points, side)) is not None:
                    found.scores[side][name] = score
    except ExecutionError:
        return _Scored()
    return found


def _among(scores: Mapping[str, float], shared: frozenset[str]) -> dict[str, float]:
    return {name: score for name, score in scores.items() if name in shared}
