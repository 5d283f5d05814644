"""Texts that stand, whole or nearly, among other rows: one seam over the matcher of `hygiene`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from evalkit.hygiene.contamination import Evidence, TrainingRow, find_overlap
from evalkit.hygiene.index import Index, Item
from evalkit.suites.records import Row, read_rows, record_of, texts_beside
from evalkit.types import Suite
from evalkit.types.hygiene import Thresholds


def copies(texts: Mapping[str, str], rows: Iterable[TrainingRow], asked: Thresholds) -> dict[str, Evidence]:
    """The names of the texts that are as good as in one of the rows, which are streamed once, and where."""
    index = Index.of(Item(name, "question", text) for name, text in texts.items())
    return find_overlap(index, rows, asked).named("dirty")


def training_rows(suite: Suite) -> Iterator[TrainingRow]:
    """What the suite's training data says, row by row. Raises UsageError where a file of it cannot be read."""
    for row in located_rows(suite.training_data, suite):
        record = record_of(row)
        yield TrainingRow(row.where, (*record.inputs, *texts_beside(row, record)))


def located_rows(paths: Iterable[Path], suite: Suite) -> Iterator[Row]:
    """The rows of files in the suite's tree, their places as seen from the suite's folder, on whatever machine."""
    folder = suite.path.resolve().parent
    for path in paths:
        shown = Path(os.path.relpath(path.resolve(), folder)).as_posix()
        for row in read_rows(path):
            yield Row(f"{shown}{row.where.removeprefix(str(path))}", row.fields)
