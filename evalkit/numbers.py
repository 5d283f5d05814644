"""Numbers as people read them: true minus sign, thousands separators, a unit, and words where there is no number."""

from __future__ import annotations

import math

MINUS = "−"
NOT_MEASURED = "not measured"


def count(value: float | None) -> str:
    """A whole number with thousands separators.

    >>> count(12345)
    '12,345'
    """
    return NOT_MEASURED if value is None else f"{value:,.0f}".replace("-", MINUS)


def counted(value: int, noun: str) -> str:
    """So many of something, with the noun in its number.

    >>> counted(1, "sample"), counted(1200, "sample")
    ('1 sample', '1,200 samples')
    """
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def points(value: float | None) -> str:
    """A level in points, one decimal."""
    return NOT_MEASURED if value is None else f"{_rounded(value):,.1f}".replace("-", MINUS)


def some_points(value: float) -> str:
    """An amount of points with its unit, as it was asked for.

    >>> some_points(1.0), some_points(2.5)
    ('1 point', '2.5 points')
    """
    return f"{value:g} point" if value == 1 else f"{value:g} points"


def signed(value: float | None) -> str:
    """A difference in points, one decimal, always with its sign (zero has none).

    >>> signed(16.34), signed(-1.96), signed(-0.04)
    ('+16.3', '−2.0', '0.0')
    """
    if value is None:
        return NOT_MEASURED
    rounded = _rounded(value)
    return "0.0" if rounded == 0 else f"{rounded:+,.1f}".replace("-", MINUS)


def interval(bounds: tuple[float, float] | None) -> str:
    """Two signed bounds in brackets.

    >>> interval((-1.96, 4))
    '[−2.0, +4.0]'
    """
    return "no interval" if bounds is None else f"[{signed(bounds[0])}, {signed(bounds[1])}]"


def at_worst(bounds: tuple[float, float]) -> str:
    """Two one-sided bounds, told in words, so that brackets are left to the two-sided 95 % interval.

    >>> at_worst((-1.96, 4))
    'at worst −2.0, at best +4.0'
    """
    return f"at worst {signed(bounds[0])}, at best {signed(bounds[1])}"


def percent(share: float | None) -> str:
    """A share of one as a percentage; 100 % and 0 % only where it is exact.

    >>> percent(0.9996), percent(1.0), percent(0.123)
    ('99.9 %', '100 %', '12.3 %')
    """
    if share is None:
        return NOT_MEASURED
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    shown = min(99.9, max(0.1, round(100 * share, 1))) if 0 < share < 1 else round(100 * share, 1)
    return f"{shown:.1f} %".replace("-", MINUS)


def usd(value: float | None) -> str:
    """Dollars; small amounts keep two significant digits, and an unknown price is "unknown", never zero.

    >>> usd(1234.5), usd(0.00213), usd(0)
    ('$1,234.50', '$0.0021', '$0.00')
    """
    if value is None:
        return "unknown"
    if 0 < abs(value) < 0.1:  # noqa: PLR2004 - cents would hide the amount
        digits = 1 - math.floor(math.log10(abs(value)))
        return f"${value:.{digits}f}".replace("$-", f"{MINUS}$")
    return f"${value:,.2f}".replace("$-", f"{MINUS}$")


def duration(seconds: float | None) -> str:
    """A time with the unit that fits: ms below a second, then seconds, minutes, hours.

    >>> duration(0.538), duration(4.25), duration(252), duration(7380)
    ('538 ms', '4.3 s', '4 min 12 s', '2 h 3 min')
    """
    if seconds is None:
        return NOT_MEASURED
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 100:  # noqa: PLR2004 - "95.2 s" still reads well
        return f"{seconds + 1e-9:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def days(value: float | None) -> str:
    """A number of days; infinity is "never".

    >>> days(4.255), days(1), days(425.37), days(float("inf")), days(1e9)
    ('4.3 days', '1 day', '425 days', 'never', 'more than 100 years')
    """
    if value is None:
        return NOT_MEASURED
    if math.isinf(value):
        return "never"
    if value > 36_525:  # noqa: PLR2004 - nobody plans that far
        return "more than 100 years"
    shown = f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"  # noqa: PLR2004 - as read
    return "1 day" if shown == "1" else f"{shown} days"


def days_within(point: float, low: float, high: float) -> str:
    """When something is paid back, with the early and the late end where they differ.

    >>> days_within(29.7, 28.1, 31.5), days_within(4.255, 4.255, 4.255)
    ('after 29.7 days [28.1, 31.5]', 'after 4.3 days')
    >>> days_within(120, 40.0, float("inf")), days_within(float("inf"), float("inf"), float("inf"))
    ('after 120 days [40, never]', 'never')
    >>> days_within(float("inf"), 400.0, float("inf"))
    'never as measured, after 400 days at the earliest'
    """
    early, late = (days(end).removesuffix(" days") for end in (low, high))
    if math.isinf(point):
        return "never" if math.isinf(low) else f"never as measured, after {days(low)} at the earliest"
    found = f"after {days(point)}"
    return found if early == late else f"{found} [{early}, {late}]"


def p_value(value: float | None) -> str:
    """A p-value, never shown as zero.

    >>> p_value(0.0000012), p_value(0.0312)
    ('< 0.001', '0.031')
    """
    if value is None:
        return NOT_MEASURED
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004


def _rounded(value: float) -> float:
    return round(value, 1) + 0.0
