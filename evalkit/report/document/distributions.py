"""How the scores of graded metrics are spread: a histogram a side, of samples scored on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.report.document.facts import RunFacts
from evalkit.report.document.figures import points
from evalkit.stats.quantiles import quantiles

BINS = 20
"""Of five points each; the last one holds 100."""


def distributions_block(facts: RunFacts) -> Mapping[str, Any]:
    """An entry for each metric that gave anything between 0 and 100 points; right/wrong scores have no spread."""
    table = facts.table
    if table is None:
        return {"distributions": []}
    columns = {role: table.columns[role] for role in ("baseline", "candidate") if role in table.columns}
    if len(columns) != 2:  # noqa: PLR2004 - both sides
        return {"distributions": []}
    found = []
    for name in columns["baseline"]:
        sides = [columns[role][name].values for role in columns]
        both = np.isfinite(sides[0]) & np.isfinite(sides[1])
        kept = [side[both] for side in sides]
        if both.any() and any(((side > 0.0) & (side < 1.0)).any() for side in kept):
            told = {role: _spread(side) for role, side in zip(columns, kept, strict=True)}
            found.append({"metric": name, "n": int(both.sum()), **told})
    return {"distributions": found}


def _spread(scores: NDArray[np.float64]) -> dict[str, Any]:
    counts, _ = np.histogram(scores, bins=BINS, range=(0.0, 1.0))
    low, middle, high = (points(100.0 * float(share)) for share in quantiles(scores, (0.25, 0.5, 0.75)))
    return {"histogram": [int(count) for count in counts], "quartiles_points": [low, middle, high]}
