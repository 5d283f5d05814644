"""Metrics over a fixed set of labels, and the tables per class that belong to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from evalkit.metrics.class_statistics import BY_LABEL, WHOLE, ByLabel, OfAll, averaged
from evalkit.metrics.labels import MAX_LABELS, average_of, cautions, declared_labels, label_of
from evalkit.metrics.match import clip, fold, reader_of
from evalkit.metrics.multilabel import MultiLabel, build_multilabel
from evalkit.metrics.normalize import Normaliser, normalisers
from evalkit.metrics.options import flag, refuse, suggestion
from evalkit.metrics.read import Reader, Unreadable, shown
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

NOT_A_LABEL = "(unreadable or not a label)"
"""Name of the last column of a confusion matrix."""


class Classification(Struct, frozen=True, kw_only=True):
    """f1, precision, recall, balanced_accuracy, mcc or kappa: a function of counts summed over samples.

    `counts` of a sample are 3K numbers: per label, in the order of `labels`, first K times true positives, then K
    times "predicted as", then K times "is". An answer that is unreadable or no label is a false negative of its
    gold label and false positive of nothing, which is what scikit-learn's `f1_score(labels=…, zero_division=0)`
    does; so with such answers micro-F1 lies above accuracy, and mcc and kappa take them for one more class. `value`
    of a sample is whether its label is right.
    """

    name: str
    labels: tuple[str, ...]
    average: str
    """macro, micro, weighted or one of the labels; macro where the metric has no averages."""
    reader: Reader
    chain: tuple[Normaliser, ...]
    of_all: OfAll
    """From summed counts to the metric."""
    positions: Mapping[str, int]
    macro: ByLabel | None = None
    """What is averaged over the labels, all weighing the same; None for any other statistic."""
    rarest: tuple[int, ...] = ()
    """Positions of the two labels that fewest samples have (but some): where a wrong guess costs most."""
    cautions: tuple[str, ...] = ()
    """What whoever reads the figures should know about the labels."""

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored with counts; Unscored where the sample has no target or one outside the labels."""
        target = self.reader.gold(sample.target)
        gold = label_of(target, self.chain)
        if gold is None or gold not in self.positions:
            return Unscored(metric=self.name, why="no_target" if target is None else "target_is_no_label")
        found = self.reader.value(answer, target)
        unread: dict[str, JsonValue] = {"unreadable": clip(found.why)} if isinstance(found, Unreadable) else {}
        predicted = None if isinstance(found, Unreadable) else shown(fold(found, self.chain))
        column = -1 if predicted is None else self.positions.get(predicted, -1)
        row = self.positions[gold]
        return Scored(
            metric=self.name,
            value=float(row == column),
            is_answered=not unread,
            counts=_counts(len(self.labels), row, column),
            evidence={"gold": gold, "predicted": None if predicted is None else clip(predicted), **unread},
        )

    def bounds(self, sample: Sample) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The counts of the worst and of the right answer to this sample; all 0 where it has no usable target.

        A wrong label is worse than an unreadable answer, as it also costs the label it names. Taken is the label
        asked for by `average`, else the rarest other one, whose F1 a false positive lowers most.
        """
        k = len(self.labels)
        gold = label_of(self.reader.gold(sample.target), self.chain)
        if gold is None or gold not in self.positions:
            return (0.0,) * (3 * k), (0.0,) * (3 * k)
        row = self.positions[gold]
        named = (self.positions[self.average],) if self.average in self.positions else self.rarest
        wrong = next((column for column in named if column != row), -1)
        return _counts(k, row, wrong), _counts(k, row, row)

    def statistic(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share, shape (...), from summed counts of shape (..., 3K). 0 where nothing was there to find."""
        return self.of_all(totals)

    def within(self, totals: NDArray[np.float64]) -> Classification:
        """The same for a part of the samples, given the counts summed over it, shape (3K,).

        A macro average is then over the labels that some sample of the part has: nobody could get another one right
        there, so it would count as 0 on both sides and hide most of what the part lost.
        """
        has_samples = np.split(totals, 3)[2] > 0.0
        if self.macro is None or has_samples.all() or not has_samples.any():
            return self
        return structs.replace(self, of_all=averaged(self.macro, "macro", None, has_samples))


class ClassRow(Struct, frozen=True, kw_only=True):
    """One label's figures, as shares."""

    label: str
    support: int
    """Samples whose gold label this is."""
    precision: float | None
    """None when the label was never predicted."""
    recall: float | None
    """None when no sample has the label."""
    f1: float
    """0.0 where there is neither: what the averages count."""


class ClassTable(Struct, frozen=True, kw_only=True):
    """Figures per label and who was taken for whom."""

    labels: tuple[str, ...]
    rows: tuple[ClassRow, ...]
    confusion: tuple[tuple[int, ...], ...]
    """K rows (gold) of K + 1 columns (predicted; the last one is NOT_A_LABEL)."""
    unreadable: tuple[int, ...] = ()
    """K: of the last column, how many answers could not be read at all; the others are no label."""


def per_class(read: Mapping[tuple[str, str | None], int], labels: Sequence[str]) -> ClassTable:
    """Precision, recall, F1 and support of each label, and the K × (K + 1) confusion matrix.

    `read`: (gold, predicted) → how often; None and anything outside `labels` land in the last column. Raises
    KeyError for a gold value outside `labels`.
    """
    positions = {label: i for i, label in enumerate(labels)}
    k = len(positions)
    matrix = np.zeros((k, k + 1), dtype=np.intp)
    unreadable = [0] * k
    for (gold, predicted), times in read.items():
        unreadable[positions[gold]] += times if predicted is None else 0
        matrix[positions[gold], k if predicted is None else positions.get(predicted, k)] += times
    hits, predicted, actual = np.diagonal(matrix), matrix[:, :k].sum(axis=0), matrix.sum(axis=1)
    found = []
    for i, label in enumerate(labels):
        hit, taken, support = int(hits[i]), int(predicted[i]), int(actual[i])
        found.append(
            ClassRow(
                label=label,
                support=support,
                precision=hit / taken if taken else None,
                recall=hit / support if support else None,
                f1=2 * hit / (taken + support) if taken + support else 0.0,
            )
        )
    confusion = tuple(tuple(int(cell) for cell in row) for row in matrix)
    return ClassTable(labels=tuple(labels), rows=tuple(found), confusion=confusion, unreadable=tuple(unreadable))


def build_classification(spec: MetricSpec, samples: Sequence[Sample]) -> Classification | MultiLabel:
    """One of these metrics from its entry and the samples it will see.

    The labels are those the entry lists, else the distinct targets in sorted order. Raises UsageError when a
    target is no single label, is not listed, or when there are none or too many; and when mcc or kappa has only one.
    """
    if spec.type in BY_LABEL and flag(spec, "multilabel"):
        return build_multilabel(spec, samples)
    chain = normalisers(spec, default=("strip",))
    reader = reader_of(spec)
    declared = declared_labels(spec, chain)
    support: Counter[str] = Counter()
    for sample in samples:
        target = reader.gold(sample.target)
        label = label_of(target, chain)
        if label is not None:
            support[label] += 1
            if declared and label not in declared:
                message = f"the target '{clip(label)}' of sample '{sample.id}' is not listed"
                refuse(spec, "labels", message, suggestion(label, declared))
        elif target is not None:
            fix = "name the label inside it with `field:`" if isinstance(target, dict) else None
            if isinstance(target, list) and spec.type in BY_LABEL:
                fix = "where a sample may have several labels: multilabel: true"
            refuse(
                spec, "", f"{spec.type} needs one label per sample; the target of sample '{sample.id}' is no label", fix
            )
    labels = declared or tuple(sorted(support))
    if not labels:
        refuse(spec, "", "no sample has a target, so there are no labels to average over")
    if len(labels) > MAX_LABELS:
        message = f"{spec.type} takes at most {MAX_LABELS} labels; the targets have {len(labels)} different values"
        refuse(spec, "", message, "free text is compared by exact_match or token_f1")
    positions = {label: i for i, label in enumerate(labels)}
    if spec.type in {"kappa", "mcc"} and len(labels) == 1:
        refuse(spec, "", f"{spec.type} compares with chance, and with one label there is no other answer")
    rarest = sorted((positions[label] for label in support), key=lambda i: (support[labels[i]], i))[:2]
    average = average_of(spec, labels, chain)
    return Classification(
        name=spec.name,
        labels=labels,
        average=average,
        of_all=WHOLE.get(spec.type) or averaged(BY_LABEL[spec.type], average, positions.get(average)),
        reader=reader,
        chain=chain,
        positions=positions,
        macro=BY_LABEL.get(spec.type) if average == "macro" else None,
        rarest=tuple(rarest),
        cautions=tuple(cautions(spec, labels, support)),
    )


@lru_cache(maxsize=4096)
def _counts(k: int, row: int, column: int) -> tuple[float, ...]:
    """One sample's counts; equal samples share one tuple, which keeps large runs small."""
    counts = [0.0] * (3 * k)
    counts[2 * k + row] = 1.0
    if column >= 0:
        counts[k + column] = 1.0
    if row == column:
        counts[row] = 1.0
    return tuple(counts)
