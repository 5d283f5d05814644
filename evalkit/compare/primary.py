"""The primary metric against the bar: which of six things happened, and what would settle it."""

from __future__ import annotations

import math

from msgspec import Struct

from evalkit.numbers import at_worst, signed
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.power import (
    mde,
    mde_graded,
    n_margin,
    n_noninferiority,
    n_point_binding,
    n_power,
    upper_discordance,
)
from evalkit.types import Comparison, GateSpec, Reason, Status
from evalkit.types.verdict import GuardState

PLAN_EFFECT_POINTS = 8.0
"""The true gain a suite is sized for, unless told otherwise: 200 pairs show it four times in five."""
_ABOVE_BAR_POINTS = 3.0
"""A true gain near the bar passes half the time at any size, so the plan aims at least this far above it."""
NO_EVIDENCE = 0.5
"""An alpha that asks for no evidence: the lower bound is the estimate itself."""


class Decision(Struct, frozen=True, kw_only=True):
    """What the primary metric alone says."""

    status: Status
    reason: Reason


def decide_primary(found: Comparison, gate: GateSpec) -> Decision:
    """The decision on a primary comparison that has a delta and bounds."""
    if gate.intent == "quality":
        return _quality(found, gate)
    return _no_worse(found, gate)


def _quality(found: Comparison, gate: GateSpec) -> Decision:
    delta, low, high = _numbers(found)
    bar = gate.primary.min_delta
    shown = f"{signed(delta)} points ({at_worst((low, high))})"
    proven = {"positive": low > 0.0, "margin": low >= bar, "none": True}[gate.primary.evidence]
    if delta >= bar and proven:
        return _because("ship", "PASS", f"the gain is {shown}; at least {signed(bar)} was asked for")
    if high < 0.0:
        return _because("dont_ship", "REGRESSION", f"the candidate is worse: {shown}")
    headroom = 100.0 - (found.baseline_points or 0.0)
    if headroom < bar:
        detail = (
            f"the baseline is at {found.baseline_points:.1f}, so no candidate can gain {bar:g} points on this suite"
        )
        return _because("dont_ship", "NO_HEADROOM", detail)
    if delta >= bar:
        aim = (
            "the gain could be zero"
            if gate.primary.evidence == "positive"
            else f"it is not shown to be {bar:g} or more"
        )
        return _because("inconclusive", "POINT_OK_NOT_SIGNIFICANT", f"the gain is {shown}: enough, but {aim}")
    if high < bar:
        return _because(
            "dont_ship", "BELOW_GATE", f"the gain is {shown}: below {bar:g}, and more samples would not change that"
        )
    status: Status = gate.primary.unresolved
    return _because(
        status, "BELOW_GATE_UNSETTLED", f"the gain is {shown}: below {bar:g}, though it could still be that much"
    )


def _no_worse(found: Comparison, gate: GateSpec) -> Decision:
    delta, low, high = _numbers(found)
    margin = gate.noninferiority_margin
    shown = f"{signed(delta)} points ({at_worst((low, high))})"
    if low > -margin:
        return _because("ship", "PASS", f"not worse by more than {margin:g} points: {shown}")
    if high < -margin:
        return _because("dont_ship", "REGRESSION", f"worse by more than {margin:g} points: {shown}")
    if delta >= -margin:
        detail = f"{shown}: within {margin:g} points as measured, but a larger loss cannot be ruled out"
        return _because("inconclusive", "POINT_OK_NOT_SIGNIFICANT", detail)
    detail = f"{shown}: a loss of more than {margin:g} points as measured, but not beyond doubt"
    return _because("inconclusive", "BELOW_GATE_UNSETTLED", detail)


def standing(status: Status, code: str) -> GuardState:
    """How a primary metric with this decision stands against its bar; `unresolved` where it may still reach it."""
    if status == "ship":
        return "held"
    return "regressed" if status == "dont_ship" and code != "BELOW_GATE_UNSETTLED" else "unresolved"


def least_detectable(found: Comparison, gate: GateSpec) -> float | None:
    """The smallest true gain, in points, that these pairs show with 80 % chance; None without a spread to go by.

    Pairs in clusters count as the independent pairs that they weigh as much as (Kish 1965).
    """
    if found.n == 0 or found.sd_points is None or found.design_effect is None:
        return None
    n = max(1, round(found.n / found.design_effect))
    if found.discordance is not None:
        # No pair that differs is no proof that none would.
        psi = found.discordance or upper_discordance(0, found.n)
        return round(100.0 * mde(psi, n, gate.alpha), 2)
    if found.sd_points == 0.0:
        return None
    return round(100.0 * mde_graded(found.sd_points / 100.0, n, gate.alpha), 2)


def gate_error(found: Comparison) -> float | None:
    """The standard error of the difference, a share, as the gate's own bounds have it; None without bounds."""
    if found.bounds is None:
        return None
    z = normal_quantile(0.5 + found.bounds.level / 2.0)
    return (found.bounds.high - found.bounds.low) / (200.0 * z)


def planned_points(gate: GateSpec) -> float:
    """The true gain, in points, that a suite with this gate is sized for."""
    return max(PLAN_EFFECT_POINTS, gate.primary.min_delta + _ABOVE_BAR_POINTS)


def pairs_to_ship(gate: GateSpec, psi: float, effect: float) -> int:
    """Independent pairs at which a true gain of `effect`, a share, passes this gate four times in five.

    Raises ValueError for an effect at or below the gate's bar.
    """
    bar = gate.primary.min_delta / 100.0
    match gate.primary.evidence:
        case "none":
            return n_power(psi, effect, NO_EVIDENCE, min_delta=bar)
        case "positive":
            return n_power(psi, effect, gate.alpha, min_delta=bar)
        case "margin":
            return n_margin(psi, effect, gate.alpha, min_delta=bar)


def pairs_needed(found: Comparison, gate: GateSpec) -> int | None:
    """Pairs at which this gate lets what it is sized for pass four times in five.

    That is a true gain of `planned_points` or, where the gate forbids a loss, a candidate that is no worse. From the
    observed spread and the *planned* effect, never the observed one. None when the pairs at hand are already enough or
    nothing is known of the spread.
    """
    weight = found.design_effect
    if found.n == 0 or found.sd_points is None or weight is None:
        return None
    if found.discordance is None and found.sd_points == 0.0:
        return None
    if found.discordance is not None:
        psi = upper_discordance(round(found.discordance * found.n), found.n)
    else:
        psi = min(1.0, (found.sd_points / 100.0) ** 2)
    if gate.intent != "quality":
        margin = gate.noninferiority_margin / 100.0
        independent = n_noninferiority(psi, margin, gate.alpha) if margin > 0.0 else 0
    else:
        if planned_points(gate) > 100.0:  # noqa: PLR2004 - no gain is larger
            return None
        independent = pairs_to_ship(gate, psi, planned_points(gate) / 100.0)
        if gate.primary.evidence == "positive" and gate.primary.min_delta > 0.0:
            # From here on a measured gain of the bar itself is above 0 beyond doubt, so that the bar alone decides.
            independent = max(independent, n_point_binding(psi**0.5, gate.primary.min_delta / 100.0, gate.alpha))
    wanted = math.ceil(independent * weight)
    return wanted if wanted > found.n else None


def _numbers(found: Comparison) -> tuple[float, float, float]:
    if found.delta_points is None or found.bounds is None:
        raise ValueError("a primary comparison without a delta has no decision")
    return found.delta_points, found.bounds.low, found.bounds.high


def _because(status: Status, code: str, detail: str) -> Decision:
    return Decision(status=status, reason=Reason(code=code, is_blocking=status != "ship", detail=detail))
