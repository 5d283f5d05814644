"""What labels a suite has: those its entry lists, or the targets there are; and how they are averaged over."""

from __future__ import annotations

from evalkit.metrics.match import clip, fold
from evalkit.metrics.normalize import Normaliser
from evalkit.metrics.options import listed, refuse, suggestion
from evalkit.metrics.read import shown
from evalkit.types import JsonValue, MetricSpec

AVERAGES = ("macro", "micro", "weighted")
MAX_LABELS = 500
"""Counts take 3 numbers a label and sample; far more targets than this are texts, not classes."""


def label_of(value: JsonValue, chain: tuple[Normaliser, ...]) -> str | None:
    """The label a value names: normalised text, or a number or boolean as text; None for anything else."""
    return None if value is None or isinstance(value, (list, dict)) else shown(fold(value, chain))


def declared_labels(spec: MetricSpec, chain: tuple[Normaliser, ...]) -> tuple[str, ...]:
    """The labels the entry lists, normalised; empty where it lists none. Raises UsageError for no such list."""
    value = spec.options.get("labels")
    if value is None:
        return ()
    labels = [label_of(item, chain) for item in value] if isinstance(value, list) else []
    names = tuple(label for label in labels if label is not None)
    if not names or len(names) != len(labels):
        refuse(spec, "labels", "a list of labels is wanted: texts, numbers or booleans")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        refuse(spec, "labels", f"'{clip(twice)}' stands twice (after `normalize`)")
    return names


def average_of(spec: MetricSpec, labels: tuple[str, ...], chain: tuple[Normaliser, ...]) -> str:
    """macro, micro, weighted, or one of the labels; macro by default. Raises UsageError for anything else."""
    value = spec.options.get("average", "macro")
    if value in AVERAGES:
        return str(value)
    label = label_of(value, chain)
    if label not in labels:
        known = (*AVERAGES, *labels)
        fix = suggestion(value, known) or f"there are {clip(listed(known))}"
        refuse(spec, "average", f"{value!r} is neither {listed(AVERAGES)} nor a label", fix)
    return label
