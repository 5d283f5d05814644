"""Numbers as verdict.json holds them: rounded here, once."""

from __future__ import annotations

import math
from typing import Any

from evalkit.types import Comparison, Interval


def comparison_document(found: Comparison) -> dict[str, Any]:
    """A comparison as docs/files.md describes it."""
    return {
        "metric": found.metric,
        "n": found.n,
        "n_clusters": found.n_clusters,
        "baseline_points": points(found.baseline_points),
        "candidate_points": points(found.candidate_points),
        "delta_points": points(found.delta_points),
        "ci95_points": [points(found.ci95.low), points(found.ci95.high)] if found.ci95 else None,
        **{f"{role}_ci95_points": ends(found.sides95.get(role)) for role in ("baseline", "candidate")},
        "lower_points": points(found.bounds.low) if found.bounds else None,
        "upper_points": points(found.bounds.high) if found.bounds else None,
        "p_value": probability(found.p_value),
        "adjusted_p_value": probability(found.adjusted_p),
        "method": found.method,
        "improved": found.improved,
        "worsened": found.worsened,
        "unscored": dict(found.unscored),
        "worst_case_points": list(found.worst_case_points) if found.worst_case_points else None,
        "note": found.note,
    }


def points(value: float | None) -> float | None:
    """Points to nine decimals: far below what any reader sees, and above the noise of floating point."""
    return None if value is None else round(value, 9)


def rounded(value: float | None) -> float | None:
    """A ratio or an amount to six decimals; None for what is no finite number."""
    return None if value is None or not math.isfinite(value) else round(value, 6)


def probability(value: float | None) -> float | None:
    """A p-value to four digits, however small."""
    return None if value is None else float(f"{value:.4g}")


def ends(found: Interval | None) -> list[float | None] | None:
    """An interval in points as a list of its two ends."""
    return None if found is None else [points(found.low), points(found.high)]
