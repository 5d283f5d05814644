"""edit_similarity: how little has to be changed to make the answer the target."""

from __future__ import annotations

from msgspec import Struct

from evalkit.metrics.match import reader_of
from evalkit.metrics.normalize import Normaliser, normalised, normalisers
from evalkit.metrics.options import choice, number
from evalkit.metrics.read import Reader, Unreadable
from evalkit.metrics.sequences import levenshtein
from evalkit.metrics.texts import right_texts, text_of, unanswered
from evalkit.types import MetricSpec, Sample, Score, Scored, Unscored

MAX_CELLS = 200_000_000
"""Of the table of distances: at most two seconds, for a million characters against two hundred."""


class EditSimilarity(Struct, frozen=True, kw_only=True):
    """1 − d / max(len(answer), len(target)), d being the Levenshtein distance in characters or words.

    1.0 for equal texts, also empty ones, 0.0 where nothing stands in its place (Levenshtein 1966; the normalisation
    is that of rapidfuzz's `normalized_similarity`). Several accepted texts: the best one counts.
    """

    name: str
    reader: Reader
    chain: tuple[Normaliser, ...]
    unit: str
    """characters or words."""
    max_edits: float | None = None
    """With it 1.0 where so many edits or fewer make the answer an accepted text, else 0.0."""

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored in [0, 1]; Unscored(no_target) without a target, Unscored(too_long) where it would take seconds."""
        texts = right_texts(sample, self.reader)
        if not texts:
            return Unscored(metric=self.name, why="no_target")
        found = text_of(answer, self.reader)
        if isinstance(found, Unreadable):
            is_right = self.reader.field is None and any(not self._parts(text) for text in texts)
            return Scored(metric=self.name, value=1.0) if is_right else unanswered(self.name, found)
        said = self._parts(found)
        wanted = [self._parts(text) for text in texts]
        if len(said) * sum(map(len, wanted)) > MAX_CELLS:
            return Unscored(metric=self.name, why="too_long")
        if self.max_edits is not None:
            edits = min(levenshtein(said, parts) for parts in wanted)
            return Scored(metric=self.name, value=float(edits <= self.max_edits), evidence={"edits": edits})
        return Scored(metric=self.name, value=max(similarity(said, parts) for parts in wanted))

    def _parts(self, text: str) -> str | list[str]:
        text = normalised(text, self.chain)
        return text.split() if self.unit == "words" else text


def similarity(a: str | list[str], b: str | list[str]) -> float:
    """1 minus the Levenshtein distance as a share of the longer sequence; 1.0 for two empty ones.

    >>> similarity("kitten", "sitting")
    0.5714285714285714
    """
    longer = max(len(a), len(b))
    return 1.0 - levenshtein(a, b) / longer if longer else 1.0


def build_edit_similarity(spec: MetricSpec) -> EditSimilarity:
    """`edit_similarity` from its entry. Raises UsageError for options it cannot act on."""
    return EditSimilarity(
        name=spec.name,
        reader=reader_of(spec),
        chain=normalisers(spec, default=("strip",)),
        unit=choice(spec, "unit", ("characters", "words")),
        max_edits=number(spec, "max_edits"),
    )
