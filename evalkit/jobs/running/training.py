"""The training data read once, past everything that wants to see it: overlap with the samples, groups, times."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from evalkit.errors import Diagnostic, UsageError
from evalkit.hygiene.contamination import Contamination, TrainingRow, find_overlap
from evalkit.hygiene.index import Index, Item
from evalkit.hygiene.leakage import Leakage, LeakageScan
from evalkit.hygiene.words import letters, plain
from evalkit.suites.records import LABEL_CHARS, Record, Row, read_rows, record_of, texts_beside
from evalkit.types import Sample, Suite

Rows = Iterable[Row]


class Onlooker(Protocol):
    """Somebody else who wants to see each training row of the one pass."""

    def take(self, row: Row, record: Record) -> None:
        """Looks at one row."""
        ...


class TrainingData(Struct, frozen=True, kw_only=True):
    """What the training data has to do with the samples."""

    contamination: Contamination
    leakage: Leakage


def look_through(
    suite: Suite, question: Callable[[Sample], str], rows: Rows, onlookers: tuple[Onlooker, ...] = ()
) -> TrainingData:
    """Streams the rows once. Raises UsageError, located, where a file cannot be read or holds no rows."""
    index = Index.of(item for sample in suite.samples for item in items_of(suite, sample, question(sample)))
    asked = suite.hygiene
    leakage = LeakageScan(suite.samples, asked.group_keys, asked.time_column)

    def seen() -> Iterator[TrainingRow]:
        for row in rows:
            record = record_of(row)
            leakage.take(row.where, row.fields)
            for onlooker in onlookers:
                onlooker.take(row, record)
            yield TrainingRow(row.where, (*record.inputs, *texts_beside(row, record)), record.outputs)

    found = find_overlap(index, seen(), asked.thresholds, n_samples=len(suite.samples))
    return TrainingData(contamination=found, leakage=leakage.finished())


def rows_of(files: Iterable[Path], suite: Suite) -> Iterator[Row]:
    """The rows of the training files, their places as seen from the suite's folder.

    Raises UsageError at the first bad row, for a file without rows, and for the suite's own data.
    """
    for file in files:
        if file.resolve() == suite.dataset_path.resolve():
            told = Diagnostic(
                message="this is the suite's own data: as training data it holds every sample",
                path=str(file),
                help="name the file the model was trained on; `evalkit split` makes one that shares nothing",
            )
            raise UsageError(diagnostics=(told,))
        n, shown = 0, _shown(file, suite)
        for row in read_rows(file):
            n += 1
            yield Row(f"{shown}{row.where.removeprefix(str(file))}", row.fields)
        if not n:
            raise UsageError(diagnostics=(Diagnostic(message="the file holds no rows", path=str(file)),))


def refuse_unreadable(suite: Suite) -> None:
    """Raises UsageError for training files that could not be read after everything was asked and paid for."""
    for _ in rows_of(suite.training_data, suite):
        pass


def items_of(suite: Suite, sample: Sample, question: str) -> Iterator[Item]:
    """The texts of a sample that may have leaked: its own, what it asks as sent, and its reference answer."""
    answers = [t for t in _texts(sample.target) if len(t.split()) >= suite.hygiene.thresholds.answer_words]
    # A prompt's wording is shared by all samples; the row's own texts are what may have leaked. Of those only what is
    # asked: labels, ids and notes beside a question are shared by rows that have nothing else in common.
    own = [t for t in _own_texts(suite, sample) if len(t) > LABEL_CHARS and t not in answers]
    sent = letters(plain(question))
    found = [text for text in own if (asked := letters(plain(text))) and asked in sent]
    # A prompt that changes its columns (escaped, cut) shows none of them as they are: then all of them count.
    yield from (Item(sample.id, "question", text) for text in dict.fromkeys(found or own) if text != question)
    yield Item(sample.id, "question", question, is_exact_only=bool(found) and question not in own)
    yield from (Item(sample.id, "answer", text) for text in answers)


def own_text(suite: Suite, sample: Sample, question: str) -> str:
    """What a sample says for itself, without the wording of the prompt where the row's own texts stand in it.

    Short texts too: with the wording around them, samples would be like each other for its sake.
    """
    own = tuple(dict.fromkeys(_own_texts(suite, sample)))
    sent = _spaced(question)
    found = [text for text in own if _spaced(text).strip() and _spaced(text) in sent]
    long = [text for text in own if len(text) > LABEL_CHARS]
    # As above: of a prompt that changes its long columns, all of them count.
    missed = () if set(found) & set(long) else long
    return "\n".join(text for text in own if text in found or text in missed) or question


def _spaced(text: str) -> bytes:
    """Its words between blanks, so that a short text is found as words and not within one."""
    return b" %b " % b" ".join(plain(text).split())


def _shown(file: Path, suite: Suite) -> str:
    """How a file is named: from the suite's folder, so that two of one name differ; one from elsewhere as it is."""
    place = file.resolve()
    if not place.is_relative_to(suite.root.resolve()):
        return str(file)
    return Path(os.path.relpath(place, suite.path.resolve().parent)).as_posix()


def named_columns(suite: Suite) -> frozenset[str]:
    """The columns that say something about a sample and are not what it asks."""
    dataset = suite.declared.get("dataset")
    named = dataset if isinstance(dataset, dict) else {}
    slices = named.get("slices")
    columns = [named.get(key) for key in ("id", "target", "cluster", "time")]
    columns += [*(slices if isinstance(slices, list) else ()), *suite.hygiene.group_keys]
    return frozenset(str(column) for column in columns if column is not None)


def _own_texts(suite: Suite, sample: Sample) -> Iterator[str]:
    """The texts of the columns that the suite does not name for something else."""
    beside = named_columns(suite)
    return _texts({key: value for key, value in sample.fields.items() if key not in beside})


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        # Turns of a chat and other lists are what `question` says of them.
        yield from (text for text in value.values() if isinstance(text, str))
