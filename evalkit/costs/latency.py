"""How long answers took, from live requests only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from evalkit.stats.quantiles import quantiles
from evalkit.stats.ratios import quantile_ratios
from evalkit.stats.resampling import seed_from
from evalkit.types import JsonValue
from evalkit.types.table import ScoreTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_FOR_P95 = 100
"""A 95th percentile of fewer answers rests on a handful of them."""

MIN_FOR_RATIO = 10
"""Fewer pairs than this give a ratio that is mostly luck."""

NOT_STREAMED = "not measured: no live answer was streamed (say `stream: true` in the model's entry)"
NOT_MEASURED = "not measured: no answer came from a live request (cached, recorded and batch answers have no latency)"


def latency_summary(seconds: NDArray[np.float64], late: int = 0, nothing: str = NOT_MEASURED) -> dict[str, JsonValue]:
    """{n, p50_s, p95_s, note} of the measured entries of `seconds`, shape (n,), NaN = not measured.

    `late` is how many requests ended at the time limit, which the note tells; `nothing` says why there are no entries.
    """
    measured = seconds[np.isfinite(seconds)]
    if not len(measured):
        return {"n": 0, "p50_s": None, "p95_s": None, "note": nothing}
    cautions = [] if len(measured) >= MIN_FOR_P95 else [f"p95 of {len(measured)} answers is a rough figure"]
    if late:
        requests = "1 request counts" if late == 1 else f"{late:,} requests count"
        cautions.append(f"{requests} with the time limit: no answer came within it")
    caution = "; ".join(cautions) or None
    p50, p95 = quantiles(measured, (0.5, 0.95))
    return {"n": len(measured), "p50_s": round(float(p50), 4), "p95_s": round(float(p95), 4), "note": caution}


def latency_ratios(table: ScoreTable, seed: str) -> dict[str, JsonValue]:
    """{n, p50, p95, note}: candidate over baseline on pairs timed on both sides, each {point, ci95} or null.

    Medians and 95th percentiles of the same samples, with the 95 % interval of a paired bootstrap.
    """
    return _ratios(table.latencies, len(table.sample_ids), seed, NOT_MEASURED)


def ttft_ratios(table: ScoreTable, seed: str) -> dict[str, JsonValue]:
    """The same of the time to the first token."""
    return _ratios(table.first_tokens, len(table.sample_ids), seed, NOT_STREAMED)


def _ratios(source: Mapping[str, NDArray[np.float64]], size: int, seed: str, nothing: str) -> dict[str, JsonValue]:
    unmeasured = np.full(size, np.nan)
    base, cand = (source.get(role, unmeasured) for role in ("baseline", "candidate"))
    both = np.isfinite(base) & np.isfinite(cand) & (base > 0.0) & (cand > 0.0)
    n = int(both.sum())
    if n < MIN_FOR_RATIO:
        note = f"only {n} pairs were timed live on both sides" if n else nothing
        return {"n": n, "p50": None, "p95": None, "note": note}
    found: dict[str, JsonValue] = {"n": n}
    ratios = quantile_ratios(base[both], cand[both], (0.50, 0.95), seed_from(seed), level=0.95)
    for name, (point, drawn) in zip(("p50", "p95"), ratios, strict=True):
        found[name] = {"point": round(point, 6), "ci95": [round(drawn.low, 6), round(drawn.high, 6)]}
    return found | {"note": None if n >= MIN_FOR_P95 else f"p95 of {n} pairs is a rough figure"}
