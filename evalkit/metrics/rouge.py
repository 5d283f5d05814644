"""rouge: how much of the target's wording an answer has, as rouge-score counts it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from evalkit.metrics.match import reader_of
from evalkit.metrics.options import choice, flag, number
from evalkit.metrics.porter import stem
from evalkit.metrics.read import Reader, Unreadable
from evalkit.metrics.sequences import lcs_length, lcs_places
from evalkit.metrics.texts import right_texts, text_of, unanswered
from evalkit.types import MetricSpec, Sample, Score, Scored, Unscored

MAX_WORDS = 200_000
"""Of an answer or a target."""
MAX_CELLS = 200_000_000
"""Words of the answer times words of the target, where their order counts: a second or two."""
_WORDS = {"ascii": re.compile(r"[a-z0-9]+"), "unicode": re.compile(r"[^\W_]+")}
_STEMMED_FROM = 4
"""rouge-score stems words of more than three characters."""


class Rouge(Struct, frozen=True, kw_only=True):
    """ROUGE of one answer (Lin 2004, https://aclanthology.org/W04-1013), as the package rouge-score 0.1.2 has it.

    rouge1, rouge2: n-grams in common, with repeats. rougeL: the longest common subsequence of words. rougeLsum: the
    union of those of each line of the target with each line of the answer. Words are runs of a–z and 0–9 in lower
    case; `words: unicode` takes letters and digits of any script, which rouge-score does not. Several accepted
    texts: the one with the best F1 counts.
    """

    name: str
    reader: Reader
    variant: str
    measure: str
    """f1, precision or recall."""
    words: str
    """ascii or unicode."""
    is_stemmed: bool
    at_least: float | None = None
    """With it 1.0 where so much or more is shared, else 0.0: whether an answer is near enough."""

    @property
    def signature(self) -> str:
        """What somebody needs to get the same numbers elsewhere."""
        stemmer = "porter" if self.is_stemmed else "none"
        near = "" if self.at_least is None else f"|at_least:{self.at_least:g}"
        return f"{self.variant}|measure:{self.measure}|words:{self.words}|stemmer:{stemmer}{near}|as:rouge-score-0.1.2"

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored in [0, 1]; Unscored where the target has no words, or where so much text would take seconds.

        The reasons: no_target, target_has_no_words (a target in a script that `words: ascii` does not see), too_long.
        """
        texts = right_texts(sample, self.reader)
        wanted = [lines for text in texts if any(lines := self._lines(text))]
        if not wanted:
            return Unscored(metric=self.name, why="target_has_no_words" if texts else "no_target")
        found = text_of(answer, self.reader)
        if isinstance(found, Unreadable):
            return unanswered(self.name, found)
        said = self._lines(found)
        if any(self._is_too_long(said, lines) for lines in wanted):
            return Unscored(metric=self.name, why="too_long")
        best = max((shares(lines, said, self.variant) for lines in wanted), key=f1)
        value = {"f1": f1(best), "precision": best[0], "recall": best[1]}[self.measure]
        if self.at_least is not None:
            # A mean in floats may miss by its last digit what the words share exactly: 3 of 3 and 3 of 5 are 0.75.
            is_near = round(value, 9) >= round(self.at_least, 9)
            return Scored(metric=self.name, value=float(is_near), evidence={self.measure: round(value, 4)})
        return Scored(metric=self.name, value=min(1.0, value))

    def _lines(self, text: str) -> tuple[tuple[str, ...], ...]:
        if self.variant != "rougeLsum":
            return (tokens(text, self.words, is_stemmed=self.is_stemmed),)
        lines = (line for line in text.split("\n") if line)
        return tuple(tokens(line, self.words, is_stemmed=self.is_stemmed) for line in lines)

    def _is_too_long(self, said: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> bool:
        n_said, n_wanted = sum(map(len, said)), sum(map(len, wanted))
        if self.variant in {"rouge1", "rouge2"}:
            return max(n_said, n_wanted) > MAX_WORDS
        # Each line of the target is held against the whole answer, which costs a step a word even for a short line.
        steps = len(wanted) * n_said + n_wanted * len(said)
        return n_said * n_wanted > MAX_CELLS or steps * 100 > MAX_CELLS


def shares(
    wanted: Sequence[Sequence[str]], said: Sequence[Sequence[str]], variant: str = "rougeL"
) -> tuple[float, float]:
    """(precision, recall) of what was said in one or several lines of words; 0 where there is nothing to share."""
    if variant == "rougeLsum":
        hits, n_said, n_wanted = _union(wanted, said), sum(map(len, said)), sum(map(len, wanted))
    elif variant == "rougeL":
        hits, n_said, n_wanted = lcs_length(wanted[0], said[0]), len(said[0]), len(wanted[0])
    else:
        n = int(variant[-1])
        left, right = _ngrams(wanted[0], n), _ngrams(said[0], n)
        hits = sum(min(count, right[ngram]) for ngram, count in left.items() if ngram in right)
        n_said, n_wanted = (max(0, len(line[0]) - n + 1) for line in (said, wanted))
    return hits / max(n_said, 1), hits / max(n_wanted, 1)


def f1(found: tuple[float, float]) -> float:
    """The harmonic mean of precision and recall; 0 where both are."""
    precision, recall = found
    return 2.0 * precision * recall / (precision + recall) if precision + recall > 0.0 else 0.0


@lru_cache(maxsize=64)
def tokens(text: str, words: str, *, is_stemmed: bool) -> tuple[str, ...]:
    """The words of a text, in order. Kept for a while: a target is asked for once a side and variant."""
    found = _WORDS[words].findall(text.lower())
    return tuple(stem(word) if len(word) >= _STEMMED_FROM else word for word in found) if is_stemmed else tuple(found)


def build_rouge(spec: MetricSpec) -> Rouge:
    """`rouge` from its entry. Raises UsageError for options it cannot act on."""
    return Rouge(
        name=spec.name,
        reader=reader_of(spec),
        variant=choice(spec, "variant", ("rougeL", "rouge1", "rouge2", "rougeLsum")),
        measure=choice(spec, "measure", ("f1", "precision", "recall")),
        words=choice(spec, "words", ("ascii", "unicode")),
        is_stemmed=flag(spec, "stemmer"),
        at_least=number(spec, "at_least", high=1.0),
    )


@lru_cache(maxsize=64)
def _ngrams(line: tuple[str, ...], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(line[i:] for i in range(n)), strict=False))


def _union(wanted: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> int:
    """How many words of the target stand in a longest common subsequence with some line of the answer.

    Lin 2004, section 3.2, with the guard of ROUGE 1.5.5: none counts more often than either side has it.
    """
    left = Counter(word for line in wanted for word in line)
    right = Counter(word for line in said for word in line)
    hits = 0
    for line in wanted:
        for place in sorted({place for other in said for place in lcs_places(line, other)}):
            word = line[place]
            if left[word] > 0 and right[word] > 0:
                hits += 1
                left[word] -= 1
                right[word] -= 1
    return hits
