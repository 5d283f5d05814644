"""Moments as people and machines write them, as seconds since 1970."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from evalkit.types import JsonValue

DAY_S = 86_400.0
_DATE_DIGITS = 8
_MILLI, _MICRO, _NANO = 1e11, 1e14, 1e17
"""Above these a number since 1970 counts milli-, micro- and nanoseconds: the year 5138 is far."""


def seconds(moment: JsonValue) -> float | None:
    """Seconds since 1970 of an ISO 8601 text or a number in any usual unit; None for anything else. No zone: UTC.

    >>> seconds("2026-11-22T00:00:00Z"), seconds("1700000000000000000"), seconds("yesterday")
    (1795305600.0, 1700000000.0, None)
    """
    if isinstance(moment, bool) or moment is None or not isinstance(moment, str | int | float):
        return None
    if isinstance(moment, str) and len(moment.strip()) == _DATE_DIGITS and moment.strip().isdecimal():
        return _iso(moment)  # 20260131 is a date
    try:
        number = float(moment)
    except (ValueError, OverflowError):
        return _iso(str(moment))
    if not math.isfinite(number) or number <= 0:
        return None
    for limit, unit in ((_NANO, 1e9), (_MICRO, 1e6), (_MILLI, 1e3)):
        if number > limit:
            return number / unit
    return number


def _iso(moment: str) -> float | None:
    try:
        found = datetime.fromisoformat(moment.strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
