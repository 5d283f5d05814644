"""bleu and chrf of the whole set, as sacrebleu defines them: functions of n-gram counts summed over samples."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evalkit.metrics.match import clip, reader_of
from evalkit.metrics.options import choice, flag, whole
from evalkit.metrics.read import Reader, Unreadable
from evalkit.metrics.texts import right_texts, text_of
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

MAX_CHARACTERS = 200_000
"""Of an answer or a target; takes about a second."""
BLEU_ORDER, CHRF_ORDER = 4, 6
_BETA_SQUARED = 4.0
"""chrF2: recall counts twice as much as precision."""
# mteval-v13a's rules as sacrebleu has them: ASCII symbols stand alone; points and commas do but between digits; a
# dash does after a digit.
_RULES_13A = (
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


class Bleu(Struct, frozen=True, kw_only=True):
    """BLEU (Papineni et al. 2002) in sacrebleu's definition (Post 2018, https://aclanthology.org/W18-6319).

    Corpus BLEU with up to 4-grams, exponential smoothing, and the reference closest in length for the brevity
    penalty. The 10 counts of a sample: words of the answer, words of the reference, then for n = 1 to 4 the n-grams
    in common, then the answer's n-grams. `value` of a sample is its sentence BLEU (effective order), for the reader.
    """

    name: str
    reader: Reader
    tokenize: str
    """13a, char or none."""
    is_lowercased: bool

    @property
    def signature(self) -> str:
        """The signature sacrebleu gives these settings, and the version it was compared with."""
        case = "lc" if self.is_lowercased else "mixed"
        return f"nrefs:var|case:{case}|eff:no|tok:{self.tokenize}|smooth:exp|as:sacrebleu-2.6"

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored with counts; Unscored where there is nothing to compare with or too much of it.

        The reasons: no_target, empty_target, too_long (a text of more than 200,000 characters).
        """
        wanted = _references(sample, self.reader)
        if isinstance(wanted, str):
            return Unscored(metric=self.name, why=wanted)
        found = text_of(answer, self.reader)
        said = "" if isinstance(found, Unreadable) else found
        if max(map(len, (said, *wanted))) > MAX_CHARACTERS:
            return Unscored(metric=self.name, why="too_long")
        counts = self._counts(said, wanted)
        value = float(bleu(np.array(counts), is_sentence=True))
        return _scored(self.name, value, counts, found)

    def bounds(self, sample: Sample) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Counts below those of any answer no longer than the reference, and those of the reference itself.

        The lower ones have the n-grams of a wrong answer and the length of an empty one: no answer can be as bad,
        and which of the two is worse depends on the other samples. All 0 where there is no usable target.
        """
        wanted = _references(sample, self.reader)
        if isinstance(wanted, str) or max(map(len, wanted)) > MAX_CHARACTERS:
            return (0.0,) * 10, (0.0,) * 10
        best = self._counts(wanted[0], wanted)
        return (0.0, best[0], *(0.0,) * BLEU_ORDER, *best[2 + BLEU_ORDER :]), best

    def statistic(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share, shape (...), from summed counts of shape (..., 10)."""
        return bleu(totals)

    def _counts(self, said: str, wanted: Sequence[str]) -> tuple[float, ...]:
        grams, size = _word_grams(said, self.tokenize, is_lowercased=self.is_lowercased)
        references = [_word_grams(text, self.tokenize, is_lowercased=self.is_lowercased) for text in wanted]
        closest = min((length for _, length in references), key=lambda length: (abs(length - size), length))
        hits = [0] * BLEU_ORDER
        for gram, count in grams.items():
            hits[len(gram) - 1] += min(count, max(reference[gram] for reference, _ in references))
        total = (float(max(0, size - n)) for n in range(BLEU_ORDER))
        return (float(size), float(closest), *map(float, hits), *total)


class Chrf(Struct, frozen=True, kw_only=True):
    """chrF2 (Popović 2015, https://aclanthology.org/W15-3049) in sacrebleu's definition; chrF++ with `word_order: 2`.

    F-score, recall counting twice, of precision and recall averaged over the n-grams of 1 to 6 characters (white
    space left out) and of 1 to `word_order` words. The counts of a sample, three per order: n-grams of the answer,
    of the reference, in common. Several accepted texts: the best one counts.
    """

    name: str
    reader: Reader
    word_order: int
    is_lowercased: bool

    @property
    def signature(self) -> str:
        """The signature sacrebleu gives these settings, and the version it was compared with."""
        case = "lc" if self.is_lowercased else "mixed"
        return f"nrefs:var|case:{case}|eff:yes|nc:{CHRF_ORDER}|nw:{self.word_order}|space:no|as:sacrebleu-2.6"

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored with counts; Unscored where there is nothing to compare with or too much of it.

        The reasons: no_target, empty_target, too_long (a text of more than 200,000 characters).
        """
        wanted = _references(sample, self.reader)
        if isinstance(wanted, str):
            return Unscored(metric=self.name, why=wanted)
        found = text_of(answer, self.reader)
        said = "" if isinstance(found, Unreadable) else found
        if max(map(len, (said, *wanted))) > MAX_CHARACTERS:
            return Unscored(metric=self.name, why="too_long")
        each = [self._counts(said, text) for text in wanted]
        values = chrf(np.array(each))
        best = int(np.argmax(values))
        return _scored(self.name, float(values[best]), each[best], found)

    def bounds(self, sample: Sample) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Counts of an answer as long as the reference with nothing in common with it, and of the reference itself.

        All 0 where there is no usable target.
        """
        wanted = _references(sample, self.reader)
        if isinstance(wanted, str) or max(map(len, wanted)) > MAX_CHARACTERS:
            zeros = (0.0,) * (3 * (CHRF_ORDER + self.word_order))
            return zeros, zeros
        best = self._counts(wanted[0], wanted[0])
        return tuple(0.0 if i % 3 == 2 else count for i, count in enumerate(best)), best  # noqa: PLR2004 - the third

    def statistic(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share, shape (...), from summed counts of shape (..., 3·orders)."""
        return chrf(totals)

    def _counts(self, said: str, wanted: str) -> tuple[float, ...]:
        counts: list[float] = []
        sides = (_chrf_grams(text, self.word_order, is_lowercased=self.is_lowercased) for text in (said, wanted))
        for found, reference in zip(*sides, strict=True):
            hits = sum(min(count, reference[gram]) for gram, count in found.items() if gram in reference)
            # An order the reference is too short for counts for neither side.
            counts += (found.total() if reference else 0.0, reference.total(), hits)
        return tuple(map(float, counts))


def bleu(totals: NDArray[np.float64], *, is_sentence: bool = False) -> NDArray[np.float64]:
    """BLEU as a share, shape (...), from counts of shape (..., 10); 0 where nothing is in common.

    `is_sentence` leaves out the orders an answer is too short for (sacrebleu's effective order).
    """
    said, wanted, hits, found = np.split(totals, (1, 2, 2 + BLEU_ORDER), axis=-1)
    has_any = found > 0.0
    # Each order without a hit counts as half a hit, a quarter, …: sacrebleu's smoothing "exp".
    smoothing = np.cumsum(has_any & (hits <= 0.0), axis=-1)
    shares = np.where(hits > 0.0, hits, 0.5**smoothing) / np.where(has_any, found, 1.0)
    orders = has_any.sum(axis=-1) if is_sentence else np.full(totals.shape[:-1], BLEU_ORDER)
    mean = np.where(has_any, np.log(shares), 0.0).sum(axis=-1) / np.maximum(orders, 1)
    gap = 1.0 - wanted[..., 0] / np.where(said[..., 0] > 0.0, said[..., 0], 1.0)
    is_nothing = (hits <= 0.0).all(axis=-1) | (said[..., 0] <= 0.0)
    if not is_sentence:
        is_nothing |= ~has_any.all(axis=-1)
    score = np.exp(mean + np.minimum(gap, 0.0))
    return np.asarray(np.where(is_nothing, 0.0, np.minimum(score, 1.0)), dtype=np.float64)


def chrf(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """chrF2 as a share, shape (...), from counts of shape (..., 3·orders); 0 where nothing is in common."""
    said, wanted, hits = (totals[..., i::3] for i in range(3))
    is_there = (said > 0.0) & (wanted > 0.0)
    orders = np.maximum(is_there.sum(axis=-1), 1)
    precision = np.where(is_there, hits / np.where(said > 0.0, said, 1.0), 0.0).sum(axis=-1) / orders
    recall = np.where(is_there, hits / np.where(wanted > 0.0, wanted, 1.0), 0.0).sum(axis=-1) / orders
    below = _BETA_SQUARED * precision + recall
    score = (1.0 + _BETA_SQUARED) * precision * recall / np.where(below > 0.0, below, 1.0)
    return np.asarray(np.minimum(score, 1.0), dtype=np.float64)


def build_bleu(spec: MetricSpec) -> Bleu:
    """`bleu` from its entry. Raises UsageError for options it cannot act on."""
    tokenize = choice(spec, "tokenize", ("13a", "char", "none"))
    return Bleu(name=spec.name, reader=reader_of(spec), tokenize=tokenize, is_lowercased=flag(spec, "lowercase"))


def build_chrf(spec: MetricSpec) -> Chrf:
    """`chrf` from its entry. Raises UsageError for options it cannot act on."""
    order = whole(spec, "word_order", high=BLEU_ORDER) or 0
    return Chrf(name=spec.name, reader=reader_of(spec), word_order=order, is_lowercased=flag(spec, "lowercase"))


def _references(sample: Sample, reader: Reader) -> tuple[str, ...] | str:
    """The texts that are right and say something; else why there are none."""
    texts = right_texts(sample, reader)
    return tuple(text for text in texts if text.strip()) or ("empty_target" if texts else "no_target")


def _scored(metric: str, value: float, counts: tuple[float, ...], found: str | Unreadable) -> Scored:
    is_read = not isinstance(found, Unreadable)
    evidence: dict[str, JsonValue] = {} if isinstance(found, str) else {"unreadable": clip(found.why)}
    # Rounding may leave a perfect sentence a hair below 1.
    value = 1.0 if math.isclose(value, 1.0, rel_tol=1e-12) else value
    return Scored(metric=metric, value=value, is_answered=is_read, counts=counts, evidence=evidence)


@lru_cache(maxsize=64)
def _word_grams(text: str, tokenize: str, *, is_lowercased: bool) -> tuple[Counter[tuple[str, ...]], int]:
    """How often each n-gram of words occurs (n = 1 to 4), and how many words there are."""
    line = (text.lower() if is_lowercased else text).rstrip()
    if tokenize == "13a":
        line = _tokenized_13a(line)
    words = list(line.replace(" ", "")) if tokenize == "char" else line.split()
    if tokenize == "char":
        words = [word for word in words if not word.isspace()]
    grams: Counter[tuple[str, ...]] = Counter()
    for n in range(1, BLEU_ORDER + 1):
        grams.update(zip(*(words[i:] for i in range(n)), strict=False))
    return grams, len(words)


def _tokenized_13a(line: str) -> str:
    line = line.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in line:
        for entity, character in _ENTITIES:
            line = line.replace(entity, character)
    line = f" {line} "
    for rule, instead in _RULES_13A:
        line = rule.sub(instead, line)
    return line


@lru_cache(maxsize=64)
def _chrf_grams(text: str, word_order: int, *, is_lowercased: bool) -> tuple[Counter[str], ...]:
    """How often each n-gram occurs: of 1 to 6 characters, then of 1 to `word_order` words."""
    text = text.lower() if is_lowercased else text
    line = "".join(text.split())
    found = [Counter(line[i : i + n] for i in range(len(line) - n + 1)) for n in range(1, CHRF_ORDER + 1)]
    words = [part for word in text.split() for part in _parts(word)] if word_order else []
    orders = range(1, word_order + 1)
    return (*found, *(Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1)) for n in orders))


def _parts(word: str) -> tuple[str, ...]:
    """A word and one punctuation mark at its end, else at its start, as chrF++ separates them."""
    if len(word) > 1 and word[-1] in string.punctuation:
        return word[:-1], word[-1]
    if len(word) > 1 and word[0] in string.punctuation:
        return word[0], word[1:]
    return (word,)
