"""What labels a suite has: those its entry lists, or the targets there are; and how they are averaged over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalkit.metrics.match import clip, fold
from evalkit.metrics.normalize import Normaliser
from evalkit.metrics.options import listed, names, refuse, suggestion
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
    found = tuple(label for label in labels if label is not None)
    if not found or len(found) != len(labels):
        refuse(spec, "labels", "a list of labels is wanted: texts, numbers or booleans")
    if len(set(found)) != len(found):
        twice = next(name for name in found if found.count(name) > 1)
        refuse(spec, "labels", f"'{clip(twice)}' stands twice (after `normalize`)")
    return found


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


def cautions(spec: MetricSpec, labels: Sequence[str], support: Mapping[str, int]) -> Iterator[str]:
    """Sentences about labels that are likely not meant as they stand: alike but for case, or without any sample."""
    folded: dict[str, str] = {}
    for label in labels:
        other = folded.setdefault(label.casefold(), label)
        if other != label:
            chain = ", ".join([*names(spec, "normalize", ("strip",)), "casefold"])
            yield (
                f"the labels '{clip(other)}' and '{clip(label)}' differ in case alone and are two; "
                f"normalize: [{chain}] makes them one"
            )
    absent = [label for label in labels if not support.get(label)]
    if absent and spec.options.get("average", "macro") == "macro" and spec.type in {"f1", "precision", "recall"}:
        yield (
            f"no sample has the label {', '.join(map(repr, absent[:5]))}"
            f"{' and others' if len(absent) > 5 else ''}, which counts as 0 in the mean over labels on both sides"  # noqa: PLR2004 - as many as are named
        )
