"""The models that past runs of a suite have seen, read from the folder of reports for the signals of `evalkit rot`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit.errors import ExecutionError, UsageError
from evalkit.jobs.history import recorded_history
from evalkit.report.read import Document, number, obj, objects, text
from evalkit.report.samples import ROWS, SampleFile
from evalkit.report.strings import SIDES
from evalkit.rot.seen import System
from evalkit.types import Suite

MOST_RUNS = 20
"""The newest that are looked at."""
_READ = "predicted"
"""The key of a metric's evidence that says how an answer was read."""


class Past(Struct, frozen=True, kw_only=True):
    """What finished runs of one version of a suite's data left. All empty where there are none."""

    systems: tuple[System, ...] = ()
    champion_points: float | None = None
    snapshots: tuple[str, ...] = ()
    """Of the baseline's model, oldest run first."""
    judges: tuple[str, ...] = ()


def past_of(suite: Suite, out: Path) -> Past:
    """The runs of this suite on just this data and metric. What cannot be read is left out, as `history` does."""
    try:
        runs = objects(recorded_history(str(suite.path), out), "runs")
    except UsageError:
        return Past()
    metric = suite.gate.primary.metric
    own = [run for run in runs if text(run, "folder") and text(run, "metric") == metric]
    same = [run for run in own if text(obj(run, "data"), "sha256") == suite.dataset_sha256 and not run["is_limited"]]
    levels = [level for run in same for side in SIDES if (level := number(run, f"{side}_points")) is not None]
    systems: dict[str, System] = {}
    for run in same[-MOST_RUNS:]:
        with contextlib.suppress(ExecutionError):
            systems |= {one.name: one for one in _systems(run, metric)}
    return Past(
        systems=tuple(systems.values()),
        champion_points=max(levels, default=None),
        snapshots=tuple(_snapshot(run) for run in own),
        judges=tuple(_judges(Path(text(run, "folder"))) for run in own),
    )


def _systems(run: Document, metric: str) -> Iterator[System]:
    scores: dict[str, dict[str, float]] = {side: {} for side in SIDES}
    answers: dict[str, dict[str, str]] = {side: {} for side in SIDES}
    for row in SampleFile(Path(text(run, "folder")) / ROWS):
        found, sample = obj(obj(row, "scores"), metric), text(row, "id")
        for side in SIDES:
            score = number(found, side)
            if score is not None:
                scores[side][sample] = score
                answers[side][sample] = _read_as(found, side) or " ".join(text(obj(row, side), "text").split())
    for side in SIDES:
        if scores[side]:
            yield System(name=_name(run, side), scores=scores[side], answers=answers[side])


def _read_as(found: Document, side: str) -> str:
    return text(obj(found, f"{side}_evidence"), _READ)


def _name(run: Document, side: str) -> str:
    """Equal where the same model with the same prompt stood on this side; a run's own where that is not known."""
    return text(obj(obj(run, "models"), side), "fingerprint") or f"{text(run, 'run')} {side}"


def _snapshot(run: Document) -> str:
    side = obj(obj(run, "models"), "baseline")
    return text(side, "weights_sha256") or text(side, "served_model")


def _judges(folder: Path) -> str:
    """The judges of a run as one text; empty where there were none or the file cannot be read."""
    try:
        document: Any = json.loads((folder / "verdict.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    named = [_judge(one) for one in objects(document, "judges")] if isinstance(document, Mapping) else []
    return json.dumps(sorted(filter(None, named))) if any(named) else ""


def _judge(found: Document) -> str:
    return " ".join(filter(None, (text(found, key) for key in ("name", "metric", "fingerprint", "sha256", "model"))))
