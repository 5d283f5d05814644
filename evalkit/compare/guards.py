"""Guards: what must not get worse. Each holds, has regressed, or there are too few pairs to tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from evalkit.compare.must_pass import judge_must_pass
from evalkit.compare.pairing import compare
from evalkit.numbers import at_worst, signed, some_points
from evalkit.protocols import Metric
from evalkit.stats.power import n_noninferiority, upper_discordance
from evalkit.stats.ratios import ratio_bootstrap
from evalkit.stats.resampling import seed_from
from evalkit.types import Comparison, Guard, GuardSpec, Interval
from evalkit.types.table import ScoreTable
from evalkit.types.verdict import GuardState

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUANTILES = {"p50": 0.50, "p95": 0.95}
_UNMEASURED = {
    "latency": "no live answer was timed on both sides",
    "ttft": "no live answer was streamed on both sides (`stream: true`)",
    "cost": "prices or token counts are unknown",
}
MIN_TIMED = 100
"""Pairs a latency quantile ratio needs before it may block."""


class Measured(Struct, frozen=True, kw_only=True):
    """A suite of the run with its scores: where a guard finds its numbers."""

    table: ScoreTable
    metrics: Mapping[str, Metric]


def judge_guard(spec: GuardSpec, measured: Measured | None, *, alpha: float, seed: str) -> Guard:
    """The finding of one guard on the suite it watches; None = that suite was not asked."""
    if measured is None:
        name = f"{spec.suite.parent.name if spec.suite else ''} · {spec.metric}"
        return Guard(
            name=name,
            state="not_measured",
            asked="fails none" if spec.kind == "zero_tolerance" else f"loses at most {some_points(spec.margin)}",
            got="not measured: these answers do not cover the guard's suite",
            is_blocking=_is_blocking("not_measured", spec),
            margin=spec.margin if spec.kind == "metric" else None,
            line=spec.line,
        )
    if spec.kind == "zero_tolerance":
        return judge_must_pass(spec, measured.table, alpha=alpha)
    if spec.kind == "metric":
        return _metric_guard(spec, measured, alpha, seed)
    return _ratio_guard(spec, measured, alpha, seed)


def _metric_guard(spec: GuardSpec, measured: Measured, alpha: float, seed: str) -> Guard:
    found = compare(measured.metrics[spec.metric or ""], measured.table, alpha=alpha, seed=seed)
    state = _state(found, spec)
    suite = measured.table.suite if spec.suite else None
    return Guard(
        name=f"{suite} · {spec.metric}" if suite else str(spec.metric),
        state=state,
        asked=f"loses at most {some_points(spec.margin)}",
        got=_got(found),
        is_blocking=_is_blocking(state, spec),
        comparison=found,
        margin=spec.margin,
        n_needed=_needed(found, spec, alpha) if state == "unresolved" else None,
        suite=suite,
        line=spec.line,
    )


def _state(found: Comparison, spec: GuardSpec) -> GuardState:
    if found.delta_points is None or found.bounds is None:
        return "not_measured"
    delta, low, high = found.delta_points, found.bounds.low, found.bounds.high
    if spec.mode == "no_confirmed_regression":
        return "regressed" if (high < 0.0 and delta < 0.0) or delta < -spec.margin else "held"
    if low > -spec.margin or (spec.margin == 0.0 and found.worsened == 0):
        return "held"
    if high < -spec.margin or (high < 0.0 and delta < -spec.margin):
        return "regressed"
    return "unresolved"


def _needed(found: Comparison, spec: GuardSpec, alpha: float) -> int | None:
    """Pairs at which a harmless candidate clears this margin four times in five; None where these would be enough.

    In clusters like these: pairs that are alike count as the independent ones that they weigh as much as.
    """
    if spec.margin <= 0.0 or found.n == 0 or found.design_effect is None:
        return None
    if found.discordance is not None:
        psi = upper_discordance(round(found.discordance * found.n), found.n)
    elif found.sd_points is not None:
        psi = (found.sd_points / 100.0) ** 2
    else:
        return None
    wanted = math.ceil(n_noninferiority(psi, spec.margin / 100.0, alpha) * found.design_effect)
    return wanted if wanted > found.n else None


def _got(found: Comparison) -> str:
    if found.delta_points is None or found.bounds is None:
        return "not measured"
    bounds = (found.bounds.low, found.bounds.high)
    return f"{signed(found.delta_points)} points ({at_worst(bounds)}), n = {found.n:,}"


def ratio_name(spec: GuardSpec) -> str:
    """What a guard on times or costs is called in the report."""
    return {"latency": f"{spec.stat} latency", "ttft": f"{spec.stat} time to first token"}.get(
        spec.kind, "cost per answer"
    )


def _ratio_guard(spec: GuardSpec, measured: Measured, alpha: float, seed: str) -> Guard:
    table = measured.table
    source = {"latency": table.latencies, "ttft": table.first_tokens}.get(spec.kind, table.costs)
    what = ratio_name(spec)
    asked = f"is at most {spec.max_ratio:g} times the baseline's"
    pairs = _measured_pairs(source)
    if pairs is None:
        got = _UNMEASURED[spec.kind]
        return Guard(name=what, state="not_measured", asked=asked, got=got, is_blocking=False, line=spec.line)
    base, cand = pairs
    quantile = None if spec.kind == "cost" else QUANTILES[spec.stat]
    point, drawn = ratio_bootstrap(base, cand, quantile, seed_from(seed), level=1.0 - 2.0 * alpha)
    state = _ratio_state(spec, drawn, len(base))
    unit = f"{point:.2f} times the baseline's (at best {drawn.low:.2f}, at worst {drawn.high:.2f}), n = {len(base)}"
    return Guard(
        name=what,
        state=state,
        asked=asked,
        got=unit,
        is_blocking=_is_blocking(state, spec),
        ratio=drawn,
        ratio_point=point,
        line=spec.line,
    )


def _ratio_state(spec: GuardSpec, ratio: Interval, n: int) -> GuardState:
    if ratio.high <= spec.max_ratio:
        return "held"
    if ratio.low > spec.max_ratio and (spec.kind == "cost" or n >= MIN_TIMED):
        return "regressed"
    return "unresolved"


def _measured_pairs(
    source: Mapping[str, NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    if "baseline" not in source or "candidate" not in source:
        return None
    base, cand = source["baseline"], source["candidate"]
    both = np.isfinite(base) & np.isfinite(cand) & (base > 0.0) & (cand > 0.0)
    if not both.any():
        return None
    return base[both], cand[both]


def _is_blocking(state: GuardState, spec: GuardSpec) -> bool:
    return state == "regressed" or (state in {"unresolved", "not_measured"} and spec.on_unresolved == "inconclusive")
