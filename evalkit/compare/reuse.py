"""What it means that these samples have judged candidates before."""

from __future__ import annotations

import math
from collections.abc import Iterator

from evalkit.compare.primary import gate_error
from evalkit.numbers import percent
from evalkit.stats.multiplicity import false_ship, family_wise
from evalkit.types import Comparison, GateSpec, Reason
from evalkit.types.reuse import Reuse


def limit_reached(reuse: Reuse | None, gate: GateSpec) -> Reason | None:
    """A blocking reason when the suite's samples have judged as many candidates as it lets them."""
    allowed = gate.reuse.max_uses
    if reuse is None or allowed is None or reuse.place <= allowed:
        return None
    if gate.reuse.policy == "sealed":
        detail = (
            f"these samples are sealed: they judge one candidate, and this is number {reuse.place}; choose among "
            "candidates by other samples and bring the chosen one here"
        )
    else:
        detail = (
            f"this is use {reuse.place} of these samples and the suite allows {allowed} (gate.reuse.max_uses): a ship "
            "would no longer mean what it says; collect fresh samples"
        )
    return Reason(code="REUSE_LIMIT", is_blocking=True, detail=detail)


def chance_of_a_false_ship(reuse: Reuse, found: Comparison, gate: GateSpec) -> float | None:
    """The chance that at least one of the candidates so far ships although none is better; None when unmeasured."""
    error = gate_error(found)
    if error is None:
        return None
    if found.sd_points is not None and found.delta_points is not None and found.n:
        # Were none better, what the mean explains now would be spread: of pairs that differ, all would be.
        error = max(error, math.hypot(found.sd_points, found.delta_points) / (100.0 * math.sqrt(found.n)))
    bar = gate.primary.min_delta / 100.0 if gate.intent == "quality" else 0.0
    # Without evidence asked for, the bar alone decides.
    alpha = 0.5 if gate.primary.evidence == "none" and gate.intent == "quality" else gate.primary_alpha
    metrics = len(gate.primary.metrics) if gate.primary.require == "any" else 1
    return family_wise(false_ship(error, bar, alpha), reuse.uses * metrics)


def cautions(reuse: Reuse | None, found: Comparison, gate: GateSpec) -> Iterator[str]:
    """What the reader of the verdict must know about earlier uses."""
    if reuse is None:
        return
    if reuse.note:
        yield reuse.note
    if reuse.looks:
        yield (
            f"This candidate has been judged on {reuse.looks + 1} versions of these samples or more. One look after "
            "an inconclusive one is free; each further one counts as a use, for looking until it ships ships by chance."
        )
    chance = chance_of_a_false_ship(reuse, found, gate)
    if reuse.uses > 1 and gate.reuse.policy == "warn" and chance is not None:
        better = "better than the baseline" if gate.intent == "quality" else "good enough"
        yield (
            f"{reuse.uses} candidates have been judged by these samples. Had none of them been {better}, at least one "
            f"would have shipped all the same with a chance of up to {percent(chance)}: collect fresh samples, or "
            "say in gate.reuse how many may be tried."
        )
