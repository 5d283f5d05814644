"""Whether the training data is enough, balanced, varied and consistent for what it is meant to teach.

Rows are taken one by one. What is kept of each is a few numbers and two hashes, and only of the first 200,000: what
they have wrong, the others have as well.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct, field

from evalkit.hygiene.guide import GUIDES, Guide
from evalkit.hygiene.twins import Sketches
from evalkit.hygiene.words import letters, plain
from evalkit.types import JsonValue
from evalkit.types.hygiene import Task

LOOKED_AT = 200_000
"""Rows that are looked at closely; all are counted."""
MAX_LABEL_WORDS = 6
MAX_CLASSES = 200
"""More distinct short outputs than this are answers, not classes."""
MIN_PER_CLASS = 3
"""Rows a class has on average where outputs are classes."""
LABELLED = 0.9
"""Share of rows that have a short output where outputs are classes."""
LONG_WORDS = 1_500
"""About 2,000 tokens: where trainers with default settings begin to cut."""
IMBALANCE = 10.0
NEAR_SHARE = 0.2
CONFLICT_SHARE = 0.05
"""5 % of wrong labels can dominate the result of a small set."""
OUTLIER = 5.0
"""Times the interquartile range above the third quartile of lengths."""
SHIFT = 0.2
"""Kolmogorov–Smirnov distance of lengths between training data and samples that is worth a word."""
_SHOWN = 5

Level = Literal["ok", "warn", "bad"]


class Advice(Struct, frozen=True, kw_only=True):
    """One thing looked at, and what to do about it."""

    name: str
    level: Level
    told: str
    fix: str = ""
    rows: tuple[str, ...] = ()
    """Where examples of it stand."""

    def document(self) -> dict[str, JsonValue]:
        """As JSON."""
        return {"name": self.name, "level": self.level, "told": self.told, "fix": self.fix, "rows": list(self.rows)}


class Sufficiency(Struct, frozen=True, kw_only=True):
    """What was found of the training data itself."""

    rows: int
    task: Task
    is_guessed: bool
    classes: Mapping[str, int]
    advice: tuple[Advice, ...]

    def document(self) -> dict[str, JsonValue]:
        """As JSON."""
        guide = GUIDES[self.task]
        return {
            "rows": self.rows,
            "task": self.task,
            "task_is_guessed": self.is_guessed,
            "minimum": guide.minimum,
            "recommended": guide.recommended,
            "is_per_class": guide.is_per_class,
            "classes": dict(self.classes),
            "advice": [one.document() for one in self.advice],
        }


class SufficiencyScan(Struct):
    """Takes training rows one by one."""

    task: Task | None
    samples: Sequence[str]
    """The held-out samples' questions."""
    rows: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    _lengths: list[int] = field(default_factory=list)
    _answers: list[int] = field(default_factory=list)
    """Words of each row's output; -1 where it has none."""
    _labels: Counter[str] = field(default_factory=Counter)
    _outputs: dict[bytes, bytes] = field(default_factory=dict)
    """Hash of an input → hash of the output it was first seen with."""
    _conflicts: list[str] = field(default_factory=list)
    _n_conflicts: int = 0
    _repeats: int = 0
    _long: list[str] = field(default_factory=list)
    _n_long: int = 0
    _empty: list[str] = field(default_factory=list)
    _n_empty: int = 0
    _json: int = 0
    _sketches: Sketches = field(default_factory=Sketches)

    @property
    def is_sated(self) -> bool:
        """Whether rows that come now are counted and no more."""
        return self.rows >= LOOKED_AT

    def take(
        self, where: str, kind: str, inputs: Sequence[str], output: str | None, beside: Sequence[str] = ()
    ) -> None:
        """Looks at one row: `inputs` as read, `output` what it teaches to say (None where it has none).

        `beside`: what the question is asked of. Asked of something else, it may well have another answer.
        """
        self.rows += 1
        self.kinds[kind] += 1
        if self.rows > LOOKED_AT:
            return
        asked = plain(" ".join(inputs))
        words = asked.split()
        said = None if output is None else plain(output).split()
        self._lengths.append(len(words))
        self._answers.append(-1 if said is None else len(said))
        self._sketches.take(asked)
        if len(words) + len(said or ()) > LONG_WORDS:
            self._n_long += 1
            _noted(self._long, where)
        if not words or (output is not None and not output.strip()):
            self._n_empty += 1
            _noted(self._empty, where)
        if output is None:
            return
        self._json += output.lstrip()[:1] in {"{", "["}
        label = output.strip()
        if len(said or ()) <= MAX_LABEL_WORDS and len(self._labels) <= MAX_CLASSES:
            self._labels[label[:200]] += 1
        whole = plain(" ".join((*inputs, *beside))) if beside else asked
        if key := letters(whole):  # else nothing was asked in words, which is no question asked twice
            self._compare(where, key, label)

    def _compare(self, where: str, asked: bytes, label: str) -> None:
        both = (asked, label.casefold().encode("utf-8", "replace"))
        key, value = (hashlib.blake2b(text, digest_size=12).digest() for text in both)
        first = self._outputs.setdefault(key, value)
        if first != value:
            self._n_conflicts += 1
            _noted(self._conflicts, where)

    def finished(self) -> Sufficiency:
        """What was found, the worst first."""
        classes = self._classes()
        task = self.task or self._guess(classes)
        advice = [a for a in self._all(GUIDES[task], classes) if a is not None]
        order: dict[Level, int] = {"bad": 0, "warn": 1, "ok": 2}
        return Sufficiency(
            rows=self.rows,
            task=task,
            is_guessed=self.task is None,
            classes=dict(Counter(classes).most_common()),
            advice=tuple(sorted(advice, key=lambda a: order[a.level])),
        )

    def _classes(self) -> Mapping[str, int]:
        """Rows by output, where outputs are classes; else nothing."""
        labelled = sum(self._labels.values())
        few = 1 < len(self._labels) <= min(MAX_CLASSES, max(2, labelled // MIN_PER_CLASS))
        return self._labels if few and labelled >= LABELLED * min(self.rows, LOOKED_AT) else {}

    def _guess(self, classes: Mapping[str, int]) -> Task:
        if self.kinds["preference"] > self.rows / 2:
            return "preference"
        if classes or self.task == "classification":
            return "classification"
        return "format" if self._json > self.rows / 2 else "instructions"

    def _all(self, guide: Guide, classes: Mapping[str, int]) -> Iterator[Advice | None]:
        yield _enough(guide, self.kinds["preference"] if guide.unit == "pairs" else self.rows, classes)
        yield _balanced(classes) if classes else None
        yield self._consistent()
        yield _varied(self._sketches.near_share(), min(self.rows, LOOKED_AT))
        yield self._lengthy()
        yield self._outliers()
        yield self._blank()
        yield _shifted(self._lengths, self.samples)

    def _consistent(self) -> Advice:
        n, share = self._n_conflicts, self._n_conflicts / max(1, min(self.rows, LOOKED_AT))
        if not n:
            return Advice(name="labels", level="ok", told="no input has two different outputs")
        return Advice(
            name="labels",
            level="bad" if share >= CONFLICT_SHARE else "warn",
            told=f"{n:,} rows ({share:.1%}) ask what another row asks and give another output",
            fix="decide which output is right and drop the other: contradictions teach a coin toss",
            rows=tuple(self._conflicts),
        )

    def _lengthy(self) -> Advice | None:
        if not self._n_long:
            return None
        return Advice(
            name="long rows",
            level="warn",
            told=f"{self._n_long:,} rows have more than {LONG_WORDS:,} words (about 2,000 tokens)",
            fix="trainers cut what is longer than their limit, and with it the answer: shorten them or raise the limit",
            rows=tuple(self._long),
        )

    def _outliers(self) -> Advice | None:
        said = np.array([n for n in self._answers if n >= 0])
        if len(said) < 20:  # noqa: PLR2004 - too few for quartiles to mean anything
            return None
        low, high = np.percentile(said, [25, 75])
        limit = high + OUTLIER * max(1.0, high - low)
        n = int((said > limit).sum())
        if not n:
            return None
        return Advice(
            name="odd lengths",
            level="warn",
            told=f"{n:,} outputs are longer than {limit:,.0f} words, where half have {low:,.0f} to {high:,.0f}",
            fix="look at them: pasted logs and merged rows look like this",
        )

    def _blank(self) -> Advice | None:
        if not self._n_empty:
            return None
        told = f"{self._n_empty:,} rows have an empty input or output"
        return Advice(name="empty rows", level="warn", told=told, fix="drop them", rows=tuple(self._empty))


def _noted(rows: list[str], where: str) -> None:
    if len(rows) < _SHOWN:
        rows.append(where)


def _enough(guide: Guide, rows: int, classes: Mapping[str, int]) -> Advice:
    unit = "examples of each class" if guide.is_per_class else guide.unit
    smallest, n = ("", rows)
    if guide.is_per_class and classes:
        smallest, n = min(classes.items(), key=lambda pair: pair[1])
    asked = f"for {guide.name} at least {guide.minimum:,} {unit} are wanted, better {guide.recommended:,}"
    got = f"the class '{smallest[:60]}' has {n:,}" if smallest else f"there are {n:,}"
    level: Level = "bad" if n < guide.minimum else "warn" if n < guide.recommended else "ok"
    few = sum(count < guide.minimum for count in classes.values()) if guide.is_per_class else 0
    many = f" ({few:,} of {len(classes):,} classes have too few)" if few > 1 else ""
    fix = "" if level == "ok" else "collect more, or stay with a prompt: tuned on too little a model often gets worse"
    return Advice(name="amount", level=level, told=f"{asked}; {got}{many}", fix=fix)


def _balanced(classes: Mapping[str, int]) -> Advice:
    (most, high), (least, low) = (f(classes.items(), key=lambda pair: pair[1]) for f in (max, min))
    ends = f"of {low:,} rows each" if low == high else f"from {low:,} rows ('{least[:60]}') to {high:,} ('{most[:60]}')"
    told = f"{len(classes):,} classes {ends}"
    is_uneven = high > IMBALANCE * low
    fix = "add rows of the rare classes or draw fewer of the common ones" if is_uneven else ""
    return Advice(name="balance", level="warn" if is_uneven else "ok", told=told, fix=fix)


def _varied(share: float, rows: int) -> Advice:
    is_dull = share > NEAR_SHARE
    return Advice(
        name="variety",
        level="warn" if is_dull else "ok",
        told=f"{share:.1%} of {rows:,} rows are copies or near-copies of an earlier row",
        fix="drop the copies: a thousand different examples teach more than ten thousand alike" if is_dull else "",
    )


def _shifted(lengths: Sequence[int], samples: Sequence[str]) -> Advice | None:
    """How much longer or shorter the questions of one side are."""
    if not lengths or not samples:
        return None
    ours, theirs = np.sort(lengths), np.sort([len(plain(text).split()) for text in samples])
    at = np.concatenate([ours, theirs])
    gap = np.searchsorted(ours, at, "right") / len(ours) - np.searchsorted(theirs, at, "right") / len(theirs)
    distance = float(np.abs(gap).max())
    told = f"questions have {np.median(ours):,.0f} words here and {np.median(theirs):,.0f} in the samples (medians)"
    bar = SHIFT + 1.36 * (1 / len(ours) + 1 / len(theirs)) ** 0.5
    if bar >= 1.0:
        return None  # so few rows cannot show it, whatever they are
    is_shifted = distance > bar
    fix = (
        "train on what will be asked: the samples look unlike the training data, or prompts differ"
        if is_shifted
        else ""
    )
    return Advice(name="shift", level="warn" if is_shifted else "ok", told=told, fix=fix)
