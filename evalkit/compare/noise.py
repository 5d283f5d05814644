"""The noise floor: how far a model moves against itself when it is asked the same a second time."""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec import Struct

from evalkit.compare.parts import compare_primary
from evalkit.numbers import interval, signed, some_points
from evalkit.protocols import Metric
from evalkit.types import Comparison, GateSpec
from evalkit.types.table import ScoreTable

Z95 = 1.959964
"""The standard normal's 97.5 % point."""


class NoiseFloor(Struct, frozen=True, kw_only=True):
    """The first baseline against itself."""

    found: Comparison
    """Second answers minus first ones."""
    equal_answers: float | None
    """Share of the samples answered twice whose answers are byte for byte the same."""

    @property
    def spread_points(self) -> float:
        """How far chance alone moves the difference: 1.96 standard errors, as far as the answers differed at all.

        An interval is no measure of it: with few samples it is wide even where no answer differed. Each answer is drawn
        by itself, so samples of one cluster count one by one here.
        """
        found = self.found
        return Z95 * found.sd_points / math.sqrt(found.n) if found.sd_points else 0.0


def noise_floor(metric: Metric, table: ScoreTable, gate: GateSpec, *, seed: str) -> NoiseFloor:
    """What the table of a baseline's first and second answers shows; it decides nothing."""
    share = table.equal_answers / table.both_answered if table.both_answered else None
    return NoiseFloor(found=compare_primary(metric, table, gate, seed=seed), equal_answers=share)


def cautions(floor: NoiseFloor, gate: GateSpec) -> Iterator[str]:
    """A sentence where the model moves against itself by more than chance, or as much as the suite asks for."""
    found = floor.found
    if found.delta_points is None or found.ci95 is None:
        return
    ends = (found.ci95.low, found.ci95.high)
    moved = (
        f"The same model against itself moved by {signed(found.delta_points)} points {interval(ends)} on {found.metric}"
    )
    if ends[0] > 0.0 or ends[1] < 0.0:
        yield f"{moved}, which is more than chance: something besides the model changes its answers; find it first."
        return
    bar = gate.primary.min_delta if gate.intent == "quality" else gate.noninferiority_margin
    if bar > 0.0 and floor.spread_points >= bar:
        yield (
            f"{moved}: asking again alone moves it by up to {floor.spread_points:.1f} points, and the suite decides by "
            f"{some_points(bar)}. More samples, `repeats`, or a temperature of 0 would make it steadier."
        )
