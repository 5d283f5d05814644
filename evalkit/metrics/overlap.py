"""token_f1: how many words the answer shares with the target."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from msgspec import Struct

from evalkit.metrics.match import clip, reader_of
from evalkit.metrics.normalize import Normaliser, normalised, normalisers
from evalkit.metrics.read import Reader, Unreadable, accepted_texts, shown
from evalkit.types import MetricSpec, Sample, Score, Scored, Unscored


class TokenF1(Struct, frozen=True, kw_only=True):
    """F1 of the answer's words against the target's, as multisets (SQuAD; Rajpurkar et al. 2016, section 6.1).

    Words are what whitespace separates after the normalisers (`squad` by default). Several accepted texts: the
    best one counts. Where a text has no words left, the score is 1.0 if neither has any, else 0.0 (SQuAD 2.0).
    """

    name: str
    reader: Reader
    chain: tuple[Normaliser, ...]

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored in [0, 1]; Unscored(no_target) where the sample does not say what is right."""
        gold = self.reader.gold(sample.target)
        if gold is None:
            return Unscored(metric=self.name, why="no_target")
        texts = accepted_texts(gold) or (shown(gold),)
        found = answer if self.reader.field is None else self.reader.value(answer, gold)
        if isinstance(found, Unreadable):
            return Scored(metric=self.name, value=0.0, is_answered=False, evidence={"unreadable": clip(found.why)})
        words = Counter(normalised(shown(found), self.chain).split())
        best = max(overlap(words, _words(text, self.chain)) for text in texts)
        is_answered = self.reader.field is not None or bool(answer.strip()) or best > 0.0
        return Scored(metric=self.name, value=best, is_answered=is_answered)


def overlap(found: Counter[str], wanted: Counter[str]) -> float:
    """Harmonic mean of precision and recall of the words in common, counted with repeats.

    >>> overlap(Counter("the cat sat".split()), Counter("a cat sat down".split()))
    0.5714285714285714
    """
    if not found or not wanted:
        return float(found == wanted)
    shared = sum(min(count, wanted[word]) for word, count in found.items() if word in wanted)
    return 2.0 * shared / (found.total() + wanted.total())


@lru_cache(maxsize=64)
def _words(text: str, chain: tuple[Normaliser, ...]) -> Counter[str]:
    """A target's words, kept until the other side has been scored. Not to be changed."""
    return Counter(normalised(text, chain).split())


def build_token_f1(spec: MetricSpec) -> TokenF1:
    """`token_f1` from its entry. Raises UsageError for options it cannot act on."""
    return TokenF1(name=spec.name, reader=reader_of(spec), chain=normalisers(spec, default=("squad",)))
