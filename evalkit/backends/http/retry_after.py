"""How long a server asked to be left alone, from the many headers that say so. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?"
)
_UNITS_S = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_EPOCH = 1_000_000_000.0
"""A bare number this large is a point in time, not a pause."""
_WINDOWS = ("requests", "tokens", "input-tokens", "output-tokens")


def asked_pause_s(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds the server asked to wait, never negative; None where it did not say. Names in lower case.

    Reads, in this order: `retry-after-ms`, `retry-after` (seconds or an HTTP date, RFC 9110 §10.2.3), and the reset
    of each exhausted window in `x-ratelimit-reset-*` (OpenAI: `1s`, `6m0s`) and `anthropic-ratelimit-*-reset`
    (RFC 3339). `now` is Unix time; dates are measured from the server's own `date` header when it sent one, so that
    two clocks that disagree do not turn into a pause.
    """
    server_now = _http_date(headers.get("date", "")) or now
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000.0
    if "retry-after" in headers:
        asked = headers["retry-after"]
        return _pause(asked, server_now)
    return _window_reset(headers, server_now)


def _window_reset(headers: Mapping[str, str], now: float) -> float | None:
    """The latest reset among exhausted windows; where nothing says what is exhausted, that of requests."""
    exhausted: list[float] = []
    unknown: list[float] = []
    for window in _WINDOWS:
        for reset, remaining in (
            (f"x-ratelimit-reset-{window}", f"x-ratelimit-remaining-{window}"),
            (f"anthropic-ratelimit-{window}-reset", f"anthropic-ratelimit-{window}-remaining"),
        ):
            pause = _pause(headers.get(reset, ""), now)
            if pause is None:
                continue
            left = _number(headers.get(remaining, ""))
            if left is None:
                unknown.append(pause)
            elif left <= 0:
                exhausted.append(pause)
    if exhausted:
        return max(exhausted)
    return unknown[0] if unknown else _pause(headers.get("x-ratelimit-reset", ""), now)


def _pause(text: str, now: float) -> float | None:
    """Seconds from any of the forms in use: `2`, `1.5`, `6m0s`, `120ms`, an epoch, an HTTP date, RFC 3339."""
    number = _number(text)
    if number is not None:
        return max(0.0, number - now) if number >= _EPOCH else number
    duration = _duration(text)
    if duration is not None:
        return duration
    moment = _http_date(text) or _rfc3339(text)
    return None if moment is None else max(0.0, moment - now)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _duration(text: str) -> float | None:
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS_S, strict=True) if part)


def _http_date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _rfc3339(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
