"""What two texts with runs of words in common have to do with each other: copied, nearly copied, or neither."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evalkit.hygiene.index import SHORT_WORDS, Index
from evalkit.hygiene.matching import Pair
from evalkit.hygiene.words import grams
from evalkit.metrics.sequences import lcs_length
from evalkit.types.hygiene import Thresholds

Layer = Literal["exact", "ngram", "span", "near", "edited", "semantic", "answer"]
State = Literal["dirty", "suspect"]
LAYERS: dict[Layer, str] = {
    "exact": "the same text but for case, spaces and punctuation",
    "ngram": "a long run of the same words",
    "span": "one run of words makes up much of the text",
    "near": "nearly all runs of three words are the same",
    "edited": "the same words in the same order, with changes between",
    "semantic": "the same in other words or another language",
    "answer": "the reference answer stands in a training output",
}
_SHORT_LETTERS = 5
"""Letters in a run, for texts too short for runs of words."""
_MUCH_LONGER = 8
_WHOLE = 5
"""Words a text needs so that finding all of it inside a longer one means anything."""


class Match(Struct, frozen=True, kw_only=True):
    """What a pair has in common, at its strongest."""

    layer: Layer
    state: State
    score: float
    """Share of the held-out text, or Jaccard similarity (near): 0 to 1."""
    place: int
    """The matched span in the held-out text: which word it begins at …"""
    size: int
    """… and how many words it has; 0 where no span says it."""


def verified(pair: Pair, index: Index, text: NDArray[np.uint64], raw: bytes, asked: Thresholds) -> Match | None:
    """What the pair is, or None where it has too little in common.

    `text` (words,): the training text; `raw` the same as bytes.
    """
    item = index.words_of(pair.item)
    is_answer = index.items[pair.item].kind == "answer"
    by_span = _by_span(pair, len(item), asked, is_answer=is_answer)
    if is_answer or (by_span is not None and by_span.state == "dirty"):
        return by_span
    if len(item) <= SHORT_WORDS:
        alike = _alike(b" ".join(index.span(pair.item, 0, len(item)).encode().split()), raw)
        return _judged(pair, "near", alike, asked.dirty_jaccard, asked.suspect_jaccard)
    found = [by_span]
    window = _window(pair, item, text)
    # Texts of very different length cannot have much in common of either; nor must a book be looked through each time.
    is_like_long = len(text) * asked.suspect_jaccard <= len(item) + 2
    if _common(item, text if is_like_long else window) >= min(asked.suspect_jaccard, asked.suspect_aligned):
        near = _jaccard(grams(item, 3), grams(text, 3)) if is_like_long else 0.0
        aligned = lcs_length(item.tolist(), window.tolist()) / len(item)
        # Half of a short sentence is a turn of phrase: what is suspect has as many words as an n-gram that is dirty.
        suspect_aligned = max(asked.suspect_aligned, min(asked.ngram / len(item), asked.dirty_aligned))
        found.append(_judged(pair, "near", near, asked.dirty_jaccard, asked.suspect_jaccard))
        found.append(_judged(pair, "edited", aligned, asked.dirty_aligned, suspect_aligned))
    matches = [match for match in found if match is not None]
    return min(matches, key=lambda match: match.state != "dirty", default=None)


def _by_span(pair: Pair, words: int, asked: Thresholds, *, is_answer: bool) -> Match | None:
    """What the longest match alone says of an item of so many words."""
    share, is_whole = pair.longest / words, pair.longest == words
    if is_answer:
        return _match(pair, "answer", "suspect", share) if is_whole else None
    if pair.longest >= asked.ngram or (is_whole and words >= _WHOLE):
        return _match(pair, "ngram", "dirty", share)
    if pair.longest < asked.span_words:
        return None
    return _judged(pair, "span", share, asked.dirty_span, asked.suspect_span)


def _match(pair: Pair, layer: Layer, state: State, score: float) -> Match:
    return Match(layer=layer, state=state, score=round(score, 4), place=pair.place, size=pair.longest)


def _judged(pair: Pair, layer: Layer, score: float, dirty: float, suspect: float) -> Match | None:
    state: State | None = "dirty" if score >= dirty else "suspect" if score >= suspect else None
    return None if state is None else _match(pair, layer, state, score)


def _common(item: NDArray[np.uint64], text: NDArray[np.uint64]) -> float:
    """The share of the item's words that stand anywhere in the text: no alignment and no Jaccard can be above it.

    It costs a tenth of them, and turns away nearly all pairs that share no more than a phrase.
    """
    there = set(text.tolist())
    return sum(word in there for word in item.tolist()) / len(item)


def _jaccard(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> float:
    one, other = set(a.tolist()), set(b.tolist())
    return len(one & other) / max(1, len(one | other))


def _alike(a: bytes, b: bytes) -> float:
    """Jaccard similarity of runs of letters; 0 for a text several times as long."""
    if len(b) > _MUCH_LONGER * len(a):
        return 0.0
    one, other = (
        {words[i : i + _SHORT_LETTERS] for i in range(max(1, len(words) - _SHORT_LETTERS + 1))}
        for words in (a, b" ".join(b.split()))
    )
    return len(one & other) / len(one | other)


def _window(pair: Pair, item: NDArray[np.uint64], text: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The part of the text that the item would stand in, judging by the longest match, and a quarter more each way."""
    slack = max(5, len(item) // 4)
    start = pair.offset - pair.place
    return text[max(0, start - slack) : start + len(item) + slack]
