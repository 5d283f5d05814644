"""Which file a mistyped path was most likely meant for."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from evalkit.suites.diagnostics import nearest

MAX_LOOKED_AT = 2_000
"""Names of a folder that are compared; a folder of more is no place for typing by hand."""
_CLOSE = 0.75
"""Two file names of the same ending are alike by that alone; below this, nothing else is."""


def meant_path(text: str, folder: Path, root: Path | None = None) -> str | None:
    """The path from `folder` that exists and looks most like `text`, each step mended by itself; None without one.

    Where a `root` is given, no name is looked up outside it.
    """
    here = folder
    steps: list[str] = []
    for step in Path(text.replace("\\", "/")).parts:
        if root is not None and not (here / step).resolve().is_relative_to(root):
            return None
        name = step if step == ".." or (here / step).exists() else nearest(step, _names(here), cutoff=_CLOSE)
        if name is None:
            return None
        here, steps = here / name, [*steps, name]
    return "/".join(steps) or None


def did_you_mean_path(text: str, folder: Path, root: Path | None = None) -> str:
    """` (did you mean 'samples.jsonl'?)`, or nothing."""
    try:
        meant = meant_path(text, folder, root)
    except OSError:
        return ""
    return "" if meant is None or Path(meant) == Path(text) else f" (did you mean '{meant[:200]}'?)"


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [e.name for e in itertools.islice(entries, MAX_LOOKED_AT) if not e.name.startswith(".")]
    except OSError:
        return []
