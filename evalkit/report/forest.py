"""Pictures of differences, drawn as SVG: an interval against zero and against the line the suite drew.

The SVG holds numbers only (formatted here) and class names; colours come from the page's style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup
from msgspec import Struct

from evalkit.numbers import signed

WIDTH, ROW_HEIGHT, MARGIN = 300, 26, 16


class Axis(Struct, frozen=True, kw_only=True):
    """A linear scale in points with round ticks; every row of one table shares it."""

    low: float
    high: float
    ticks: tuple[float, ...]
    width: int = WIDTH

    def x(self, value: float) -> float:
        """Pixels from the left edge; values outside the axis land on its ends."""
        share = (min(self.high, max(self.low, value)) - self.low) / (self.high - self.low)
        return MARGIN + share * (self.width - 2 * MARGIN)


class Bar(Struct, frozen=True, kw_only=True):
    """One difference to draw."""

    delta: float | None
    ci: tuple[float, float] | None
    wide: tuple[float, float] | None = None
    """The interval adjusted for several looks, drawn thin behind `ci`."""
    threshold: float | None = None
    """Where the dashed line stands."""

    @property
    def direction(self) -> str:
        """`up` or `down` when every interval that is drawn excludes zero, else `flat`.

        Of several looks the last bound by Holm is one-sided at alpha, inside the two-sided 95 % interval.
        """
        drawn = [bounds for bounds in (self.ci, self.wide) if bounds is not None]
        if not drawn:
            return "flat"
        return "up" if all(low > 0 for low, _ in drawn) else "down" if all(high < 0 for _, high in drawn) else "flat"


def axis_for(bars: Iterable[Bar], width: int = WIDTH) -> Axis:
    """A scale that holds zero and everything drawn, with three to seven round ticks.

    >>> axis_for([Bar(delta=16, ci=(10.1, 22.3), threshold=5)]).ticks
    (0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
    """
    values = [0.0]
    for bar in bars:
        values += [v for v in (bar.delta, bar.threshold, *(bar.ci or ()), *(bar.wide or ())) if v is not None]
    low, high = min(values), max(values)
    step = round_step(max(high - low, 2.0) / 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if first == last:
        first, last = first - 1, last + 1
    ticks = tuple(k * step for k in range(first, last + 1))
    return Axis(low=ticks[0], high=ticks[-1], ticks=ticks, width=width)


def row_svg(bar: Bar, axis: Axis) -> Markup:
    """One table row's picture: zero line, dashed threshold, interval and a mark for the delta."""
    middle = ROW_HEIGHT / 2
    parts = [_vertical(axis.x(0), 0, ROW_HEIGHT, "zero")]
    if bar.threshold is not None:
        parts.append(_vertical(axis.x(bar.threshold), 0, ROW_HEIGHT, "asked"))
    parts += _interval(bar, axis, middle)
    if bar.delta is not None:
        parts.append(_mark(axis.x(bar.delta), middle, bar.direction))
    return _svg(parts, axis.width, ROW_HEIGHT, f"bar {bar.direction}")


def axis_svg(axis: Axis) -> Markup:
    """The scale above a column of row pictures."""
    parts = [_label(axis.x(tick), 12, signed(tick).removesuffix(".0"), "tick") for tick in _thinned(axis.ticks)]
    return _svg(parts, axis.width, 16, "scale")


def hero_svg(bar: Bar, *, asked: str) -> Markup:
    """The large picture of the primary difference: axis, zero, dashed demand (named by `asked`) and interval."""
    width, top, bottom = 460, 30, 74
    axis = axis_for([bar], width)
    parts = [_vertical(axis.x(tick), top, bottom, "grid") for tick in axis.ticks]
    parts += [_label(axis.x(t), bottom + 17, signed(t).removesuffix(".0"), "tick") for t in _thinned(axis.ticks)]
    parts.append(_vertical(axis.x(0), top - 6, bottom, "zero"))
    if bar.threshold is not None:
        at = axis.x(bar.threshold)
        parts.append(_vertical(at, top - 6, bottom, "asked"))
        half = 3.4 * len(asked)  # half the label's width at 12 px, so that it stays inside the picture
        parts.append(_label(min(max(at, half), width - half), top - 12, asked, "named"))
    middle = (top + bottom) / 2
    parts += _interval(bar, axis, middle)
    if bar.delta is not None:
        parts.append(_mark(axis.x(bar.delta), middle, bar.direction, size=9))
    return _svg(parts, width, bottom + 24, f"bar large {bar.direction}")


def _interval(bar: Bar, axis: Axis, middle: float) -> list[Markup]:
    parts = []
    for bounds, css, cap in ((bar.wide, "wide", 3), (bar.ci, "ci", 5)):
        if bounds is not None:
            left, right = axis.x(bounds[0]), axis.x(bounds[1])
            path = f"M{left:.1f} {middle:.1f}H{right:.1f}"
            caps = "".join(f"M{x:.1f} {middle - cap:.1f}V{middle + cap:.1f}" for x in (left, right))
            parts.append(Markup('<path class="{}" d="{}"/>').format(css, path + caps))
    return parts


def _mark(x: float, y: float, direction: str, size: float = 6) -> Markup:
    """A triangle up, a triangle down or a diamond: told apart without colour."""
    shapes = {
        "up": f"M{x:.1f} {y - size:.1f}l{size:.1f} {1.8 * size:.1f}h{-2 * size:.1f}z",
        "down": f"M{x:.1f} {y + size:.1f}l{size:.1f} {-1.8 * size:.1f}h{-2 * size:.1f}z",
        "flat": f"M{x:.1f} {y - size:.1f}l{size:.1f} {size:.1f}l{-size:.1f} {size:.1f}l{-size:.1f} {-size:.1f}z",
    }
    return Markup('<path class="mark" d="{}"/>').format(shapes[direction])


def _vertical(x: float, top: float, bottom: float, css: str) -> Markup:
    return Markup('<line class="{}" x1="{}" x2="{}" y1="{:.0f}" y2="{:.0f}"/>').format(
        css, f"{x:.1f}", f"{x:.1f}", top, bottom
    )


def _label(x: float, y: float, words: str, css: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{:.0f}">{}</text>').format(css, f"{x:.1f}", y, words)


def _svg(parts: Sequence[Markup], width: int, height: int, css: str) -> Markup:
    head = Markup('<svg class="{}" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true" focusable="false">')
    return head.format(css, width, height, width, height) + Markup("").join(parts) + Markup("</svg>")


def _thinned(ticks: Sequence[float]) -> list[float]:
    """At most seven ticks get a label, zero always."""
    every = math.ceil(len(ticks) / 7)
    zero = ticks.index(0.0) if 0.0 in ticks else 0
    return [tick for i, tick in enumerate(ticks) if (i - zero) % every == 0]


def round_step(rough: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 … that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
