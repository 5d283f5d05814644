"""Which rows of one set are copies or near-copies of each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from evalkit.hygiene.index import Index, Item
from evalkit.hygiene.matching import Finder
from evalkit.hygiene.verify import verified
from evalkit.hygiene.words import grams, hashed, letters, plain
from evalkit.types.hygiene import Thresholds

BANDS, WIDTH = 4, 5
TEMPLATE_SHARE = 0.05
"""A run of words in more of the rows (and in more than ten) is a template: more than in a scan for copies of samples,
because here a cluster of near-copies that is taken for a template leaks."""
_RUN = 3
_BATCH = 2_000
_SEEDS: NDArray[np.uint64] = np.arange(1, BANDS * WIDTH + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def twins(texts: Sequence[str], asked: Thresholds) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of rows that are copies or near-copies, enough of them to connect every cluster of such.

    What makes a held-out sample dirty makes two rows twins. Near-copies that are more than 5 % of the rows (and more
    than ten) cannot be told from a template, and are not found. Memory: about 3 kB a row of 100 words.
    """
    first: dict[bytes, int] = {}
    plains = [plain(text) for text in texts]
    pairs = []
    for i, words in enumerate(plains):
        original = first.setdefault(letters(words), i)
        if original != i:
            pairs.append((original, i))
    kept = sorted(first.values())
    index = Index.of(Item(str(i), "question", texts[i]) for i in kept)
    finders = [
        Finder(index, postings, asked.min_shared, max(TEMPLATE_SHARE, asked.template_share))
        for postings in (index.by_five, index.by_three)
        if len(postings.keys)
    ]
    for start in range(0, len(kept), _BATCH):
        rows = kept[start : start + _BATCH]
        batch = hashed([plains[i] for i in rows])
        for finder in finders:
            for pair in finder.pairs(batch, np.arange(len(rows), dtype=np.int64), len(rows)):
                one, other = kept[pair.item], rows[pair.text]
                if one == other:
                    continue
                text = batch.hashes[batch.bounds[pair.text] : batch.bounds[pair.text + 1]]
                match = verified(pair, index, text, plains[other], asked)
                if match is not None and match.state == "dirty":
                    pairs.append((min(one, other), max(one, other)))
    return sorted(set(pairs))


class Sketches(Struct):
    """A few numbers for each row, by which the share of near-copies can be told without keeping a text.

    The smallest hashes of a row's runs of three words stand for it (Broder 1997, "On the resemblance and containment of
    documents"). Rows that agree on one of 4 bands of 5 are near-copies: at a Jaccard similarity of 0.9 that is found
    with a chance of 97 %, at 0.5 with 12 %.
    """

    _waiting: list[bytes] = field(default_factory=list)
    _bands: list[NDArray[np.uint64]] = field(default_factory=list)

    def take(self, words: bytes) -> None:
        """Adds a row, as `plain` gives it."""
        self._waiting.append(words)
        if len(self._waiting) >= _BATCH:
            self._sketch()

    def near_share(self) -> float:
        """The share of rows that are a copy or near-copy of an earlier one."""
        self._sketch()
        if not self._bands:
            return 0.0
        bands = np.concatenate(self._bands)
        is_copy = np.zeros(len(bands), bool)
        for k in range(BANDS):
            seen_again = np.ones(len(bands), bool)
            seen_again[np.unique(bands[:, k], return_index=True)[1]] = False
            is_copy |= seen_again
        return float(is_copy.mean())

    def _sketch(self) -> None:
        if not self._waiting:
            return
        # Texts shorter than a run stand for themselves: their end marks make a run of any of them.
        batch = hashed([words + b" \xff \xff" for words in self._waiting])
        runs = grams(batch.hashes, _RUN)
        starts = np.minimum(batch.bounds[:-1], len(runs) - 1)
        smallest = np.empty((len(self._waiting), BANDS * WIDTH), np.uint64)
        for k, seed in enumerate(_SEEDS):
            mixed = (runs ^ seed) * np.uint64(0xFF51AFD7ED558CCD)
            mixed ^= mixed >> np.uint64(32)
            smallest[:, k] = np.minimum.reduceat(mixed, starts)
        banded = np.zeros((len(self._waiting), BANDS), np.uint64)
        for k in range(WIDTH):
            banded = banded * np.uint64(0x9E3779B97F4A7C15) + smallest[:, k::WIDTH]
        self._bands.append(banded)
        self._waiting = []
