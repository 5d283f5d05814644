"""What people said about answers, and the answers: two files of JSON lines, read strictly."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct, structs

from evalkit.errors import UsageError
from evalkit.judging.spec import Item, JudgeSpec
from evalkit.suites.diagnostics import Problems, did_you_mean, listing
from evalkit.suites.jsonl import read_jsonl
from evalkit.types import BASELINE, CANDIDATE

PREFERENCE = "preference"
ROLES = frozenset({BASELINE, CANDIDATE})
_LABEL_KEYS = ("item_id", "rater_id", "criterion", "verdict", "role", "weight")
Answer = tuple[str, str]
"""(item id, whose answer: a role, or "" where it does not matter)"""


class Label(Struct, frozen=True, kw_only=True):
    """One person's verdict on one criterion of one answer."""

    item_id: str
    rater_id: str
    criterion: str
    verdict: str
    role: str = ""
    """baseline | candidate | one of several baselines by name; empty: the label does not say whose answer it was."""
    weight: float = 1.0
    """How many samples it stands for, where they were not picked evenly."""

    @property
    def answer(self) -> Answer:
        """The answer it is about."""
        return self.item_id, self.role


class LabelledItem(Struct, frozen=True, kw_only=True):
    """An answer to be judged, and whose it is."""

    item: Item
    role: str = ""
    authors: tuple[str, str] = ("", "")
    """The models that wrote it and, of a pair, the other answer; empty: the file does not say."""

    @property
    def answer(self) -> Answer:
        """What labels name it by."""
        return self.item.id, self.role

    @property
    def named(self) -> Item:
        """The answer under an id that no other side's answer has."""
        return structs.replace(self.item, id=f"{self.item.id} ({self.role})") if self.role else self.item


def read_labels(path: Path, spec: JudgeSpec, roles: Collection[str] = ROLES) -> tuple[Label, ...]:
    """The labels in a file. `roles`: whose answers there are, besides the baseline's and the candidate's.

    Raises UsageError with every line that is none, and for a rater who says two things.
    """
    problems = Problems(shown=str(path))
    found: dict[tuple[str, str, str, str], Label] = {}
    for number, given in read_jsonl(_lines(path), problems):
        row = _named_for(given, spec)
        mistake = next(_mistakes(row, spec, ROLES.union(roles)), None)
        if mistake is not None:
            problems.add(number, mistake)
            continue
        label = _label(row)
        known = found.setdefault((*label.answer, label.rater_id, label.criterion), label)
        if known.verdict != label.verdict:
            problems.add(
                number,
                f"{label.rater_id} says {label.verdict} on {label.criterion} of {label.item_id}, and {known.verdict} "
                "on an earlier line",
            )
    _raise(problems)
    if not found:
        raise UsageError(f"{path} holds no label")
    return tuple(found.values())


def read_items(path: Path, spec: JudgeSpec) -> tuple[LabelledItem, ...]:
    """The answers in a file: `item_id`, `output`, for a pairwise judge perhaps `other`, a `role`, and the inputs.

    `author` (and `other_author`) may name the model that wrote it.

    Raises UsageError with every line that lacks what this judge has to be shown.
    """
    problems = Problems(shown=str(path))
    inputs = [name for name in spec.inputs if name != "output"]
    found: dict[Answer, LabelledItem] = {}
    for number, row in read_jsonl(_lines(path), problems):
        named = {name: row.get(name) for name in ("item_id", "output")}
        missing = [name for name, value in named.items() if not isinstance(value, str)]
        missing += [name for name in inputs if name not in row]
        if missing:
            problems.add(number, f"{listing(missing)} is missing; this judge is shown {listing(spec.inputs)}")
            continue
        texts = {name: None if row[name] is None else str(row[name]) for name in inputs}
        other = row.get("other")
        item = Item(
            id=str(row["item_id"]),
            inputs=texts,
            output=str(row["output"]),
            other=None if other is None else str(other),
        )
        authors = str(row.get("author") or ""), str(row.get("other_author") or "")
        one = LabelledItem(item=item, role=str(row.get("role") or ""), authors=authors)
        if one.answer in found:
            problems.add(number, f"item {item.id!r} stands here a second time")
        found[one.answer] = one
    _raise(problems)
    if not found:
        raise UsageError(f"{path} holds no item")
    return tuple(found.values())


def consensus(labels: Sequence[Label], spec: JudgeSpec) -> Mapping[tuple[Answer, str], str | None]:
    """(answer, criterion) → the verdict most people gave, of marks their median; None where they are split evenly."""
    said: dict[tuple[Answer, str], list[str]] = {}
    for label in labels:
        said.setdefault((label.answer, label.criterion), []).append(label.verdict)
    return {key: _most(verdicts, spec.criterion(key[1]).verdicts) for key, verdicts in said.items()}


def _most(verdicts: Sequence[str], known: Sequence[str]) -> str | None:
    if known[0].lstrip("-").isdigit():
        middle = median(known.index(verdict) for verdict in verdicts)
        return known[int(middle)] if middle == int(middle) else None
    counts = sorted(((verdicts.count(word), word) for word in set(verdicts)), reverse=True)
    return None if len(counts) > 1 and counts[0][0] == counts[1][0] else counts[0][1]


def _named_for(row: Mapping[str, Any], spec: JudgeSpec) -> Mapping[str, Any]:
    """The row; a blind comparison's `preference` is the one criterion of a pairwise judge, whatever it is called."""
    is_plain = spec.mode == "pairwise" and len(spec.criteria) == 1 and row.get("criterion") == PREFERENCE
    return {**row, "criterion": spec.criteria[0].id} if is_plain else row


def _label(row: Mapping[str, Any]) -> Label:
    """The label of a row without mistakes."""
    return Label(
        item_id=str(row["item_id"]),
        rater_id=str(row["rater_id"]),
        criterion=str(row["criterion"]),
        verdict=str(row["verdict"]),
        role=str(row.get("role") or ""),
        weight=float(row.get("weight", 1.0)),
    )


def _mistakes(row: Mapping[str, Any], spec: JudgeSpec, roles: Collection[str]) -> Iterator[str]:
    """What is wrong with a row; what comes first is to be told."""
    for key in row:
        if key not in _LABEL_KEYS:
            yield f"unknown key '{key[:60]}'{did_you_mean(key, _LABEL_KEYS)}"
    for key in _LABEL_KEYS[:4]:
        if not isinstance(row.get(key), (str, int)) or isinstance(row.get(key), bool) or row[key] == "":
            yield f"{key} is missing; a label is {{item_id, rater_id, criterion, verdict, role}}"
    criteria = [one.id for one in spec.criteria]
    name, verdict, role = str(row.get("criterion")), str(row.get("verdict")), str(row.get("role") or "")
    if name not in criteria:
        yield f"{spec.id} has no criterion '{name[:60]}'{did_you_mean(name, criteria)}; it has {listing(criteria)}"
    elif verdict not in spec.criterion(name).verdicts:
        yield f"'{verdict[:60]}' is no verdict on {name}: {listing(spec.criterion(name).verdicts)}"
    if role not in {"", *roles}:
        known = sorted(filter(None, roles))
        yield f"role is '{role[:60]}': {', '.join(known)}, or left out{did_you_mean(role, known)}"
    weight = row.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0.0 < weight < math.inf:
        yield "weight is no number above 0"


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            yield from enumerate(file, start=1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _raise(problems: Problems) -> None:
    if found := problems.all():
        raise UsageError(diagnostics=found)
