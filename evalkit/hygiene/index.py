"""The held-out side, indexed by runs of words: what a stream of training rows is held against.

Memory is bounded by this side alone. Every run of five words (of three in texts too short for that) is a 64-bit hash
in a sorted array; a table of single bytes in front of it turns away nearly all that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evalkit.hygiene.words import Batch, grams, hashed, letters, plain

LONG, SHORT = 5, 3
"""Words in a run, for texts of more than `SHORT_WORDS` words and for shorter ones."""
SHORT_WORDS = 8
_TABLE_BITS = 25

ItemKind = Literal["question", "answer"]


class Item(Struct, frozen=True):
    """One text of a held-out sample."""

    sample: str
    kind: ItemKind
    text: str
    is_exact_only: bool = False
    """Only the whole text counts: it is mostly a prompt's wording, which all samples share."""


class Postings(Struct, frozen=True):
    """Where each run of `n` words stands in the items."""

    n: int
    keys: NDArray[np.uint64]
    """(K,) sorted, distinct"""
    starts: NDArray[np.int64]
    """(K + 1,) into items and places"""
    items: NDArray[np.int32]
    places: NDArray[np.int32]
    """Which word of the item the run begins at."""
    spread: NDArray[np.int32]
    """(K,) in how many samples the run stands"""
    table: NDArray[np.bool_]

    def found(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(which of `hashes` are keys, which keys they are)."""
        if not len(self.keys):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        maybe = np.flatnonzero(self.table[hashes >> np.uint64(64 - _TABLE_BITS)])
        wanted = hashes[maybe]
        keys = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        hit = self.keys[keys] == wanted
        return maybe[hit], keys[hit]


class Index(Struct, frozen=True):
    """All held-out texts, ready to be looked up."""

    items: tuple[Item, ...]
    words: Batch
    exact: dict[bytes, list[int]]
    """The letters of an item → the items that have these letters."""
    by_five: Postings
    by_three: Postings
    samples: tuple[str, ...]
    sample_of: NDArray[np.int32]
    """(items,) into samples"""

    @classmethod
    def of(cls, items: Iterable[Item]) -> Index:
        """The index; texts without letters or digits can be found nowhere."""
        kept = tuple(items)
        texts = [plain(item.text) for item in kept]
        words = hashed(texts)
        exact: dict[bytes, list[int]] = {}
        for i, (item, text) in enumerate(zip(kept, texts, strict=True)):
            if item.kind == "question" and (key := letters(text)):
                exact.setdefault(key, []).append(i)
        names = {name: i for i, name in enumerate(dict.fromkeys(item.sample for item in kept))}
        sample_of = np.array([names[item.sample] for item in kept], np.int32)
        lengths = np.diff(words.bounds)
        looked_for = np.array([not item.is_exact_only for item in kept], bool)
        return cls(
            items=kept,
            words=words,
            exact=exact,
            by_five=_postings(words, np.flatnonzero((lengths > SHORT_WORDS) & looked_for), LONG, sample_of),
            by_three=_postings(words, np.flatnonzero((lengths <= SHORT_WORDS) & looked_for), SHORT, sample_of),
            samples=tuple(names),
            sample_of=sample_of,
        )

    def words_of(self, item: int) -> NDArray[np.uint64]:
        """The hashed words of one item."""
        return self.words.hashes[self.words.bounds[item] : self.words.bounds[item + 1]]

    def span(self, item: int, start: int, size: int) -> str:
        """Words of an item as text, from its word number `start` on."""
        return " ".join(plain(self.items[item].text).decode("utf-8", "replace").split()[start : start + size])


def _postings(words: Batch, items: NDArray[np.int64], n: int, sample_of: NDArray[np.int32]) -> Postings:
    hashes, owners, places = _runs(words, items, n)
    order = np.argsort(hashes, kind="stable")
    hashes, owners, places = hashes[order], owners[order], places[order]
    is_first = np.ones(len(hashes), bool)
    is_first[1:] = hashes[1:] != hashes[:-1]
    begins = np.flatnonzero(is_first)
    number = np.cumsum(is_first) - 1
    pairs = np.unique(number.astype(np.int64) << 32 | sample_of[owners])
    table = np.zeros(1 << _TABLE_BITS, bool)
    table[hashes >> np.uint64(64 - _TABLE_BITS)] = True
    return Postings(
        n=n,
        keys=hashes[begins],
        starts=np.append(begins, len(hashes)).astype(np.int64),
        items=owners,
        places=places,
        spread=np.bincount(pairs >> 32, minlength=len(begins)).astype(np.int32),
        table=table,
    )


def _runs(
    words: Batch, items: NDArray[np.int64], n: int
) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32]]:
    """(hash, item, word number) of every run of `n` words that lies within one of the items."""
    found = grams(words.hashes, n)
    counts = np.maximum(0, words.bounds[items + 1] - words.bounds[items] - n + 1)
    places = within(counts)
    at = np.repeat(words.bounds[items], counts) + places
    return found[at], np.repeat(items, counts).astype(np.int32), places.astype(np.int32)


def within(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 … count − 1 for each count, one after another.

    >>> within(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    total = int(counts.sum())
    return np.arange(total, dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
