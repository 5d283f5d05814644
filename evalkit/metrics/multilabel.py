"""f1, precision and recall where a sample may have several labels, one or none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from evalkit.metrics.class_statistics import BY_LABEL, ByLabel, OfAll, averaged
from evalkit.metrics.labels import MAX_LABELS, average_of, cautions, declared_labels, label_of
from evalkit.metrics.match import clip, reader_of
from evalkit.metrics.normalize import Normaliser, normalisers
from evalkit.metrics.options import refuse, suggestion
from evalkit.metrics.read import MAX_CHARACTERS, Reader, Unreadable, lookup, read_json
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

_SEPARATORS = re.compile(r"[,;\n]")
_SHOWN = 20


class MultiLabel(Struct, frozen=True, kw_only=True):
    """A function of counts per label, summed over samples.

    `counts` of a sample are 3(K + 1) numbers, as those of `Classification`: the last of each K + 1 is for what an
    answer names that is no label. It is a false positive of no label in particular: it lowers micro precision and
    micro F1, and is in no macro or weighted average. With answers inside of the set all are what scikit-learn gives for
    a binary indicator matrix with `zero_division=0`. `value` of a sample is whether its labels are right, none more
    and none less.
    """

    name: str
    positions: Mapping[str, int]
    """Label → its place among the K."""
    average: str
    reader: Reader
    chain: tuple[Normaliser, ...]
    of_all: OfAll
    macro: ByLabel | None = None
    """What is averaged over the labels, all weighing the same; None for any other statistic."""
    cautions: tuple[str, ...] = ()
    """What whoever reads the figures should know about the labels."""

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored with counts; Unscored where the sample has no target or one that is no list of labels."""
        target = self.reader.gold(sample.target)
        gold = labels_of(target, self.chain)
        if gold is None or not gold <= self.positions.keys():
            return Unscored(metric=self.name, why="no_target" if target is None else "target_is_no_label")
        found = self._found(answer)
        said = frozenset[str]() if isinstance(found, Unreadable) else found
        evidence: dict[str, JsonValue] = {"missing": _listed(gold - said), "not_asked_for": _listed(said - gold)}
        if isinstance(found, Unreadable):
            evidence["unreadable"] = clip(found.why)
        is_read = not isinstance(found, Unreadable)
        is_right = is_read and said == gold
        return Scored(
            metric=self.name,
            value=float(is_right),
            is_answered=is_read,
            counts=self._counts(gold, said),
            evidence={} if is_right else evidence,
        )

    def bounds(self, sample: Sample) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The counts of the worst answer, every label but the right ones, and of the right one; 0 without a target."""
        gold = labels_of(self.reader.gold(sample.target), self.chain)
        if gold is None or not gold <= self.positions.keys():
            nothing = (0.0,) * (3 * (len(self.positions) + 1))
            return nothing, nothing
        return self._counts(gold, frozenset(self.positions) - gold), self._counts(gold, gold)

    def statistic(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share, shape (...), from summed counts of shape (..., 3(K + 1)). 0 where nothing was there to find."""
        return self.of_all(totals)

    def within(self, totals: NDArray[np.float64]) -> MultiLabel:
        """The same for a part of the samples: a macro average is then over the labels that some sample of it has."""
        has_samples = np.split(totals, 3)[2] > 0.0
        if self.macro is None or not has_samples.any():
            return self
        return structs.replace(self, of_all=averaged(self.macro, "macro", None, has_samples))

    def _found(self, answer: str) -> frozenset[str] | Unreadable:
        if self.reader.field is None and not answer.strip():
            return Unreadable("empty")
        value = read_json(answer, self.reader.extract)
        if self.reader.field is not None:
            value = value if isinstance(value, Unreadable) else lookup(value, self.reader.field)
        elif isinstance(value, Unreadable) and answer.strip()[0] not in "[{" and len(answer) <= MAX_CHARACTERS:
            value = answer
        if isinstance(value, Unreadable):
            return value
        found = labels_of(value, self.chain)
        return Unreadable("no list of labels") if found is None else found

    def _counts(self, gold: frozenset[str], said: frozenset[str]) -> tuple[float, ...]:
        k = len(self.positions) + 1
        counts = [0.0] * (3 * k)
        for label in said:
            counts[k + self.positions.get(label, k - 1)] += 1.0
        for label in gold:
            counts[2 * k + self.positions[label]] = 1.0
            counts[self.positions[label]] = float(label in said)
        return tuple(counts)


def labels_of(value: JsonValue, chain: tuple[Normaliser, ...]) -> frozenset[str] | None:
    """The labels a value names: a list of them, or a text with commas, semicolons or line ends between them.

    None for what is neither, and for a list with anything in it but texts, numbers and booleans.

    >>> sorted(labels_of("b, a", ())), labels_of([], ())
    (['a', 'b'], frozenset())
    """
    if isinstance(value, str):
        read = read_json(value) if value.lstrip().startswith("[") else None
        if not isinstance(read, list):
            return _named([part.strip() for part in _SEPARATORS.split(value) if part.strip()], chain)
        value = read
    return _named(value if isinstance(value, list) else [value], chain)


def build_multilabel(spec: MetricSpec, samples: Sequence[Sample]) -> MultiLabel:
    """`f1`, `precision` or `recall` with `multilabel: true`, from its entry and the samples it will see.

    The labels are those the entry lists, else all that the targets name, in sorted order. Raises UsageError when a
    target is no list of labels or names one that is not listed, and when there are none or too many.
    """
    chain, reader = normalisers(spec, default=("strip",)), reader_of(spec)
    declared = declared_labels(spec, chain)
    support: Counter[str] = Counter()
    for sample in samples:
        target = reader.gold(sample.target)
        if target is None:
            continue
        found = labels_of(target, chain)
        if found is None:
            message = f"the target of sample '{sample.id}' is no list of labels"
            refuse(spec, "", message, "name the list inside it with `field:`" if isinstance(target, dict) else None)
        support.update(found)
        if declared and (unlisted := sorted(found - set(declared))):
            message = f"the label '{clip(unlisted[0])}' of sample '{sample.id}' is not listed"
            refuse(spec, "labels", message, suggestion(unlisted[0], declared))
    labels = declared or tuple(sorted(support))
    if not labels:
        refuse(spec, "", "no sample has a label, so there are none to average over")
    if len(labels) > MAX_LABELS:
        message = f"{spec.type} takes at most {MAX_LABELS} labels; the targets have {len(labels)} different ones"
        refuse(spec, "", message, "free text is compared by exact_match or token_f1")
    positions = {label: i for i, label in enumerate(labels)}
    average, by_label = average_of(spec, labels, chain), BY_LABEL[spec.type]
    inside = np.array([True] * len(labels) + [False])
    return MultiLabel(
        name=spec.name,
        positions=positions,
        average=average,
        reader=reader,
        chain=chain,
        of_all=averaged(by_label, average, positions.get(average), inside),
        macro=by_label if average == "macro" else None,
        cautions=tuple(cautions(spec, labels, support)),
    )


def _named(parts: Sequence[JsonValue], chain: tuple[Normaliser, ...]) -> frozenset[str] | None:
    names = [label_of(part, chain) for part in parts]
    found = frozenset(name for name in names if name is not None)
    return None if None in names else found


def _listed(labels: frozenset[str]) -> JsonValue:
    return [clip(label) for label in sorted(labels)[:_SHOWN]]
