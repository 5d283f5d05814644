"""What a side's answers cost, from the server's token counts and the suite's dated prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalkit.types import JsonValue, ModelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray


HALF = 0.5
"""What OpenAI and Anthropic take for a batch."""


def cost_summary(usd: NDArray[np.float64], spec: ModelSpec, tokens: tuple[int, int]) -> dict[str, JsonValue]:
    """{usd, usd_per_1000, input_tokens, output_tokens, as_of, note}; `usd` has shape (n,), NaN = unknown."""
    known = usd[np.isfinite(usd)]
    counted = sum(tokens) > 0
    summary: dict[str, JsonValue] = {
        "usd": None,
        "usd_per_1000": None,
        "input_tokens": tokens[0] if counted else None,
        "output_tokens": tokens[1] if counted else None,
        "as_of": spec.price.as_of if spec.price else None,
        "note": None,
    }
    if spec.price is None:
        summary["note"] = "unknown: the suite names no price for this model"
    elif not len(known):
        summary["note"] = "unknown: the answers carry no token counts"
    else:
        summary["usd"] = round(float(known.sum()), 6)
        summary["usd_per_1000"] = round(1000.0 * float(known.mean()), 6)
        if spec.price.batch_factor is not None:
            share = spec.price.batch_factor
            summary["note"] = "batch: half price" if share == HALF else f"batch: {100.0 * share:g} % of the price"
    return summary
