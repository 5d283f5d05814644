"""Rows of rich's as text: wrapped to a width, coloured or not, the same on every machine."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, RenderableType


def printed(rows: Iterable[RenderableType], *, color: bool, width: int, is_fitted: bool = False) -> list[str]:
    """The lines of all rows, at most `width` columns wide, blanks at their ends removed.

    Without `color` they hold no escape byte. Rows that are `is_fitted` are lines already and are not wrapped.
    """
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as captured:
        for row in rows:
            console.print(row, soft_wrap=is_fitted)
    return [line.rstrip() for line in captured.get().splitlines()]
