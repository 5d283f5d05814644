"""The steps no person is needed for: personal data out, copies out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.hygiene.contamination import TrainingRow
from evalkit.hygiene.leakage import LeakageScan
from evalkit.jobs.refresh.desk import (
    DEDUP_DROPPED,
    DEDUPED,
    LABELS,
    PLAN,
    SAMPLED,
    SCRUB_DROPPED,
    SCRUBBED,
    Desk,
    Row,
)
from evalkit.jobs.refresh.versions import RETIRED, versions_of
from evalkit.jobs.rot.copies import copies, located_rows, training_rows
from evalkit.jobs.rot.look import loaded
from evalkit.rot.lens import Lens, lens_of
from evalkit.rot.moment import seconds
from evalkit.rot.pii import Scrubber, residue
from evalkit.suites.samples import content_id
from evalkit.types import Sample, Suite

_MOSTLY = 0.5
_WORD = re.compile(r"\w+")
_PLACEHOLDER = re.compile(r"\[[A-Z]+_\d+\]")


def scrub(desk: Desk) -> tuple[list[Row], list[Row]]:
    """(rows without the personal data that rules find, rows kept out with the reason and nothing of what they said)."""
    if desk.has(LABELS):  # people have begun: what they look at stays as it is
        return desk.rows(SCRUBBED), desk.rows(SCRUB_DROPPED)
    kept: list[Row] = []
    dropped: list[Row] = []
    for row in desk.rows(SAMPLED):
        scrubber = Scrubber()
        fields, answered = scrubber.value(row["fields"]), scrubber.value(row["answered"])
        left = residue(fields) or residue(answered)
        if left is not None:
            dropped.append({"id": row["id"], "reason": f"what is left looks like {left}", "found": scrubber.counts})
        elif not isinstance(fields, dict) or not _says_something(fields):
            dropped.append({"id": row["id"], "reason": "little but personal data", "found": scrubber.counts})
        else:
            # The old id is a digest of the words that were just taken out.
            name = f"{content_id(fields)}-{row['id'].rpartition('-')[2]}"
            # A log may say anything where a time is looked for; only what is one goes on.
            time = row["time"] if seconds(row["time"]) is not None else None
            scrubbed = {"fields": fields, "answered": answered, "time": time, "scrubbed": scrubber.counts}
            kept.append(row | {"id": name} | scrubbed)
    desk.write_rows(SCRUB_DROPPED, dropped)
    desk.write_rows(SCRUBBED, kept)
    return kept, dropped


def dedup(desk: Desk) -> tuple[list[Row], list[Row]]:
    """(rows that are new, rows left out with what they copy): the training data, any version of the suite, each other.

    A row of a group that was trained on is left out as well.

    Samples that were retired count: a refresh must not bring them back.
    """
    if desk.has(LABELS):
        return desk.rows(DEDUPED), desk.rows(DEDUP_DROPPED)
    suite = loaded(Path(desk.document(PLAN)["suite"]))
    lens, asked, rows = lens_of(suite), suite.hygiene.thresholds, desk.rows(SCRUBBED)
    left: dict[str, Row] = {}
    dropped: list[Row] = []
    seen: dict[str, str] = {}
    for row in rows:
        text = " ".join(_text(row["fields"], lens).casefold().split())
        if text in seen:
            dropped.append({"id": row["id"], "reason": f"the same as {seen[text]}"})
        else:
            seen[text] = row["id"]
            left[row["id"]] = row
    sources: Sequence[tuple[str, Iterator[TrainingRow]]] = (
        ("the training data", training_rows(suite)),
        ("the suite", _suite_rows(suite, lens)),
    )
    for what, source in sources:
        texts = {name: _text(row["fields"], lens) for name, row in left.items()}
        for name, found in copies(texts, source, asked).items():
            dropped.append({"id": name, "reason": f"{found.layer} copy of {what}, {found.where}"})
            del left[name]
    for name, why in _in_trained_groups(suite, left).items():
        dropped.append({"id": name, "reason": why})
        del left[name]
    for name, other in _near_each_other(left, lens, asked.dirty_jaccard):
        dropped.append({"id": name, "reason": f"nearly the same as {other}"})
        del left[name]
    desk.write_rows(DEDUP_DROPPED, dropped)
    desk.write_rows(DEDUPED, list(left.values()))
    return list(left.values()), dropped


def _in_trained_groups(suite: Suite, left: Mapping[str, Row]) -> dict[str, str]:
    """Rows of a group (`checks.group_keys`) that the training data has as well, and where it was first seen there."""
    keys = suite.hygiene.group_keys
    if not keys or not left:
        return {}
    scan = LeakageScan([Sample(id=name, fields=row["fields"]) for name, row in left.items()], keys, None)
    for row in located_rows(suite.training_data, suite):
        scan.take(row.where, row.fields)
    return {
        name: f"its {group.key} was trained on, {group.first_row}"
        for group in scan.finished().groups
        for name in group.samples
    }


def _near_each_other(left: Mapping[str, Row], lens: Lens, most: float) -> list[tuple[str, str]]:
    """(a row, an earlier one that it nearly repeats): Jaccard similarity of their runs of three words."""
    kept: dict[str, frozenset[tuple[str, ...]]] = {}
    found = []
    for name, row in left.items():
        words = _WORD.findall(_text(row["fields"], lens).casefold())
        runs = frozenset(zip(words, words[1:], words[2:], strict=False))
        near = next((other for other, theirs in kept.items() if runs and _shared(runs, theirs) >= most), None)
        if near is None:
            kept[name] = runs
        else:
            found.append((name, near))
    return found


def _shared(left: frozenset[tuple[str, ...]], right: frozenset[tuple[str, ...]]) -> float:
    return len(left & right) / len(left | right)


def _suite_rows(suite: Suite, lens: Lens) -> Iterator[TrainingRow]:
    for path in versions_of(suite.path):
        for row in located_rows([path], suite):
            is_retired = path.name == RETIRED and "reason" in row.fields
            inner: Any = row.fields.get("row") if is_retired else row.fields
            if isinstance(inner, Mapping):  # of a sample retired for personal data only the id is left
                yield TrainingRow(row.where, (_text(inner, lens),))


def _text(fields: Mapping[str, Any], lens: Lens) -> str:
    return lens.of_fields(fields, None).text


def _says_something(fields: Mapping[str, Any]) -> bool:
    """Whether more than half of the letters are still somebody's words."""
    words = " ".join(value for value in fields.values() if isinstance(value, str)) or str(fields)
    return len(_PLACEHOLDER.sub("", words).strip()) > _MOSTLY * len(words) * (len(words.strip()) > 0)
