"""Which rows of a log become new samples: some at random, some suspected to be wrong, some unlike anything known.

Random and suspected rows are simple random samples, drawn independently, so that a row's inclusion probability is
known: π = n/N for most rows and 1 − (1 − n/N)(1 − m/M) for one of the M suspects. Σ 1/π over both estimates the rows
of the log (Horvitz & Thompson 1952). Rows chosen because they are new were not drawn: they have no π and belong into
slices, never into a headline.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct, structs

from evalkit.rot.content import likeness
from evalkit.types import JsonValue

Stratum = Literal["random", "suspected", "novelty"]
POOL = 1000
"""Random rows among which the new ones are looked for."""


class Candidate(Struct, frozen=True, kw_only=True):
    """A row of the log as a sample to be."""

    where: str
    text: str
    fields: Mapping[str, JsonValue]
    answered: JsonValue = None
    time: JsonValue = None
    trouble: str | None = None


class Quota(Struct, frozen=True, kw_only=True):
    """How many rows of each kind are wanted."""

    random: int
    suspected: int
    novelty: int


class Drawn(Struct, frozen=True, kw_only=True):
    """A row that was chosen."""

    candidate: Candidate
    stratum: Stratum
    pi: float | None
    """Its inclusion probability; None for a row that was chosen and not drawn."""


class Reservoir:
    """A simple random sample of a stream, in memory no larger than itself (Vitter 1985, algorithm R)."""

    def __init__(self, size: int, seed: str) -> None:
        self._size, self._random = size, random.Random(seed)  # noqa: S311 - to be drawn again, no secret
        self.kept: list[Candidate] = []
        self.n = 0

    def add(self, candidate: Candidate) -> None:
        """Offers one more row."""
        self.n += 1
        if len(self.kept) < self._size:
            self.kept.append(candidate)
        elif (place := self._random.randrange(self.n)) < self._size:
            self.kept[place] = candidate

    @property
    def share(self) -> float:
        """The chance each row had to be kept."""
        return len(self.kept) / self.n if self.n else 0.0


class Draw:
    """Takes the rows of a log one by one; `result` is what was drawn."""

    def __init__(self, quota: Quota, seed: str) -> None:
        self._random = Reservoir(quota.random, f"{seed} random")
        self._suspected = Reservoir(quota.suspected, f"{seed} suspected")
        self._pool = Reservoir(POOL if quota.novelty else 0, f"{seed} pool")
        self._novelty = quota.novelty

    @property
    def n(self) -> int:
        """Rows seen."""
        return self._random.n

    def add(self, candidate: Candidate) -> None:
        """Offers one more row."""
        self._random.add(candidate)
        self._pool.add(candidate)
        if candidate.trouble is not None:
            self._suspected.add(candidate)

    def result(self, known: Sequence[str]) -> list[Drawn]:
        """The rows drawn, each once. `known` are the suite's texts, from which new ones are to differ.

        A row that was drawn twice leaves its second place to one more new row.
        """
        taken: dict[str, Drawn] = {}
        for stratum, found in (("random", self._random), ("suspected", self._suspected)):
            for one in found.kept:
                drawn = Drawn(candidate=one, stratum=stratum, pi=self._pi(one))  # type: ignore[arg-type]  # the pair above
                taken.setdefault(one.where, drawn)
        left = [one for one in self._pool.kept if one.where not in taken]
        texts = [*known, *(drawn.candidate.text for drawn in taken.values())]
        twice = len(self._random.kept) + len(self._suspected.kept) - len(taken)
        for one in farthest(left, texts, self._novelty + twice if self._novelty else 0):
            taken[one.where] = Drawn(candidate=one, stratum="novelty", pi=None)
        return list(taken.values())

    def _pi(self, one: Candidate) -> float:
        missed = 1.0 - self._random.share
        return 1.0 - missed * (1.0 - self._suspected.share) if one.trouble is not None else self._random.share


def farthest(candidates: Sequence[Candidate], known: Sequence[str], n: int) -> list[Candidate]:
    """`n` candidates, each the least like all known and chosen before it (k-centre, Gonzalez 1985)."""
    if not candidates or n <= 0:
        return []
    # Of a large suite its likeness to itself would fill the memory, and nobody asks for it.
    alike = likeness([*known, *(one.text for one in candidates)], len(known))
    nearest = alike[:, : len(known)].max(axis=1) if known else np.zeros(len(candidates))
    chosen: list[Candidate] = []
    for _ in range(min(n, len(candidates))):
        place = int(nearest.argmin())
        chosen.append(structs.replace(candidates[place]))
        nearest = np.maximum(nearest, alike[:, len(known) + place])
        nearest[place] = np.inf
    return chosen
