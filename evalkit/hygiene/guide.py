"""How much training data a fine-tune wants, by what it is for.

The figures are practitioners' rules of thumb: below the minimum, tuning often makes a model worse.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from evalkit.types.hygiene import Task


class Guide(Struct, frozen=True, kw_only=True):
    """What one kind of task asks for."""

    name: str
    minimum: int
    recommended: int
    is_per_class: bool = False
    unit: str = "examples"


GUIDES: Mapping[Task, Guide] = {
    "style": Guide(name="a style or a tone", minimum=100, recommended=300),
    "format": Guide(name="an output format", minimum=200, recommended=500),
    "vocabulary": Guide(name="a domain's vocabulary", minimum=500, recommended=1_000),
    "classification": Guide(name="narrow classification", minimum=50, recommended=200, is_per_class=True),
    "instructions": Guide(name="complex instructions", minimum=1_000, recommended=5_000),
    "preference": Guide(name="preferences (DPO)", minimum=1_000, recommended=5_000, unit="pairs"),
}
FLOOR = 500
"""Below so many examples in all, supervised tuning often makes things worse unless the task is narrow."""
