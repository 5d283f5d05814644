"""Scores and differences over time, as SVG: numbers and dates only; colours come from the style sheet."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup
from msgspec import Struct

from evalkit import numbers
from evalkit.report.forest import round_step
from evalkit.report.read import Document, number, obj, objects, pair, text
from evalkit.report.strings import SIDES

LEFT, RIGHT, TOP, PLOT, BOTTOM = 44, 24, 26, 190, 26
WIDEST_STEP = 96
_DATE_WIDTH, _VERSION_WIDTH = 78, 44


class Room(Struct, frozen=True, kw_only=True):
    """How wide a picture should be, in pixels, and how near to each other runs may come before it grows wider."""

    css: str
    plot: float
    step: float


DESK = Room(css="over-time roomy", plot=900, step=22)
PHONE = Room(css="over-time narrow", plot=256, step=6)
"""A picture scaled down to a phone could not be read, so phones get one of their own."""
_NUDGE = {"baseline": -5.0, "candidate": 5.0, "delta": 0.0}
"""Pixels by which the sides stand apart, so that their whiskers do not cover each other."""
_UNCROWDED_STEP = 22.0


class _Frame(Struct, frozen=True, kw_only=True):
    """Where things stand: runs from left to right at even distances, points from bottom to top."""

    n: int
    low: float
    high: float
    step: float
    ticks: tuple[float, ...]
    css: str

    @property
    def width(self) -> float:
        return LEFT + RIGHT + self.n * self.step

    def x(self, place: float) -> float:
        return LEFT + (place + 0.5) * self.step

    def y(self, points: float) -> float:
        return TOP + PLOT * (self.high - points) / (self.high - self.low)


def scores_svg(document: Document, room: Room = DESK) -> Markup | None:
    """Both sides' scores with their 95 % intervals; None where no run was measured."""
    runs = objects(document, "runs")
    frame = _frame(runs, [f"{side}_points" for side in SIDES], [f"{side}_ci95_points" for side in SIDES], room)
    if frame is None:
        return None
    parts = [*_grid(frame), *_breaks(frame, document)]
    for side in SIDES:
        parts += _bridges(frame, document, side)
        parts += _series(frame, document, (side, f"{side}_points", f"{side}_ci95_points"))
    return _svg(frame, [*parts, *_dates(frame, runs)])


def differences_svg(document: Document, room: Room = DESK) -> Markup | None:
    """The differences with their 95 % intervals, against zero; None where no run was measured."""
    runs = objects(document, "runs")
    frame = _frame(runs, ["delta_points"], ["ci95_points"], room)
    if frame is None:
        return None
    zero = _line(LEFT, frame.y(0.0), frame.width - RIGHT, frame.y(0.0), "zero")
    parts = [*_grid(frame), zero, *_breaks(frame, document)]
    parts += _series(frame, document, ("delta", "delta_points", "ci95_points"))
    return _svg(frame, [*parts, *_dates(frame, runs)])


def _frame(runs: Sequence[Document], points: Sequence[str], intervals: Sequence[str], room: Room) -> _Frame | None:
    has_zero = "delta_points" in points
    found = [value for run in runs for key in points if (value := number(run, key)) is not None]
    if not found:
        return None
    found += [end for run in runs for key in intervals for end in pair(run, key) or ()]
    if has_zero:
        found.append(0.0)
    low, high = min(found), max(found)
    unit = round_step(max(high - low, 4.0) / 5)
    first, last = math.floor(low / unit + 1e-9), math.ceil(high / unit - 1e-9)
    if first == last:
        first, last = first - 1, last + 1
    ticks = [k * unit for k in range(first, last + 1)]
    if not has_zero:
        ticks = [tick for tick in ticks if 0.0 <= tick <= 100.0]  # noqa: PLR2004 - scores are points of 100
    step = min(WIDEST_STEP, max(room.step, room.plot / len(runs)))
    return _Frame(n=len(runs), low=ticks[0], high=ticks[-1], step=step, ticks=tuple(ticks), css=room.css)


def _grid(frame: _Frame) -> Iterator[Markup]:
    for tick in frame.ticks:
        yield _line(LEFT, frame.y(tick), frame.width - RIGHT, frame.y(tick), "grid")
        told = numbers.points(tick).removesuffix(".0")
        yield Markup('<text class="tick level" x="{}" y="{:.1f}">{}</text>').format(LEFT - 6, frame.y(tick) + 4, told)


def _breaks(frame: _Frame, document: Document) -> Iterator[Markup]:
    """A dashed line where the data or the metric changed, and the version of the data on either side of it."""
    runs = objects(document, "runs")
    across = {text(line, "to") for line in objects(document, "lines")}
    starts = [place for place, run in enumerate(runs) if place == 0 or text(run, "run") in across]
    told_at = -math.inf
    for place in starts:
        x = LEFT + place * frame.step
        if place:
            yield _line(x, TOP - 18, x, TOP + PLOT, "asked")
        version = number(obj(runs[place], "data"), "version")
        if len(starts) > 1 and version and x - told_at >= _VERSION_WIDTH:
            told_at = x
            told = Markup('<text class="version" x="{:.1f}" y="{}">data {:.0f}</text>')
            yield told.format(x + 4, TOP - 10, version)


def _bridges(frame: _Frame, document: Document, side: str) -> Iterator[Markup]:
    """Dotted from the old to the new data where the same model on this side was asked on both."""
    at = {text(run, "run"): place for place, run in enumerate(objects(document, "runs"))}
    for bridge in (one for line in objects(document, "lines") for one in objects(line, "bridges")):
        ends = [obj(bridge, end) for end in ("old", "new")]
        if all(text(end, "side") == side for end in ends):
            (x1, y1), (x2, y2) = (
                (frame.x(at[text(end, "run")]) + _nudge(frame, side), frame.y(number(end, "points") or 0.0))
                for end in ends
            )
            yield _line(x1, y1, x2, y2, f"span {side}")


def _series(frame: _Frame, document: Document, keys: tuple[str, str, str]) -> Iterator[Markup]:
    """One side: a line through what may be compared, a whisker and a mark a run, a ring where a run is a bridge."""
    side, key, interval = keys
    runs = objects(document, "runs")
    across = {text(line, "to") for line in objects(document, "lines")}
    points: list[tuple[float, float] | None] = []
    for place, run in enumerate(runs):
        value = number(run, key)
        if text(run, "run") in across:
            points.append(None)
        if value is None:
            continue
        x, y = frame.x(place) + _nudge(frame, side), frame.y(value)
        points.append((x, y))
        ends = pair(run, interval)
        if ends is not None:
            (high, low), cap = (frame.y(end) for end in reversed(ends)), 3.5
            caps = "".join(f"M{x - cap:.1f} {end:.1f}h{2 * cap:.1f}" for end in (high, low))
            yield Markup('<path class="whisker {}" d="M{:.1f} {:.1f}V{:.1f}{}"/>').format(side, x, high, low, caps)
        yield _mark(x, y, side)
        if side in (run.get("bridge") or ()):
            yield Markup('<circle class="ring {}" cx="{:.1f}" cy="{:.1f}" r="9"/>').format(side, x, y)
    for is_gap, part in itertools.groupby(points, key=lambda point: point is None):
        if not is_gap:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in filter(None, part))
            yield Markup('<polyline class="path {}" points="{}"/>').format(side, path)


def _nudge(frame: _Frame, side: str) -> float:
    return _NUDGE[side] * min(1.0, frame.step / _UNCROWDED_STEP)


def _mark(x: float, y: float, side: str) -> Markup:
    """A square for the baseline, a disc for the candidate, a diamond for the difference: told apart without colour."""
    if side == "candidate":
        return Markup('<circle class="dot candidate" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(x, y)
    shape = "M{0:.1f} {1:.1f}m-4.5 -4.5h9v9h-9z" if side == "baseline" else "M{0:.1f} {1:.1f}m0 -6l6 6l-6 6l-6 -6z"
    return Markup('<path class="dot {}" d="{}"/>').format(side, shape.format(x, y))


def _dates(frame: _Frame, runs: Sequence[Document]) -> Iterator[Markup]:
    every = math.ceil(_DATE_WIDTH / frame.step)
    for place in range(0, len(runs), every):
        if frame.x(place) + _DATE_WIDTH / 2 > frame.width + 8:
            break
        told = Markup('<text class="tick" x="{:.1f}" y="{}">{}</text>')
        yield told.format(frame.x(place), TOP + PLOT + 18, text(runs[place], "created")[:10])


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(css, x1, y1, x2, y2)


def _svg(frame: _Frame, parts: Sequence[Markup]) -> Markup:
    width, height = max(frame.width, 320.0), TOP + PLOT + BOTTOM
    head = Markup(
        '<svg class="{2}" viewBox="0 0 {0:.0f} {1}" width="{0:.0f}" height="{1}" aria-hidden="true" focusable="false">'
    )
    return head.format(width, height, frame.css) + Markup("").join(parts) + Markup("</svg>")
