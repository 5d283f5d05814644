"""`evalkit check`: the suite and its training data looked at, without any model but those of `checks.semantic`."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct

from evalkit.errors import Diagnostic, UsageError
from evalkit.hygiene.sufficiency import SufficiencyScan
from evalkit.jobs.running.checks import (
    age_findings,
    age_of,
    contaminated,
    leak_findings,
    looked_through,
    semantic_findings,
    training_document,
    words_of,
)
from evalkit.jobs.running.finish import asked
from evalkit.jobs.running.run import load_all
from evalkit.jobs.running.training import Rows, named_columns, rows_of
from evalkit.rot.lens import lens_of
from evalkit.run.progress import Progress
from evalkit.suites.prompts import target_text
from evalkit.suites.records import Record, Row, flat_of, read_rows, record_of
from evalkit.suites.records.formats import format_of
from evalkit.types import CANDIDATE, JsonValue, Reason, Sample, Suite

SCHEMA = "evalkit.check/1"
CONTAMINATED = 4
_LABEL_KEYS = ("label", "target", "class", "category", "intent", "output", "completion", "response", "answer")


class _Shapes(Struct):
    """What each row teaches, told to the scan in the words in which the samples are told."""

    scan: SufficiencyScan
    suite: Suite
    question: Callable[[Sample], str]
    columns: frozenset[str]
    """What the suite's prompt is made of; empty where it has none."""
    label: str | None

    def take(self, row: Row, record: Record) -> None:
        """Passes what a row teaches on to the scan."""
        if self.scan.is_sated:  # what the row asks would be made for nothing, and slowly
            self.scan.take(row.where, record.kind, (), None)
            return
        said = next(iter(record.outputs), None)
        n = _n_asked(record)
        inputs, beside = record.inputs[:n], record.inputs[n:]
        if said is None:
            key = _label_in(row.fields, self.label)
            value = None if key is None else row.fields[key]
            said = None if value is None else target_text(value)
            if record.kind == "flat":
                inputs, beside = self._asked(row, key), ()
        self.scan.take(row.where, record.kind, inputs, said, beside)

    def _asked(self, row: Row, label: str | None) -> tuple[str, ...]:
        """What a row of columns asks: as the suite asks it where its columns are there, else all but what is beside.

        An id, a time or a user in it would make every question another one, and longer than the samples'.
        """
        if self.columns & row.fields.keys():
            with contextlib.suppress(UsageError):  # only some of the columns are there
                return (self.question(Sample(id="", fields=row.fields)),)
        return _columns_asked(self.suite, row.fields, label)


def check(
    path: Path,
    train: Sequence[str],
    overrides: Sequence[str] = (),
    stdin: BinaryIO | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """What was found, as `evalkit check --json` prints it; `exit_code` 0 or 4.

    `train`: files, folders, patterns or `-`; none: what the suite names. Raises UsageError, located, for what cannot
    be read and where no training data is named at all.
    """
    suite = load_all(path, overrides=overrides).main
    now = dt.datetime.now(dt.UTC)
    age = age_of(suite, now)
    blocking, warnings = age_findings(age)
    document: dict[str, Any] = {"schema": SCHEMA, "suite": suite.name, "samples": len(suite.samples)}
    document["freshness"] = age.document()
    rows = _rows(suite, train, stdin)
    if rows is None:
        document |= {"contamination": {"checked": False, "note": "no training data is named"}, "sufficiency": None}
        warnings += ("no training data is named: `--train FILE`, or checks.training_data in the suite.",)
        return _ended(document, blocking, warnings)
    question = question_of(suite)
    target = suite.declared.get("dataset")
    label = target.get("target") if isinstance(target, dict) else None
    label = label if isinstance(label, str) else None
    scan = SufficiencyScan(task=suite.hygiene.task, samples=_samples_told(suite, question, label))
    shapes = _Shapes(scan, suite, question, _columns(suite), label)
    found = looked_through(suite, question, rows, (shapes,), progress)
    leaks, told = leak_findings(found.leakage, suite.hygiene.later_training)
    why = contaminated(found.contamination, suite.hygiene.max_dirty_share)
    if why is not None:
        blocking += (Reason(code="CONTAMINATED", is_blocking=True, detail=why),)
    elif found.contamination.evidence:
        warnings += (f"{words_of(found.contamination)}.",)
    warnings += semantic_findings(found.contamination)
    document["contamination"] = training_document(found, most=None)
    document["sufficiency"] = scan.finished().document()
    return _ended(document, blocking + leaks, warnings + told)


def question_of(suite: Suite) -> Any:
    """The text a sample asks, as the candidate is sent it."""
    return asked(suite) if CANDIDATE in suite.models else _own


def _samples_told(suite: Suite, question: Callable[[Sample], str], label: str | None) -> list[str]:
    """What each sample asks; where the suite has no prompt, what its row would ask among the training data.

    With its id, its time and the names of columns it would be longer than any training row.
    """
    prompt = suite.models[CANDIDATE].prompt if CANDIDATE in suite.models else None
    if prompt is not None and (prompt.template is not None or prompt.messages_field is not None):
        return [question(sample) for sample in suite.samples]
    return [" ".join(_as_trained(suite, sample.fields, label)) for sample in suite.samples]


def _as_trained(suite: Suite, fields: Mapping[str, JsonValue], label: str | None) -> tuple[str, ...]:
    record = record_of(fields)
    if record.kind == "flat":
        return _columns_asked(suite, fields, _label_in(fields, label))
    return record.inputs[: _n_asked(record)]


def _n_asked(record: Record) -> int:
    """How many of the inputs are the question; of a completion, the others are what it is asked of."""
    return 1 if record.kind == "completion" else len(record.inputs)


def _label_in(fields: Mapping[str, JsonValue], label: str | None) -> str | None:
    """The column of a row that holds what it teaches: the suite's target, else one that is usually named so."""
    return label if label in fields else next((key for key in _LABEL_KEYS if key in fields), None)


def _columns_asked(suite: Suite, fields: Mapping[str, JsonValue], label: str | None) -> tuple[str, ...]:
    """The texts of all columns but the label and those that the suite names for something else."""
    beside = named_columns(suite) | {label}
    return flat_of({key: value for key, value in fields.items() if key not in beside}).inputs


def _columns(suite: Suite) -> frozenset[str]:
    is_asked_by_template = CANDIDATE in suite.models and suite.models[CANDIDATE].prompt.template is not None
    return frozenset(lens_of(suite).columns if is_asked_by_template else ())


def _own(sample: Sample) -> str:
    return "\n".join(value for value in sample.fields.values() if isinstance(value, str))


def _ended(document: dict[str, Any], blocking: Sequence[Reason], warnings: Sequence[str]) -> dict[str, Any]:
    reasons = [{"code": r.code, "blocking": r.is_blocking, "detail": r.detail} for r in blocking]
    return document | {"reasons": reasons, "warnings": list(warnings), "exit_code": CONTAMINATED if reasons else 0}


def _rows(suite: Suite, train: Sequence[str], stdin: BinaryIO | None) -> Rows | None:
    """The training rows that are named; None where none are."""
    if not train:
        return rows_of(suite.training_data, suite) if suite.training_data else None
    return _named(suite, train, stdin)


def _named(suite: Suite, train: Sequence[str], stdin: BinaryIO | None) -> Iterator[Row]:
    for name in train:
        if name == "-":
            stream = sys.stdin.buffer if stdin is None else stdin
            yield from read_rows(Path("-"), stream=stream)
        else:
            yield from rows_of(files_named(name), suite)


def files_named(name: str) -> list[Path]:
    """The files a word of the command line means: itself, all data files of a folder, or those a pattern fits."""
    path = Path(name)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and format_of(p.name) is not None)
        what = "the folder holds no data files (.jsonl, .json, .csv, .tsv, .parquet, plain, .gz or .zst)"
    elif not path.exists() and any(c in name for c in "*?["):
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        found = sorted(p for p in anchor.glob(str(path.relative_to(anchor))) if p.is_file())
        what = "no file fits this pattern"
    else:
        return [path]
    if not found:
        raise UsageError(diagnostics=(Diagnostic(message=what, path=name),))
    return found
