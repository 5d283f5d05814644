"""What training data and samples share besides their words: a group (user, thread, document) or a time.

A random split puts one user's rows on both sides, and a split that ignores time trains on the future; neither shows as
a copied text.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from evalkit.types import JsonValue, Sample

SHOWN = 50
"""Shared groups named in a document."""
_DATE_DIGITS = 8
_SECONDS_END = 1e11
"""Numbers above are milliseconds since 1970: as seconds they would be the year 5138."""


def moment(value: JsonValue) -> dt.datetime | None:
    """A time as data files write it (ISO 8601, Unix seconds or milliseconds), in UTC; None where it is none.

    >>> moment("2026-01-31").isoformat(), moment(1767225600).isoformat()
    ('2026-01-31T00:00:00+00:00', '2026-01-01T00:00:00+00:00')
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str) and _is_number(value) and len(value.strip()) != _DATE_DIGITS:
        # Before ISO 8601, which reads some milliseconds as a year of 17xx; eight digits are a date (20260131).
        return moment(float(value))
    try:
        if isinstance(value, int | float):
            seconds = value / 1000 if abs(value) > _SECONDS_END else value
            return dt.datetime.fromtimestamp(seconds, dt.UTC)
        found = dt.datetime.fromisoformat(str(value).strip())
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


def _is_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).isdecimal()


def reached(fields: Mapping[str, JsonValue], key: str) -> JsonValue:
    """The value at a dotted path of a row; None where there is none."""
    value: JsonValue = fields.get(key) if key in fields else dict(fields)
    if key in fields:
        return value
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


class SharedGroup(Struct, frozen=True, kw_only=True):
    """One value of a group key that stands on both sides."""

    key: str
    value: str
    samples: tuple[str, ...]
    training_rows: int
    first_row: str


class Leakage(Struct, frozen=True, kw_only=True):
    """What samples and training rows share in groups and time."""

    keys: tuple[str, ...]
    absent: tuple[str, ...] = ()
    """Group keys that no training row has."""
    unheld: tuple[str, ...] = ()
    """Group keys that no sample has."""
    groups: tuple[SharedGroup, ...] = ()
    newest_training: str | None = None
    """The youngest training row's time; None where no time is known on either side."""
    not_later: int | None = None
    """Samples no younger than that; None where times are not known."""
    timed: int = 0
    """Samples with a time."""

    @property
    def samples(self) -> frozenset[str]:
        """Every sample with a group that was trained on."""
        return frozenset(sample for group in self.groups for sample in group.samples)

    def document(self) -> dict[str, JsonValue]:
        """As it stands in verdict.json."""
        shown: list[JsonValue] = [
            {
                "key": g.key,
                "value": g.value[:200],
                "samples": list(g.samples[:SHOWN]),
                "training_rows": g.training_rows,
                "first_row": g.first_row,
            }
            for g in self.groups[:SHOWN]
        ]
        return {
            "group_keys": list(self.keys),
            "absent_keys": list(self.absent),
            "keys_no_sample_has": list(self.unheld),
            "shared_groups": len(self.groups),
            "samples_in_shared_groups": len(self.samples),
            "groups": shown,
            "newest_training_row": self.newest_training,
            "samples_with_a_time": self.timed,
            "samples_not_later": self.not_later,
        }


class LeakageScan(Struct):
    """Takes training rows one by one; memory is bounded by the samples' groups."""

    samples: Sequence[Sample]
    keys: tuple[str, ...]
    time_column: str | None
    _groups: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    _rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    _first: dict[tuple[str, str], str] = field(default_factory=dict)
    _present: set[str] = field(default_factory=set)
    _newest: dt.datetime | None = None

    def __post_init__(self) -> None:
        self._groups = {key: grouped(((s.id, s.fields) for s in self.samples), key) for key in self.keys}

    def take(self, where: str, fields: Mapping[str, JsonValue]) -> None:
        """Looks at one training row."""
        for key, groups in self._groups.items():
            name = _group(reached(fields, key))
            if name is None:
                continue
            self._present.add(key)
            if name in groups:
                self._rows[key, name] += 1
                self._first.setdefault((key, name), where)
        if self.time_column is not None:
            when = moment(reached(fields, self.time_column))
            if when is not None and (self._newest is None or when > self._newest):
                self._newest = when

    def finished(self) -> Leakage:
        """What was found."""
        groups = tuple(
            SharedGroup(
                key=key,
                value=value,
                samples=tuple(self._groups[key][value]),
                training_rows=n,
                first_row=self._first[key, value],
            )
            for (key, value), n in self._rows.most_common()
        )
        newest = self._newest
        times = [when for s in self.samples if (when := moment(s.time)) is not None]
        is_known = newest is not None and bool(times)
        return Leakage(
            keys=self.keys,
            absent=tuple(key for key in self.keys if key not in self._present),
            unheld=tuple(key for key in self.keys if not self._groups[key]),
            groups=groups,
            newest_training=newest.isoformat() if newest is not None and is_known else None,
            not_later=sum(when <= newest for when in times) if newest is not None and is_known else None,
            timed=len(times),
        )


def grouped(rows: Iterable[tuple[str, Mapping[str, JsonValue]]], key: str) -> dict[str, list[str]]:
    """Value of a key → ids of the rows that have it; rows without one are in no group."""
    found: dict[str, list[str]] = {}
    for name, fields in rows:
        group = _group(reached(fields, key))
        if group is not None:
            found.setdefault(group, []).append(name)
    return found


def _group(value: JsonValue) -> str | None:
    """A value as the name of a group; None where there is none: an empty cell of a table names nobody."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    # Formats disagree on whether a whole number is a float.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
