"""What production sees, counted as it streams by: memory stays the same however long the logs are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

from evalkit.rot.language import language_of
from evalkit.rot.lens import View

KEPT_TEXTS = 1000
CATEGORIES = 2000
"""Different values of one column that are counted; a column with more is no category."""


class Traffic:
    """Counts of everything that is compared, and a uniform sample of the texts (Vitter 1985, algorithm R)."""

    def __init__(self, *, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a sample that can be drawn again, no secret
        self.n = 0
        self.lengths: Counter[int] = Counter()
        self.languages: Counter[str] = Counter()
        self.labels: dict[str, Counter[str]] = {}
        self.slices: dict[str, Counter[str]] = {}
        self.texts: list[str] = []
        self.crowded: set[str] = set()
        """Columns with more values than are counted."""

    def add(self, view: View) -> None:
        """Counts one more text."""
        text = view.text
        self.n += 1
        self.lengths[len(text.split())] += 1
        self.languages[language_of(text)] += 1
        for counters, found in ((self.labels, view.labels), (self.slices, view.slices)):
            for name, value in found.items():
                counter = counters.get(name)
                if counter is None:
                    counter = counters[name] = Counter()
                if value in counter or len(counter) < CATEGORIES:
                    counter[value] += 1
                else:
                    self.crowded.add(name)
        if len(self.texts) < KEPT_TEXTS:
            self.texts.append(text)
        else:
            place = self._random.randrange(self.n)
            if place < KEPT_TEXTS:
                self.texts[place] = text

    @classmethod
    def of(cls, views: Iterable[View], *, seed: int) -> Traffic:
        """All of them counted."""
        found = cls(seed=seed)
        for view in views:
            found.add(view)
        return found
