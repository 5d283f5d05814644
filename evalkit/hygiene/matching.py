"""Training texts streamed once past the index of held-out texts: pairs that share enough to be looked at closely.

All pairs of a batch are found together: every shared run of words is a point (word of the item, word of the text), and
runs that follow each other on one diagonal are one longer match, so the longest match of each pair falls out of a sort.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from evalkit.hygiene.index import SHORT, Index, Postings, within
from evalkit.hygiene.words import Batch, grams

MIN_TEMPLATE_ROWS = 10
"""A run in so few rows is no template, whatever share of a small file they are."""
COMMON = 0.5
"""A run in more than this share of the samples (and in more than ten) is the suite's own wrapping."""
MAX_POINTS = 4_000_000
"""Places in common in one batch beyond which repeats are passed over; about 200 MB."""
REPEATS, MAX_PLACES = 3, 1_000
"""Then: so many repeats of a run in one text, and so many places of a run in the samples."""
PER_ITEM = 8
"""Texts of one batch that are looked at for one item, those that share most first."""


class Pair(Struct, frozen=True):
    """A held-out text and a training text with runs of words in common."""

    item: int
    text: int
    """Which text of the batch."""
    shared: int
    """Runs in common, templates not counted."""
    longest: int
    """Words of the longest match."""
    place: int
    """Which word of the item the longest match begins at."""
    offset: int
    """Which word of the text it begins at."""
    keys: tuple[int, ...]
    """The runs in common, by key."""


class Finder(Struct):
    """Finds pairs batch by batch, and learns as it goes which runs of words are templates."""

    index: Index
    postings: Postings
    min_shared: int
    template_share: float
    rows: int = 0
    seen: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """(K,) training rows that have each run."""

    def __post_init__(self) -> None:
        self.seen = np.zeros(len(self.postings.keys), np.int32)

    def templates(self) -> NDArray[np.bool_]:
        """(K,) the runs that are part of a template, as far as rows were seen."""
        many = self.seen > max(MIN_TEMPLATE_ROWS, self.template_share * self.rows)
        samples = len(self.index.samples)
        wrapping = self.postings.spread > max(MIN_TEMPLATE_ROWS, COMMON * samples)
        found: NDArray[np.bool_] = (many & (self.postings.spread > 1)) | wrapping
        return found

    def pairs(self, batch: Batch, row_of: NDArray[np.int64], rows: int) -> list[Pair]:
        """The pairs of one batch. `row_of` (texts,) numbers the training row each text is of, `rows` of them."""
        self.rows += rows
        n = self.postings.n
        at, keys = self.postings.found(grams(batch.hashes, n))
        texts = np.searchsorted(batch.bounds, at, side="right") - 1
        inside = at + n <= batch.bounds[texts + 1]
        at, keys, texts = at[inside], keys[inside], texts[inside]
        if not len(at):
            return []
        once = np.unique(keys << 32 | row_of[texts]) >> 32
        self.seen += np.bincount(once, minlength=len(self.seen)).astype(np.int32)
        kept = ~self.templates()[keys]
        at, keys, texts = at[kept], keys[kept], texts[kept]
        starts = self.postings.starts
        counts = starts[keys + 1] - starts[keys]
        if int(counts.sum()) > MAX_POINTS:  # one phrase over and over, in a text and in samples
            some = _first_few(texts, keys)
            at, keys, texts, counts = at[some], keys[some], texts[some], np.minimum(counts[some], MAX_PLACES)
            # Still too many: the rarest runs tell most, and memory stays bounded.
            rarest = np.argsort(counts, kind="stable")
            fits = np.sort(rarest[np.cumsum(counts[rarest]) <= MAX_POINTS])
            at, keys, texts, counts = at[fits], keys[fits], texts[fits], counts[fits]
        flat = np.repeat(starts[keys], counts) + within(counts)
        points = _Points(
            item=self.postings.items[flat].astype(np.int64),
            place=self.postings.places[flat].astype(np.int64),
            text=np.repeat(texts, counts),
            offset=np.repeat(at - batch.bounds[texts], counts),
            key=np.repeat(keys, counts),
        )
        return list(_chosen(points, self._needed(), n)) if len(flat) else []

    def _needed(self) -> NDArray[np.int64]:
        """(items,) shared runs that make a pair: fewer where a text has few words."""
        words = np.diff(self.index.words.bounds)
        found: NDArray[np.int64] = np.minimum(self.min_shared, np.maximum(1, words // 6))
        return np.maximum(1, (words - SHORT + 2) // 2).astype(np.int64) if self.postings.n == SHORT else found


class _Points(Struct, frozen=True):
    """Shared runs, one a place in both texts."""

    item: NDArray[np.int64]
    place: NDArray[np.int64]
    text: NDArray[np.int64]
    offset: NDArray[np.int64]
    key: NDArray[np.int64]

    def taken(self, which: NDArray[np.int64]) -> _Points:
        return _Points(self.item[which], self.place[which], self.text[which], self.offset[which], self.key[which])


def _first_few(texts: NDArray[np.int64], keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which points are among the first of their key in their text, in their order."""
    order = np.lexsort((keys, texts))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (texts[order][1:] != texts[order][:-1]) | (keys[order][1:] != keys[order][:-1])
    begins = np.flatnonzero(is_new)
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    return np.sort(order[rank < REPEATS])


def _chosen(points: _Points, needed: NDArray[np.int64], n: int) -> Sequence[Pair]:
    """The pairs with enough in common, at most PER_ITEM an item."""
    points = points.taken(np.lexsort((points.place, points.offset - points.place, points.text, points.item)))
    is_new = np.ones(len(points.item), bool)
    is_new[1:] = (points.item[1:] != points.item[:-1]) | (points.text[1:] != points.text[:-1])
    first = np.flatnonzero(is_new)
    pair = np.cumsum(is_new) - 1
    # A word that a text repeats makes several points of one run of the item; the item's runs are what counts.
    shared = np.bincount(np.unique(pair << 32 | points.place) >> 32, minlength=len(first))
    diagonal = points.offset - points.place
    breaks = is_new.copy()
    breaks[1:] |= (diagonal[1:] != diagonal[:-1]) | (points.place[1:] != points.place[:-1] + 1)
    begins = np.flatnonzero(breaks)
    sizes = np.diff(np.append(begins, len(breaks)))
    # The longest match of each pair, the earliest of equals.
    order = np.lexsort((-sizes, pair[begins]))
    best = order[np.searchsorted(pair[begins][order], np.arange(len(first)))]
    enough = np.flatnonzero(shared >= needed[points.item[first]])
    by_item = enough[np.lexsort((-shared[enough], points.item[first[enough]]))]
    item = points.item[first[by_item]]
    rank = np.arange(len(by_item)) - np.searchsorted(item, item)
    ends = np.append(first, len(pair))
    found = []
    for p in by_item[rank < PER_ITEM]:
        at = begins[best[p]]
        found.append(
            Pair(
                item=int(points.item[at]),
                text=int(points.text[at]),
                shared=int(shared[p]),
                longest=int(sizes[best[p]]) + n - 1,
                place=int(points.place[at]),
                offset=int(points.offset[at]),
                keys=tuple(set(points.key[ends[p] : ends[p + 1]].tolist())),
            )
        )
    return found
