"""Labels that people look at again: which samples they are asked about, and what they said."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from evalkit.errors import UsageError
from evalkit.jobs.refresh.label_files import labels_in_file
from evalkit.rot.labels import Label
from evalkit.rot.lens import Lens
from evalkit.rot.parts import MisfitError, fitted, parts_of
from evalkit.rot.seen import Rechecked
from evalkit.store.files import write_atomic
from evalkit.types import JsonValue, Suite

QUEUE, ANSWERS = "recheck.jsonl", "rechecked.jsonl"


def rechecked(suite: Suite, path: Path | None, folder: Path) -> Rechecked:
    """What people said of the labels in a file; without one, in the rechecked.jsonl of `folder` if there is any.

    A label is wrong where more people gave another one than gave the suite's. Skipped samples are passed over, and
    those that the suite no longer holds, or that have no target. Raises UsageError, located, for an answer that is no
    label of this suite, and where not one of its samples is in a file that was named.
    """
    file = folder / ANSWERS if path is None else path
    if path is None and not file.is_file():
        return Rechecked()
    targets = {sample.id: sample.target for sample in suite.samples if sample.target is not None}
    parts = parts_of([*targets.values()])
    said: dict[str, dict[str, bool]] = {}
    for where, label in labels_in_file(file):
        if label.id in targets and label.skip is None:
            said.setdefault(label.id, {})[label.by] = _is_other(_fitted(label, parts, where), targets[label.id])
    if path is not None and not said:
        raise UsageError(
            f"{path}: no label of a sample of {suite.name} with a target is in it\n"
            '  help: {"id": SAMPLE, "label": …, "by": NAME} on each line, or an export of Label Studio'
        )
    wrong = (name for name, others in said.items() if 2 * sum(others.values()) > len(others))
    return Rechecked(samples=frozenset(said), wrong=tuple(sorted(wrong)), n_all=len(suite.samples))


def write_queue(suite: Suite, lens: Lens, ids: Sequence[str], folder: Path) -> Path | None:
    """Writes what people are asked to label again to recheck.jsonl: neither the suite's label nor a model's is shown.

    None, and no such file, where there is nothing to ask.
    """
    asked = frozenset(ids)
    rows = [{"id": one.id, "text": lens.of_fields(one.fields, None).text} for one in suite.samples if one.id in asked]
    if not rows:
        (folder / QUEUE).unlink(missing_ok=True)
        return None
    lines = (json.dumps(row).encode("ascii") + b"\n" for row in rows)
    write_atomic(folder / QUEUE, b"".join(lines), is_private=True)
    return folder / QUEUE


def _fitted(label: Label, parts: Mapping[str, Sequence[str]], where: str) -> JsonValue:
    try:
        return fitted(label.label, parts)
    except MisfitError as wrong:
        # Of several values that a target lists, a person names one.
        listed = {name: (*kinds, "a text", "a number") if "a list" in kinds else kinds for name, kinds in parts.items()}
        with contextlib.suppress(MisfitError):
            return fitted(label.label, listed)
        raise UsageError(f"{where}: sample {label.id}: {wrong}") from None


def _is_other(said: JsonValue, target: JsonValue) -> bool:
    """Whether somebody says something else than the suite: of an object, in a part that both have.

    One value says the same as a list that holds it: accepted texts, of which one is enough.
    """
    if isinstance(said, dict) and isinstance(target, dict):
        shared = said.keys() & target.keys()
        return any(_is_other(said[name], target[name]) for name in shared) if shared else said != target
    if isinstance(target, list) and not isinstance(said, list):
        return all(_is_other(said, one) for one in target)
    if isinstance(said, list) and not isinstance(target, list):
        return any(_is_other(one, target) for one in said) or not said
    return _plain(said) != _plain(target)


def _plain(value: JsonValue) -> Hashable:
    """A value as it is compared: texts without case or space around them, lists without order."""
    match value:
        case str():
            return value.strip().casefold()
        case bool():
            return str(value), bool
        case list():
            return frozenset(map(_plain, value))
        case dict():
            return frozenset((name, _plain(one)) for name, one in value.items())
        case _:
            return value
