"""How the scores of graded metrics are spread, a strip a side on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from msgspec import Struct

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.read import Document, items, number, obj, objects, text

WIDTH, HEIGHT = 260, 34


class Strip(Struct, frozen=True, kw_only=True):
    """One side's scores by one metric."""

    side: str
    middle: str
    half: str
    picture: Markup
    told: str
    """The picture in words."""


class Spread(Struct, frozen=True, kw_only=True):
    """Both sides' scores by one metric."""

    metric: str
    n: str
    strips: tuple[Strip, ...]


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """A block a graded metric; empty where every metric is right or wrong."""
    return {"spreads": tuple(_spread(found) for found in objects(verdict, "distributions"))}


def _spread(found: Document) -> Spread:
    counts = {side: _counts(obj(found, side)) for side in strings.SIDES}
    highest = max((n for each in counts.values() for n in each), default=0)
    strips = tuple(_strip(side, obj(found, side), counts[side], highest) for side in strings.SIDES)
    return Spread(metric=text(found, "metric"), n=numbers.count(number(found, "n")), strips=strips)


def _counts(side: Document) -> list[int]:
    return [n for n in items(side, "histogram") if isinstance(n, int) and n >= 0]


def _strip(side: str, found: Document, counts: list[int], highest: int) -> Strip:
    quartiles = dict(zip(("low", "middle", "high"), items(found, "quartiles_points"), strict=False))
    low, middle, high = (numbers.points(number(quartiles, key)) for key in ("low", "middle", "high"))
    total = max(1, sum(counts))
    lowest, best = ((counts[at] if counts else 0) / total for at in (0, -1))
    step = 100 // max(1, len(counts))
    told = f"{numbers.percent(lowest)} of the samples below {step} points, {numbers.percent(best)} from {100 - step} up"
    return Strip(side=side, middle=middle, half=f"{low} to {high}", picture=_picture(counts, highest), told=told)


def _picture(counts: list[int], highest: int) -> Markup:
    """A histogram: numbers and class names only."""
    wide = WIDTH / max(1, len(counts))
    bars = []
    for at, n in enumerate(counts):
        tall = (HEIGHT - 2) * n / max(1, highest)
        bars.append(
            f'<rect x="{at * wide + 0.5:.1f}" y="{HEIGHT - tall:.1f}" width="{wide - 1:.1f}" height="{tall:.1f}"/>'
        )
    svg = (
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">{"".join(bars)}</svg>'
    )
    return Markup(svg)  # noqa: S704 - numbers only
