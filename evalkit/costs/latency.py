"""How long answers took, from live requests only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalkit.types import JsonValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_FOR_P95 = 100
"""A 95th percentile of fewer answers rests on a handful of them."""

NOT_MEASURED = "not measured: no answer came from a live request (cached and recorded answers have no latency)"


def latency_summary(seconds: NDArray[np.float64]) -> dict[str, JsonValue]:
    """{n, p50_s, p95_s, note} of the measured entries of `seconds`, shape (n,), NaN = not measured."""
    measured = seconds[np.isfinite(seconds)]
    if not len(measured):
        return {"n": 0, "p50_s": None, "p95_s": None, "note": NOT_MEASURED}
    caution = None if len(measured) >= MIN_FOR_P95 else f"p95 of {len(measured)} answers is a rough figure"
    p50, p95 = np.quantile(measured, [0.5, 0.95])
    return {"n": len(measured), "p50_s": round(float(p50), 4), "p95_s": round(float(p95), 4), "note": caution}
