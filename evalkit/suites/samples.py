"""Rows as samples: ids, targets, slices, clusters; and the seeded choice of a part of them."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

from msgspec import Struct

from evalkit.fingerprint import canonical_bytes
from evalkit.suites.data import Data, reach
from evalkit.suites.diagnostics import Findings, Problems, did_you_mean, listing
from evalkit.suites.jsonl import Row
from evalkit.suites.records.record import answer_in
from evalkit.suites.schema import Dataset
from evalkit.suites.yaml_source import Loc
from evalkit.types import JsonValue, Sample

ID_DIGITS = 16
"""Hex digits of a content hash used as id: 64 bits, no collision in any real suite."""
MAX_ID_CHARACTERS = 500
NONE_SLICE = "(none)"
_T = TypeVar("_T")


class Samples(Struct, frozen=True, kw_only=True):
    """The samples of a suite with the line each one stands on."""

    samples: tuple[Sample, ...]
    lines: tuple[int, ...]


def content_id(row: Row) -> str:
    """The id of a row that has none: the first hex digits of its content's sha256."""
    return hashlib.sha256(canonical_bytes(dict(row))).hexdigest()[:ID_DIGITS]


def check_columns(data: Data, dataset: Dataset, findings: Findings) -> bool:
    """Whether every column the dataset section names stands in the data; adds a finding where one does not."""
    named: list[tuple[Loc, str | None]] = [
        (("dataset", key), getattr(dataset, key)) for key in ("id", "messages", "target", "cluster", "time")
    ]
    named += [(("dataset", "slices", i), column) for i, column in enumerate(dataset.slices)]
    n_before = len(findings)
    for i, name in enumerate(dataset.slices):
        if name in dataset.slices[:i]:
            findings.at(("dataset", "slices", i), f"dataset.slices[{i}]: '{name[:60]}' is named twice")
    for loc, column in named:
        if column is None or not data.rows or any(reach(row, column)[0] for _, row in data.rows):
            continue
        known = list(paths_of(data.rows[0][1], data.columns))
        what = f"{loc[0]}.{loc[1]}: column '{column[:60]}' is not in {data.path.name}{did_you_mean(column, known)}"
        findings.at(loc, what, help=f"columns: {listing(data.columns)}")
    return len(findings) == n_before


def make_samples(data: Data, dataset: Dataset, answer_of: Callable[[Row], str | None]) -> tuple[Samples, Problems]:
    """Every row as a sample, and what is wrong with rows.

    `answer_of` gives the target that a finished chat or a preference holds; a target that is a list of turns is what
    its last assistant turn says.
    """
    problems = data.problems_found()
    samples: list[Sample] = []
    lines: list[int] = []
    seen: dict[str, tuple[str, int]] = {}
    for line, row in data.rows:
        made = _sample(row, line, dataset, answer_of, problems)
        if made is None:
            continue
        name, first = seen.setdefault(_look(made.id), (made.id, line))
        if first != line and dataset.id is None:
            problems.add(
                line, f"this row is the same as line {first}", fix="remove one, or name a column of ids in dataset.id"
            )
        elif first != line and name == made.id:
            message = f"the id '{made.id[:80]}' was given to line {first} already"
            problems.add(line, message, cell=_cell(row, dataset))
        elif first != line:
            message = f"the id '{made.id[:80]}' looks the same as that of line {first}, '{name[:80]}'"
            fix = "they differ in blanks or in how accents are written; make them one or two"
            problems.add(line, message, cell=_cell(row, dataset), fix=fix)
        else:
            samples.append(made)
            lines.append(line)
    return Samples(samples=tuple(samples), lines=tuple(lines)), problems


def chosen(items: Sequence[_T], n: int, seed: str) -> tuple[_T, ...]:
    """`n` of the items in their own order, the same on every machine; a smaller `n` takes a part of a larger one's."""
    if n >= len(items):
        return tuple(items)
    rank = sorted(range(len(items)), key=lambda i: hashlib.sha256(f"{seed}:{i}".encode()).digest())
    return tuple(items[i] for i in sorted(rank[:n]))


def paths_of(row: Row, columns: Sequence[str]) -> Iterator[str]:
    """Columns, and the dotted paths one step into objects: what a column's name may be meant for."""
    yield from columns
    for key, value in row.items():
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)


def plain_text(value: JsonValue) -> str:
    """A cell as a name: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sample(
    row: Row, line: int, dataset: Dataset, answer_of: Callable[[Row], str | None], problems: Problems
) -> Sample | None:
    if dataset.id is None:
        identity: str | None = content_id(row)
    else:
        identity = _identity(row, dataset.id, line, problems)
    has_target, target = (True, answer_of(row)) if dataset.target is None else reach(row, dataset.target)
    if not has_target:
        fix = f"the row has: {listing(row)}"
        problems.add(line, f"the row has no '{dataset.target}', which dataset.target names", fix=fix)
    if identity is None or not has_target:
        return None
    return Sample(
        id=identity,
        fields=row,
        target=target if (said := answer_in(target)) is None else said,
        slices=_slices(row, tuple(dataset.slices)),
        cluster=_optional(row, dataset.cluster),
        time=_optional(row, dataset.time),
    )


def _cell(row: Row, dataset: Dataset) -> tuple[str, JsonValue]:
    """The cell that holds a row's id."""
    column = dataset.id or ""
    return column, reach(row, column)[1]


def _identity(row: Row, column: str, line: int, problems: Problems) -> str | None:
    is_there, value = reach(row, column)
    if not is_there:
        problems.add(line, f"the row has no '{column}', which dataset.id names", fix=f"the row has: {listing(row)}")
    elif isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        message = f"the id in '{column}' must be text or a whole number, and not empty"
        problems.add(line, message, cell=(column, value))
    elif len(str(value)) > MAX_ID_CHARACTERS or _has_control(str(value)):
        message = f"the id in '{column}' must be a name: one line of at most {MAX_ID_CHARACTERS} plain characters"
        problems.add(line, message, cell=(column, value))
    else:
        return str(value)
    return None


def _slices(row: Row, columns: tuple[str, ...]) -> Mapping[str, str]:
    return _shared_slices(columns, tuple(_slice(reach(row, column)[1]) for column in columns))


@lru_cache(maxsize=4096)
def _shared_slices(columns: tuple[str, ...], values: tuple[str, ...]) -> Mapping[str, str]:
    """One mapping for all samples that lie in the same slices: there are few of those and many samples."""
    return MappingProxyType(dict(zip(columns, values, strict=True)))


def _slice(value: JsonValue) -> str:
    return NONE_SLICE if value is None or value == "" else plain_text(value)


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def _look(identity: str) -> str:
    """An id as a person tells it from others."""
    return " ".join(unicodedata.normalize("NFC", identity).split())


def _optional(row: Row, column: str | None) -> str | None:
    value = None if column is None else reach(row, column)[1]
    return None if value is None or value == "" else plain_text(value)
