"""How old the samples are: days since the newest of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec import Struct

from evalkit.hygiene.leakage import moment
from evalkit.types import JsonValue, Sample

_DAY_S = 86_400.0


class Freshness(Struct, frozen=True, kw_only=True):
    """How old the samples are and may be."""

    age_days: float | None
    """Since the newest sample; None where no sample has a time that can be read."""
    max_age_days: float | None
    newest: str | None
    note: str | None = None

    @property
    def is_stale(self) -> bool:
        """The newest sample is older than the suite allows."""
        return self.age_days is not None and self.max_age_days is not None and self.age_days > self.max_age_days

    def document(self) -> dict[str, JsonValue]:
        """As it stands in verdict.json."""
        return {
            "checked": self.age_days is not None,
            "age_days": self.age_days,
            "max_age_days": self.max_age_days,
            "newest_sample": self.newest,
            "note": self.note,
        }


def freshness(
    samples: Sequence[Sample], *, max_age_days: float | None, column: str | None, now: dt.datetime
) -> Freshness:
    """The age of the newest sample at `now`; a note in words where it cannot be told."""
    times = [when for sample in samples if (when := moment(sample.time)) is not None]
    if not times:
        note = (
            "dataset.time names no column, so the samples' age is not known"
            if column is None
            else f"no sample has a time that can be read in '{column}' (ISO 8601, or Unix seconds)"
        )
        return Freshness(age_days=None, max_age_days=max_age_days, newest=None, note=note)
    newest, untimed = max(times), len(samples) - len(times)
    return Freshness(
        age_days=round((now - newest).total_seconds() / _DAY_S, 1),
        max_age_days=max_age_days,
        newest=newest.isoformat(),
        note=f"{untimed:,} of {len(samples):,} samples have no time" if untimed else None,
    )
