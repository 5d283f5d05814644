"""The parts of the data and the whole: slices, what drives the difference, and what the whole hides."""

from __future__ import annotations

from msgspec import Struct

from evalkit.compare import mix
from evalkit.compare.drivers import driver, with_contributions
from evalkit.compare.pairing import compare
from evalkit.compare.slices import judge_slices, worst
from evalkit.protocols import Metric
from evalkit.types import Comparison, GateSpec, Slice, SliceSummary
from evalkit.types.table import ScoreTable


class Parts(Struct, frozen=True, kw_only=True):
    """Everything said about slices."""

    slices: tuple[Slice, ...]
    summary: SliceSummary
    cautions: tuple[str, ...]


def compare_primary(metric: Metric, table: ScoreTable, gate: GateSpec, *, seed: str) -> Comparison:
    """A comparison the gate decides on: in the production mix where the suite states one, at a primary's own alpha."""
    alpha = gate.primary_alpha
    if gate.slices.weights is None:
        return compare(metric, table, alpha=alpha, seed=seed)
    return mix.reweighted(metric, table, gate.slices.weights, seed=seed).at(alpha)


def look_at_parts(metric: Metric, table: ScoreTable, gate: GateSpec, primary: Comparison, *, seed: str) -> Parts:
    """The slices judged, the one that drives the difference, the worst one, and cautions; `primary` as decided on."""
    slices = judge_slices(metric, table, gate.slices, alpha=gate.alpha, seed=seed)
    slices = with_contributions(metric, table, slices)
    weights = gate.slices.weights
    pooled = primary if weights is None else compare(metric, table, alpha=gate.alpha, seed=seed)
    drives = driver(pooled, slices)
    loses = worst(slices)
    judged = sum(part.adjusted is not None for part in slices)
    summary = SliceSummary(
        total=len(table.slices),
        shown=len(slices),
        judged=judged,
        min_n=gate.slices.min_n,
        worst=loses.name if loses else None,
        driver=drives[0].name if drives else None,
        driver_detail=_in_which_mix(drives[1], is_weighed=weights is not None) if drives else None,
        pooled_points=pooled.delta_points,
    )
    told = mix.cautions(pooled, slices, None if weights is None else primary)
    return Parts(slices=slices, summary=summary, cautions=(*told, *_left_out(summary)))


def _in_which_mix(detail: str, *, is_weighed: bool) -> str:
    """The difference that a slice brings is the samples' own, which is another than the one decided on."""
    return f"{detail.removesuffix('.')} in the samples' own mix." if is_weighed else detail


def _left_out(summary: SliceSummary) -> tuple[str, ...]:
    if summary.total == summary.shown:
        return ()
    told = (
        f"The samples fall into {summary.total:,} slices; {summary.judged:,} of them were judged and {summary.shown:,} "
        f"are shown, the largest first. A slice needs {summary.min_n} pairs to be judged: group rare values together."
    )
    return (told,)
