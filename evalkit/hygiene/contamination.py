"""Held-out samples that stand in the training data: word for word, in part, or reworded a little.

The held-out side is indexed, the training rows are streamed past it once. A sample is dirty when it was as good as
trained on, suspect when a part of it was, else clean. Paraphrases and translations that share no run of words are not
found here (`hygiene.semantic` looks for them where a suite asks for it), and the report says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field, structs, to_builtins
from numpy.typing import NDArray

from evalkit.hygiene.index import Index
from evalkit.hygiene.matching import Finder, Pair
from evalkit.hygiene.verify import LAYERS, Layer, Match, State, verified
from evalkit.hygiene.words import hashed, letters, plain
from evalkit.types import JsonValue
from evalkit.types.hygiene import Thresholds

if TYPE_CHECKING:  # loaded where a suite asks for it
    from evalkit.hygiene.semantic import Semantic

METHOD = (
    "exact match (NFKC, case folded, letters and digits), and runs of five words (characters, in scripts without "
    "blanks) shared with a training row, verified by longest match, Jaccard similarity and alignment"
)
_NOT_FOUND = "rewordings that share no run of words are not found"
BATCH_BYTES = 1_500_000
"""Text hashed at once; arrays of a few times this size stay in the caches and bound the memory."""
EVIDENCE = 3
"""Training rows kept for a sample."""
_STRENGTH: tuple[Layer, ...] = ("exact", "ngram", "span", "near", "edited", "answer", "semantic")
"""Last what is only close: nobody may have read it, and it may not push out what counts without a reader."""


class TrainingRow(Struct, frozen=True):
    """What a training row says, and where it stands."""

    where: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()


class Evidence(Struct, frozen=True, kw_only=True):
    """Why a sample is not clean: one training row and what it has in common with the sample."""

    where: str
    layer: Layer
    state: State
    score: float
    span: str = ""


_Found = tuple[Evidence, int, tuple[int, ...]]


class Contamination(Struct, frozen=True, kw_only=True):
    """Which held-out samples were trained on."""

    n_samples: int
    n_training_rows: int
    evidence: Mapping[str, tuple[Evidence, ...]]
    """sample id → what was found, the strongest first"""
    thresholds: Thresholds
    semantic: Semantic | None = None
    """How paraphrases were looked for; None where nobody asked for it."""

    def named(self, state: State) -> dict[str, Evidence]:
        """The dirty samples, or those that are suspect and no more, with their strongest evidence."""
        return {sample: found[0] for sample, found in self.evidence.items() if found[0].state == state}

    @property
    def n_exact(self) -> int:
        """Samples that stand in the training data word for word."""
        return sum(found[0].layer == "exact" for found in self.evidence.values())

    @property
    def unread(self) -> frozenset[str]:
        """Samples that are suspect only because a row is close in meaning, which nobody was asked to read."""
        if self.semantic is None or self.semantic.judge is not None:
            return frozenset()
        return frozenset(s for s, e in self.evidence.items() if all(one.layer == "semantic" for one in e))

    @property
    def method(self) -> str:
        """What was looked for, how, and what was not found by it."""
        if self.semantic is None:
            return f"{METHOD}; {_NOT_FOUND}"
        return f"{METHOD}; {self.semantic.method}"

    def document(self, most: int | None = None) -> dict[str, JsonValue]:
        """As it stands in verdict.json, with evidence of at most so many samples, the strongest first; None: of all."""
        layers = Counter(found[0].layer for found in self.evidence.values())
        strongest = sorted(self.evidence.items(), key=lambda pair: _rank(pair[1][0]))
        return {
            "checked": True,
            "method": self.method,
            "thresholds": to_builtins(self.thresholds),
            "samples": self.n_samples,
            "training_rows": self.n_training_rows,
            "dirty": len(self.named("dirty")),
            "suspect": len(self.named("suspect")),
            "layers": {layer: layers[layer] for layer in LAYERS if layer != "semantic" or self.semantic is not None},
            "evidence": [
                {
                    "id": sample,
                    "state": e.state,
                    "layer": e.layer,
                    "score": e.score,
                    "training_row": e.where,
                    "span": e.span,
                }
                for sample, found in strongest[:most]
                for e in found
            ],
            "note": None,
            **self._semantic(),
        }

    def _semantic(self) -> dict[str, JsonValue]:
        if self.semantic is None:
            return {}
        return {"semantic": self.semantic.document() | {"unread_samples": len(self.unread)}}


def find_overlap(
    index: Index, training: Iterable[TrainingRow], asked: Thresholds, *, n_samples: int | None = None
) -> Contamination:
    """Which of the indexed samples stand in the training rows, which are streamed once."""
    scan = _Scan(index, asked)
    for row in training:
        scan.take(row)
    found = scan.finished()
    return found if n_samples is None else structs.replace(found, n_samples=n_samples)


class _Scan(Struct):
    """One pass over the training rows."""

    index: Index
    asked: Thresholds
    finders: tuple[Finder, ...] = ()
    rows: int = 0
    texts: list[bytes] = field(default_factory=list)
    row_of: list[int] = field(default_factory=list)
    is_output: list[bool] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    """Where the batch's rows stand."""
    size: int = 0
    found: dict[str, list[_Found]] = field(default_factory=dict)
    """sample → (evidence, which finder's, runs in common)"""
    templates: tuple[NDArray[np.bool_], ...] = ()
    """Of each finder: which runs are a template, as far as rows were seen."""

    def __post_init__(self) -> None:
        self.finders = tuple(
            Finder(self.index, postings, self.asked.min_shared, self.asked.template_share)
            for postings in (self.index.by_five, self.index.by_three)
            if len(postings.keys)
        )

    def take(self, row: TrainingRow) -> None:
        """Adds a row to the batch, and looks through the batch when it is full."""
        self.places.append(row.where)
        for texts, is_output in ((row.inputs, False), (row.outputs, True)):
            for text in texts:
                words = plain(text)
                if not is_output and (same := self.index.exact.get(letters(words))):
                    for item in same:
                        self._keep(item, row.where, Match(layer="exact", state="dirty", score=1.0, place=0, size=0))
                self.texts.append(words)
                self.row_of.append(len(self.places) - 1)
                self.is_output.append(is_output)
                self.size += len(words)
        if self.size > BATCH_BYTES:
            self._look()

    def _look(self) -> None:
        batch, row_of = hashed(self.texts), np.array(self.row_of, np.int64)
        pairs = [finder.pairs(batch, row_of, len(self.places)) for finder in self.finders]
        self.templates = tuple(finder.templates() for finder in self.finders)
        for number, found in enumerate(pairs):
            for pair in found:
                self._verify(pair, batch.hashes[batch.bounds[pair.text] : batch.bounds[pair.text + 1]], number)
        self.rows += len(self.places)
        self.texts, self.row_of, self.is_output, self.places, self.size = [], [], [], [], 0

    def _verify(self, pair: Pair, text: NDArray[np.uint64], finder: int) -> None:
        item = self.index.items[pair.item]
        if item.kind == "answer" and not self.is_output[pair.text]:
            return
        where = self.places[self.row_of[pair.text]]
        sure = [e for e, _, _ in self._real(self.found.get(item.sample, ())) if e.state == "dirty"]
        if len(sure) >= EVIDENCE or any(e.where == where for e in sure):
            return
        match = verified(pair, self.index, text, self.texts[pair.text], self.asked)
        if match is not None:
            self._keep(pair.item, where, match, finder, pair.keys)

    def _real(self, kept: Sequence[_Found]) -> list[_Found]:
        """What of it shares more than what is a template as far as rows were seen."""
        return [one for one in kept if one[1] < 0 or not self.templates[one[1]][list(one[2])].all()]

    def _keep(self, item: int, where: str, match: Match, finder: int = -1, keys: tuple[int, ...] = ()) -> None:
        sample = self.index.items[item].sample
        kept = self.found.setdefault(sample, [])
        if any(e.where == where and e.layer == match.layer for e, _, _ in kept):
            return
        real = self._real(kept)
        if len(real) >= EVIDENCE and _rank_of(match) >= _rank(real[-1][0]):
            return
        span = self.index.span(item, match.place, match.size) if match.size else ""
        evidence = Evidence(where=where, layer=match.layer, state=match.state, score=match.score, span=span)
        real = sorted([*real, (evidence, finder, keys)], key=lambda one: _rank(one[0]))
        # What looks like a template now may prove to be none, and may not crowd out what is sure.
        doubtful = [one for one in kept if one not in real]
        kept[:] = [*real[:EVIDENCE], *doubtful[:EVIDENCE]]

    def finished(self) -> Contamination:
        """What was found, without pairs that share only what proved to be a template."""
        self._look()
        evidence = {
            sample: strongest(e for e, _, _ in real)
            for sample, kept in self.found.items()
            if (real := self._real(kept))
        }
        return Contamination(
            n_samples=len(self.index.samples),
            n_training_rows=self.rows,
            evidence=evidence,
            thresholds=self.asked,
        )


def strongest(found: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The evidence of one sample that is kept, the strongest first."""
    return tuple(sorted(found, key=_rank))[:EVIDENCE]


def _rank(e: Evidence) -> tuple[bool, int, float]:
    return e.state != "dirty", _STRENGTH.index(e.layer), -e.score


def _rank_of(match: Match) -> tuple[bool, int, float]:
    return match.state != "dirty", _STRENGTH.index(match.layer), -match.score
