"""Texts that stand, whole or nearly, among other rows: one seam over the matcher of `hygiene`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from evalkit.hygiene.contamination import Evidence, TrainingRow, find_overlap
from evalkit.hygiene.index import Index, Item
from evalkit.suites.records import read_rows, record_of
from evalkit.types.hygiene import Thresholds


def copies(texts: Mapping[str, str], rows: Iterable[TrainingRow], asked: Thresholds) -> dict[str, Evidence]:
    """The names of the texts that are as good as in one of the rows, which are streamed once, and where."""
    index = Index.of(Item(name, "question", text) for name, text in texts.items())
    return find_overlap(index, rows, asked).named("dirty")


def training_rows(paths: Iterable[Path]) -> Iterator[TrainingRow]:
    """What the training files say, row by row. Raises UsageError where one cannot be read."""
    for path in paths:
        for row in read_rows(path):
            yield TrainingRow(row.where, record_of(row).inputs)
