"""The samples inside a report: gzip + base64 in blocks of 200 rows, which the page unpacks when they are looked at.

Base64 has no `<`, so no answer can end the element it stands in; 10,000 rows open as fast as 100, because a
block is unpacked only when one of its rows is shown. Counting and filtering need the small first block only.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.report import strings
from evalkit.report.read import Document, number, obj, text
from evalkit.report.text import clean

CHUNK_ROWS = 200
FLIP_CODES = tuple(strings.FLIPS)
UNSCORED = FLIP_CODES.index("unscored")
USUAL = {"text": None, "status": "ok", "finish": "stop", "error": None, "cached": False, "attempts": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What the page carries."""

    meta: str
    """Ids, flips and slices of all rows, and the words the page needs."""
    chunks: tuple[str, ...]


def pack(samples: Sequence[Document], primary: str) -> Packed:
    """Every sample, packed, flips judged by the metric `primary`. The same samples give the same bytes."""
    metrics = list(dict.fromkeys(name for row in samples for name in obj(row, "scores")))
    meta = {
        "chunkRows": CHUNK_ROWS,
        "ids": [text(row, "id") for row in samples],
        "flips": [_flip_code(text(row, "flip")) for row in samples],
        "slices": _slice_columns(samples),
        "primary": primary,
        "metrics": [{"name": name, "flips": [_metric_flip(row, name) for row in samples]} for name in metrics],
        "flipWords": [[code, *strings.FLIPS[code]] for code in FLIP_CODES],
        "why": dict(strings.WHY_UNSCORED),
        "outcomes": dict(strings.OUTCOMES),
    }
    rows = [_row(row, metrics) for row in samples]
    chunks = tuple(_block(rows[start : start + CHUNK_ROWS]) for start in range(0, len(rows), CHUNK_ROWS))
    return Packed(meta=_block(meta), chunks=chunks)


def _row(sample: Document, metrics: Sequence[str]) -> dict[str, Any]:
    """What the detail view shows of one sample; scores stand in the order of `metrics`, null where there are none."""
    sides = {side: _side(obj(sample, side)) for side in strings.SIDES}
    scores = [_score(obj(obj(sample, "scores"), name)) for name in metrics]
    cluster = {"cluster": text(sample, "cluster")} if sample.get("cluster") is not None else {}
    return {"input": text(sample, "input"), "target": sample.get("target"), **sides, "scores": scores, **cluster}


def _side(side: Document) -> dict[str, Any]:
    """One answer without what the page takes for granted: status ok, finish stop, one attempt, nothing cached."""
    found = {key: side[key] for key, usual in USUAL.items() if side.get(key) not in (None, usual)}
    seconds, tokens = number(side, "latency_s"), number(side, "output_tokens")
    if seconds is not None:
        found["ms"] = round(1000 * seconds)
    if tokens is not None:
        found["tokens"] = round(tokens)
    return found


def _score(score: Document) -> list[Any]:
    """[baseline, candidate, why, why, evidence, evidence], cut after the last that says something."""
    found = [number(score, side) for side in strings.SIDES]
    rest = [score.get(f"{side}_{end}") for end in ("why", "evidence") for side in strings.SIDES]
    while rest and not rest[-1]:
        rest.pop()
    return [*found, *rest]


def _slice_columns(samples: Sequence[Document]) -> list[dict[str, Any]]:
    """Per slice column its values and, for each row, the index of its value (-1: none)."""
    columns = list(dict.fromkeys(name for row in samples for name in obj(row, "slices")))
    found = []
    for name in columns:
        given = [text(obj(row, "slices"), name) for row in samples]
        values = sorted(set(given) - {""})
        index = {value: i for i, value in enumerate(values)}
        found.append({"name": name, "values": values, "codes": [index.get(value, -1) for value in given]})
    return found


def _flip_code(flip: str) -> int:
    return FLIP_CODES.index(flip) if flip in FLIP_CODES else UNSCORED


def _metric_flip(sample: Document, metric: str) -> int:
    """The flip by one metric: for graded metrics broken is lower, fixed is higher, both right is full marks twice."""
    score = obj(obj(sample, "scores"), metric)
    baseline, candidate = number(score, "baseline"), number(score, "candidate")
    if baseline is None or candidate is None:
        return UNSCORED
    if candidate != baseline:
        return FLIP_CODES.index("broken" if candidate < baseline else "fixed")
    return FLIP_CODES.index("both_right" if baseline >= 1 else "both_wrong")


def _block(value: Any) -> str:
    data = json.dumps(clean(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode("ascii")
