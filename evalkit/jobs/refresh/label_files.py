"""Files in which people say what a sample's label is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.errors import UsageError
from evalkit.rot.label_studio import labels_in
from evalkit.rot.labels import Label
from evalkit.suites.records import read_rows


def labels_in_file(path: Path) -> Iterator[tuple[str, Label]]:
    """(its place, a label) of JSON lines {id, label, by} or {id, skip, by}, or of an export of Label Studio.

    Raises UsageError, with its line, for a row that is neither.
    """
    for row in read_rows(path):
        fields: Any = row.fields
        if isinstance(fields.get("data"), dict) and "annotations" in fields:
            yield from ((row.where, label) for label in labels_in([fields]))
            continue
        name, by, skip = fields.get("id"), fields.get("by"), fields.get("skip")
        if not isinstance(name, str) or not isinstance(by, str) or not by.strip():
            raise UsageError(
                f'{row.where}: a label is {{"id": …, "label": …, "by": NAME}}, or "skip": REASON for label'
            )
        if skip is None and fields.get("label") is None:
            continue
        yield (
            row.where,
            Label(id=name, by=by.strip(), label=fields.get("label"), skip=None if skip is None else str(skip)),
        )
