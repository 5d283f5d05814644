"""The first flipped samples, readable without JavaScript."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from evalkit.report import strings
from evalkit.report.read import Document, obj, text, words
from evalkit.report.text import cleaned, shorten

EXAMPLES_PER_FLIP = 4


class Example(Struct, frozen=True, kw_only=True):
    """One flipped sample, readable without JavaScript."""

    id: str
    sign: str
    word: str
    input: str
    target: str
    baseline: str
    candidate: str


def examples(samples: Iterable[Document]) -> tuple[Example, ...]:
    """The first broken and the first fixed samples, cut short."""
    found: dict[str, list[Example]] = {"broken": [], "fixed": []}
    for row in samples:
        flip = row.get("flip")
        if isinstance(flip, str) and flip in found and len(found[flip]) < EXAMPLES_PER_FLIP:
            found[flip].append(_example(cleaned(row), flip))
            if all(len(rows) == EXAMPLES_PER_FLIP for rows in found.values()):
                break
    return (*found["broken"], *found["fixed"])


def _example(row: Document, flip: str) -> Example:
    sign, word = strings.FLIPS[flip]
    baseline, candidate = (_answer(obj(row, side)) for side in strings.SIDES)
    return Example(
        id=text(row, "id"),
        sign=sign,
        word=word,
        input=shorten(text(row, "input"), 400),
        target=shorten(words(row.get("target")), 200),
        baseline=baseline,
        candidate=candidate,
    )


def _answer(side: Document) -> str:
    return shorten(text(side, "text") or text(side, "error") or f"({text(side, 'status')})", 400)
