"""Training rows that mean what a held-out sample means, in other words: close by embedding, then read by a model.

Neither runs of words nor similarity alone tell a paraphrase or a translation from a text on the same subject. So what
is closer than held-out samples of different groups are to each other is put to a model that reads both (Yang et al.
2023, "Rethinking Benchmark and Contamination for Language Models with Rephrased Samples", arXiv:2311.04850, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from evalkit.types import JsonValue

MIN_PAIRS = 20
"""Pairs of samples of different groups without which no percentile of their similarities can be told."""
MOST = 2000
"""Samples, evenly spread, whose similarities are looked at: two million pairs tell a percentile well enough."""
_SAME = 1.0 - 1e-6
"""Above it two samples are one text twice, which says nothing of how close different texts are."""

Vectors = NDArray[np.float32]
"""(n, d), rows of length 1."""


class Neighbour(Struct, frozen=True, kw_only=True):
    """A training row close to a sample."""

    sample: str
    where: str
    text: str
    score: float
    """Cosine similarity, −1 to 1."""


class Semantic(Struct, frozen=True, kw_only=True):
    """How paraphrases were looked for, and what came of it."""

    model: str
    """That made the embeddings."""
    judge: str | None = None
    """That read what was close; None: nobody did."""
    neighbours: int
    """Rows looked at for each sample, at most."""
    percentile: float
    threshold: float | None = None
    """The similarity above which a row is close; None where no percentile could be told."""
    close: int = 0
    """Samples with a row above it that other layers had not found dirty."""
    pairs: int = 0
    """Of such a sample and a row."""
    verdicts: Mapping[str, int] = field(default_factory=dict)
    """Pairs by what the judge said: yes, no, unreadable."""
    cut: int = 0
    """Texts of which only the beginning was looked at."""
    unseen: int = 0
    """Samples without a text to look for."""
    note: str | None = None
    """Why it was not looked for after all, or what is missing from it."""

    @property
    def is_checked(self) -> bool:
        """There was a threshold to hold rows against."""
        return self.threshold is not None

    @property
    def method(self) -> str:
        """What was done, as a clause."""
        if self.threshold is None:
            return f"rewordings that share no run of words were not looked for: {self.note}"
        told = (
            f"for rewordings and translations, up to {self.neighbours} training rows closer to a sample by "
            f"{self.model} than {self.percentile:g} % of pairs of unrelated samples are to each other (cosine above "
            f"{self.threshold:.3f})"
        )
        if self.judge is None:
            return f"{told}, which nobody read: closeness alone says little"
        return f"{told}, {self.pairs:,} pairs, each put to {self.judge}"

    def document(self) -> dict[str, JsonValue]:
        """As it stands in verdict.json."""
        return {
            "checked": self.is_checked,
            "model": self.model,
            "judge": self.judge,
            "neighbours": self.neighbours,
            "percentile": self.percentile,
            "threshold": self.threshold,
            "close_samples": self.close,
            "pairs": self.pairs,
            "verdicts": {name: self.verdicts.get(name, 0) for name in ("yes", "no", "unreadable")},
            "texts_cut": self.cut,
            "samples_without_text": self.unseen,
            "note": self.note,
        }


def threshold_of(held: Vectors, groups: Sequence[str], percentile: float) -> float | None:
    """The percentile of the similarities between samples of different groups; None for fewer than `MIN_PAIRS` pairs.

    `groups` (n,): which samples are not independent of each other. Pairs of one text twice do not count.
    """
    step = np.linspace(0, len(held) - 1, min(len(held), MOST)).astype(np.intp)
    names = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    group = np.array([names[groups[i]] for i in step], np.int64)
    left, right = np.triu_indices(len(step), 1)
    alike = (held[step] @ held[step].T)[left, right]
    found = alike[(group[left] != group[right]) & (alike < _SAME)]
    return float(np.quantile(found, percentile / 100.0)) if len(found) >= MIN_PAIRS else None


class Nearest:
    """The training rows closest to each sample, of a stream of rows that is seen once.

    Keeps `k` rows a sample: memory is bounded by the held-out side.
    """

    def __init__(self, samples: Sequence[str], held: Vectors, threshold: float, k: int) -> None:
        """`held` (n, d): a row for each of the n sample ids; only rows above `threshold` are kept."""
        self._samples = samples
        self._held = held
        self._k = k
        self._floor = np.full(len(held), threshold, np.float32)
        self._kept: list[list[Neighbour]] = [[] for _ in samples]

    def take(self, vectors: Vectors, places: Sequence[str], texts: Sequence[str]) -> None:
        """Looks at a block of rows (b, d), each with its place and text."""
        alike = vectors @ self._held.T
        rows, samples = np.nonzero(alike > self._floor)
        for row, sample in zip(rows.tolist(), samples.tolist(), strict=True):
            score = float(alike[row, sample])
            kept = self._kept[sample]
            # A row that is there a hundred times is one text, and may not crowd out all others.
            if score > self._floor[sample] and all(one.text != texts[row] for one in kept):
                kept.append(
                    Neighbour(sample=self._samples[sample], where=places[row], text=texts[row], score=round(score, 4))
                )
                kept.sort(key=lambda one: -one.score)
                if len(kept) >= self._k:
                    del kept[self._k :]
                    self._floor[sample] = max(self._floor[sample], kept[-1].score)

    def found(self) -> list[Neighbour]:
        """What was close, sample by sample, the closest first."""
        return [one for kept in self._kept for one in kept]
