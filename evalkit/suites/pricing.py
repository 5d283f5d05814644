"""What a side's tokens cost: the entry's prices, and the discount of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.suites.side_schema import Price as PriceKeys
from evalkit.types import Price

BATCH_DISCOUNT = 0.5
"""OpenAI and Anthropic both charge half for a batch."""


def priced(keys: PriceKeys, options: Mapping[str, Any]) -> Price:
    """The prices that are paid: those of the entry, times `batch_discount` where it says `batch: true`."""
    is_batch = options.get("batch") is True
    asked = options.get("batch_discount", BATCH_DISCOUNT)
    factor = float(asked) if is_batch and isinstance(asked, int | float) else 1.0
    return Price(
        input=keys.input * factor,
        output=keys.output * factor,
        cached=None if keys.cached is None else keys.cached * factor,
        cache_write=None if keys.cache_write is None else keys.cache_write * factor,
        as_of=keys.as_of,
        batch_factor=factor if is_batch else None,
    )
