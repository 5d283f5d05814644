"""The primary difference on all samples and on the clean ones, side by side in verdict.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.compare.contamination import PARTS, Effect, contamination_effect
from evalkit.numbers import signed
from evalkit.protocols import Metric
from evalkit.types import Comparison, GateSpec
from evalkit.types.table import ScoreTable


def with_effect(  # noqa: PLR0917 - what a comparison takes, and what it is told beside
    document: Mapping[str, Any], states: Mapping[str, str], metric: Metric, table: ScoreTable, gate: GateSpec, seed: str
) -> dict[str, Any]:
    """The contamination document with what the samples that are not clean did to the difference.

    `table` holds every sample, those left out of the verdict as well.
    """
    found = contamination_effect(metric, table, states, gate, seed=seed)
    return {
        **document,
        "metric": metric.name,
        "parts": {part: _part(found, part) for part in PARTS},
        "effect_points": found.effect_points,
        "effect_ci95_points": None if found.ci95 is None else [round(found.ci95.low, 9), round(found.ci95.high, 9)],
        "is_flagged": found.is_flagged,
    }


def flagged(document: Mapping[str, Any], gate: GateSpec) -> tuple[str, ...]:
    """A sentence where the gain disappears with the samples that were trained on."""
    if not document.get("is_flagged"):
        return ()
    whole, clean = (document["parts"][part] for part in ("all", "clean"))
    on_clean = "cannot be measured"
    if clean is not None and clean["delta_points"] is not None:
        on_clean = f"is {signed(clean['delta_points'])} points"
    why = "what was trained on makes the difference."
    if (document.get("semantic") or {}).get("unread_samples"):
        why = "samples close in meaning to training rows, which nobody read, are not among the clean ones."
    told = (
        f"On all samples the gain is {signed(whole['delta_points'])} points and reaches the {gate.primary.min_delta:g} "
        f"asked for; on the clean ones it {on_clean}: {why}"
    )
    return (told,)


def _part(found: Effect, part: str) -> dict[str, Any] | None:
    """One class of samples; None where it is empty."""
    comparison: Comparison | None = {str(name): value for name, value in found.parts.items()}.get(part)
    if comparison is None:
        return None
    ends = comparison.ci95
    return {
        "n": comparison.n,
        "delta_points": comparison.delta_points,
        "ci95_points": None if ends is None else [round(ends.low, 9), round(ends.high, 9)],
        "note": comparison.note,
    }
