"""What a side's answers cost, from the server's token counts and the suite's dated prices."""

from __future__ import annotations

from evalkit.types import JsonValue, ModelSpec
from evalkit.types.table import Paid

HALF = 0.5
"""What OpenAI and Anthropic take for a batch."""


def cost_summary(paid: Paid, spec: ModelSpec) -> dict[str, JsonValue]:
    """{usd, usd_per_1000, input_tokens, output_tokens, as_of, note}; what is unknown is None, the note says why."""
    summary: dict[str, JsonValue] = {
        "usd": None,
        "usd_per_1000": None,
        "input_tokens": paid.input_tokens,
        "output_tokens": paid.output_tokens,
        "as_of": spec.price.as_of if spec.price else None,
        "note": None,
    }
    notes = []
    if spec.price is None:
        notes.append("unknown: the suite names no price for this model")
    elif not paid.counted:
        notes.append("unknown: the answers lack token counts")
    else:
        summary["usd"] = round(paid.usd, 6)
        summary["usd_per_1000"] = round(1000.0 * paid.usd / paid.counted, 6)
        if spec.price.batch_factor is not None:
            share = spec.price.batch_factor
            notes.append("batch: half price" if share == HALF else f"batch: {100.0 * share:g} % of the price")
    if 0 < paid.counted < paid.answers:
        known = "known" if spec.price is not None else "tokens known"
        notes.append(f"{known} of {paid.counted:,} of {paid.answers:,} answers: the others lack token counts")
    summary["note"] = "; ".join(notes) or None
    return summary
