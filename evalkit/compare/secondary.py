"""The metrics beside the primary one: how many of them may be chance. They can never make a candidate ship."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import structs

from evalkit.stats.multiplicity import benjamini_hochberg
from evalkit.types import Comparison

FALSE_FINDS = 0.10
"""Of the differences taken for real at this adjusted p, at most one in ten is expected to be chance."""


def with_adjusted_p(found: Mapping[str, Comparison], primaries: Collection[str]) -> dict[str, Comparison]:
    """The comparisons, the secondary ones with their Benjamini–Hochberg-adjusted p-values, by metric."""
    secondary = {name: one.p_value for name, one in found.items() if name not in primaries and one.p_value is not None}
    adjusted = dict(zip(secondary, map(float, benjamini_hochberg(list(secondary.values()))), strict=True))
    return {name: structs.replace(one, adjusted_p=adjusted.get(name)) for name, one in found.items()}
