"""Label by label: precision, recall, F1, and both sides' confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.grid import Table
from evalkit.report.read import Document, items, number, obj, objects, text, words

TINTS = 5


class ClassBlock(Struct, frozen=True, kw_only=True):
    """One metric's labels and its confusion matrices."""

    metric: str
    table: Table
    heads: tuple[str, ...]
    matrices: tuple[tuple[str, tuple[tuple[str, tuple[tuple[str, int], ...]], ...]], ...]
    """(side, rows of (gold label, cells of (count, tint 0–5)))"""


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """A block for each metric that has labels."""
    return {
        "classes": class_blocks(verdict),
    }


def class_blocks(verdict: Document) -> tuple[ClassBlock, ...]:
    """Per-label figures of every metric that has labels."""
    return tuple(_class_block(block) for block in objects(verdict, "per_class"))


def _class_block(block: Document) -> ClassBlock:
    rows: list[tuple[str, ...]] = []
    for row in objects(block, "rows"):
        was, now = (obj(row, side) for side in strings.SIDES)
        pairs = [f"{_figure(was, key)}\u00a0→\u00a0{_figure(now, key)}" for key in ("precision", "recall", "f1")]
        rows.append((text(row, "label"), numbers.count(number(row, "n")), *pairs))
    labels = tuple(words(label) for label in items(block, "labels"))
    confusion = obj(block, "confusion")
    unreadable = obj(block, "unreadable")
    sides = [side for side in strings.SIDES if side in confusion]
    is_split = all(len(items(unreadable, side)) == len(labels) for side in sides) and bool(unreadable)
    matrices = tuple(
        (side, _matrix(labels, _split(items(confusion, side), items(unreadable, side) if is_split else [])))
        for side in sides
    )
    return ClassBlock(
        metric=text(block, "metric"),
        table=Table(head=("label", "n", "precision", "recall", "F1"), rows=tuple(rows), is_numeric=True),
        heads=(*labels, *(("(not a label)", "(unreadable)") if is_split else ("(unreadable or not a label)",))),
        matrices=matrices,
    )


def _split(rows: Sequence[object], unreadable: Sequence[object]) -> list[object]:
    """The rows with their last column in two, where it is known how many of it could not be read."""
    if not unreadable:
        return list(rows)
    found: list[object] = []
    for row, n in zip(rows, unreadable, strict=False):
        is_known = isinstance(row, list | tuple) and row and isinstance(row[-1], int) and isinstance(n, int)
        found.append([*row[:-1], row[-1] - n, n] if is_known else row)  # type: ignore[index] # a list, as just seen
    return found


def _matrix(labels: Sequence[str], rows: Sequence[object]) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    found = []
    for label, row in zip(labels, rows, strict=False):
        counts = [value if isinstance(value, int) else 0 for value in row] if isinstance(row, list) else []
        total = max(1, sum(counts))
        cells = tuple((numbers.count(n), -(-TINTS * n // total)) for n in counts)
        found.append((label, cells))
    return tuple(found)


def _figure(figures: Document, key: str) -> str:
    value = number(figures, key)
    return "–" if value is None else numbers.points(value)
