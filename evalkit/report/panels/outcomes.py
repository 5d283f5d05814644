"""Sample by sample, by the primary metric: what the candidate fixed, what it broke, what stayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from msgspec import Struct

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.read import Document, number, obj, text, whole

WIDTH = 640
_ORDER = ("both_right", "fixed", "broken", "both_wrong", "unscored")
_MEANING: Mapping[str, str] = {
    "both_right": "full marks on both sides",
    "fixed": "the candidate scores higher",
    "broken": "the candidate scores lower",
    "both_wrong": "the same score on both sides, below full marks",
    "unscored": "no score on one side or both: no evidence, never a zero",
}


class Moved(Struct, frozen=True, kw_only=True):
    """One of the ways in which a sample can come out."""

    code: str
    sign: str
    word: str
    meaning: str
    n: int
    count: str
    share: str
    href: str


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """The rows, a bar, and for right/wrong metrics the square of four; rows are empty where nothing was compared."""
    rows = moved(verdict)
    return {
        "moved": rows,
        "bar": _bar(rows) if rows else "",
        "square": {row.code: row for row in rows} if number(obj(verdict, "primary"), "discordance") is not None else {},
        "metric": text(obj(verdict, "primary"), "metric"),
    }


def moved(verdict: Document) -> tuple[Moved, ...]:
    """The kinds of flips with their counts, in the order of the picture; empty where no sample was looked at."""
    flips = obj(verdict, "flips")
    counts = {code: whole(flips, code) or 0 for code in _ORDER}
    total = sum(counts.values())
    if not total:
        return ()
    return tuple(
        Moved(
            code=code,
            sign=strings.FLIPS[code][0],
            word=strings.FLIPS[code][1],
            meaning=_MEANING[code],
            n=counts[code],
            count=numbers.count(counts[code]),
            share=numbers.percent(counts[code] / total),
            href=f"#f={code}" if counts[code] else "",
        )
        for code in _ORDER
    )


def _bar(rows: tuple[Moved, ...]) -> Markup:
    """One bar, cut by the counts; numbers and class names only. The table below says the same."""
    total, at, parts = sum(row.n for row in rows), 0.0, []
    for row in rows:
        wide = WIDTH * row.n / total
        parts.append(f'<rect class="moved-{row.code}" x="{at:.1f}" y="0" width="{wide:.1f}" height="22"/>')
        at += wide
    look = 'class="moved-bar" preserveAspectRatio="none" aria-hidden="true" focusable="false"'  # fills its frame
    drawn = f'<svg {look} viewBox="0 0 {WIDTH} 22">{"".join(parts)}</svg>'
    return Markup(drawn)  # noqa: S704 - numbers and our own words
