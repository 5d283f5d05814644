"""The samples inside a report: gzip + base64 in blocks of 200 rows, which the page unpacks when they are looked at.

Base64 has no `<`, so no answer can end the element it stands in; 10,000 rows open as fast as 100, because a
block is unpacked only when one of its rows is shown. Counting and filtering need the small first block only.

A page has a size people can still open and send. Where all rows do not fit, those that flipped stay, then with
shorter texts; ids, flips and slices of all rows stay in any case, and the page says what it left out.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from evalkit.compare.taxonomy import Reading
from evalkit.report import strings
from evalkit.report.read import Document, number, obj, text
from evalkit.report.shorthand import Shorthand
from evalkit.report.text import MAX_FIELD_CHARS, clean, is_clean_json

CHUNK_ROWS = 200
LARGE_CHARS = 2_000_000
"""Beyond so much text frequent words are written in shorthand."""
HUGE_CHARS = 30_000_000
"""Beyond so much it would take longer than it saves."""
DENSEST = 0.2
"""Packed characters per character of text that no real text stays below: what cannot fit is not tried."""
TEXTS = 3
"""Of a row: the input and two answers."""
LEARNT_CHARS = 4_000
"""Of a row's texts, to learn the words from."""
MAX_PACKED_CHARS = 14_000_000
"""Of all rows together, so that a page stays below 15 MB."""
SHORTER_CHARS = (MAX_FIELD_CHARS, 16_000, 4_000, 1_000, 250)
"""How long a text may be, tried in turn until the flipped rows fit."""
FLIP_CODES = tuple(strings.FLIPS)
UNSCORED = FLIP_CODES.index("unscored")
SAME = frozenset({FLIP_CODES.index("both_right"), FLIP_CODES.index("both_wrong")})
USUAL = {"text": None, "status": "ok", "finish": "stop", "error": None, "cached": False, "attempts": 1}
MAX_KIND = 40
"""Characters of a failure's kind; kinds are words of evalkit's own."""
_ENCODER = msgspec.json.Encoder()


class Packed(Struct, frozen=True, kw_only=True):
    """What the page carries."""

    meta: str
    """Ids, flips and slices of all rows, and the words the page needs."""
    chunks: tuple[str, ...]
    n_rows: int
    n_left_out: int = 0
    """Rows of which the page holds no texts."""
    max_chars: int = MAX_FIELD_CHARS
    """Longer texts are cut."""


def pack(
    samples: Iterable[Document],
    primary: str,
    *,
    reading: Reading | None = None,
    max_chars: int = MAX_PACKED_CHARS,
) -> Packed:
    """Every sample, packed, flips judged by the metric `primary`; loops over `samples` at least twice.

    `reading` tells of what kind the candidate's failures are. The same samples give the same bytes. Beyond `max_chars`
    rows that did not flip are left out.
    """
    index = _Index(reading)
    for row in samples:
        index.add(row)
    everything = [True] * len(index.ids)
    flipped = [flip not in SAME for flip in index.flips]
    for shown, limit in ((everything, MAX_FIELD_CHARS), *((flipped, limit) for limit in SHORTER_CHARS)):
        n_chars = index.count_chars(shown, limit)
        if n_chars * DENSEST > max_chars:
            continue
        is_large = LARGE_CHARS <= n_chars <= HUGE_CHARS
        short = Shorthand.of(_some(samples, index.metrics)) if is_large else Shorthand()
        chunks = _fitting(_chunks(samples, index.metrics, shown, limit, short), max_chars)
        if chunks is not None:
            break
    else:
        shown, limit, short = [False] * len(index.ids), 0, Shorthand()
        chunks = tuple(_chunks(samples, index.metrics, shown, limit, short))
    meta = _block(_json({**index.meta(primary), "words": "|".join(short.words)}, limit=None).encode())
    return Packed(meta=meta, chunks=chunks, n_rows=len(shown), n_left_out=shown.count(False), max_chars=limit)


class _Index:
    """What the page knows of every row: filled row by row."""

    def __init__(self, reading: Reading | None) -> None:
        self._reading = reading
        self.ids: list[str] = []
        self.flips: list[int] = []
        self._lengths: array[int] = array("L")
        self._by_metric: dict[str, list[int]] = {}
        self._slices: dict[str, list[str]] = {}
        self._ended: list[str] = []
        self._kinds: list[str] = []

    @property
    def metrics(self) -> tuple[str, ...]:
        """In order of appearance."""
        return tuple(self._by_metric)

    def add(self, row: Document) -> None:
        """Takes one more row in; metrics and slices that some row lacks are unscored and empty there."""
        n_before = len(self.ids)
        self.ids.append(text(row, "id"))
        self.flips.append(_flip_code(text(row, "flip")))
        self._lengths.append(len(text(row, "input")))
        self._lengths.extend(len(text(obj(row, side), "text")) for side in strings.SIDES)
        self._ended.append(_ended(row))
        self._kinds.append((self._reading and self._reading.kind(row, "candidate")) or "")
        for name in obj(row, "scores"):
            self._by_metric.setdefault(name, [UNSCORED] * n_before)
        for name, flips in self._by_metric.items():
            flips.append(_metric_flip(row, name))
        slices = obj(row, "slices")
        for name in slices:
            self._slices.setdefault(name, [""] * n_before)
        for name, values in self._slices.items():
            values.append(text(slices, name))

    def count_chars(self, shown: Sequence[bool], limit: int) -> int:
        """Characters of the inputs and answers of the rows `shown`, each cut at `limit`."""
        return sum(min(length, limit) for i, length in enumerate(self._lengths) if shown[i // TEXTS])

    def meta(self, primary: str) -> dict[str, Any]:
        """The document behind the page's list and filters."""
        return {
            "chunkRows": CHUNK_ROWS,
            "ids": self.ids,
            "flips": self.flips,
            "slices": [_slice_column(name, values) for name, values in self._slices.items()],
            "ended": _slice_column("ended", self._ended),
            "kinds": _slice_column("kinds", self._kinds),
            "kindWords": {kind: word for kind, (word, _) in strings.KINDS.items()},
            "primary": primary,
            "metrics": [{"name": name, "flips": flips} for name, flips in self._by_metric.items()],
            "flipWords": [[code, *strings.FLIPS[code]] for code in FLIP_CODES],
            "why": dict(strings.WHY_UNSCORED),
            "outcomes": dict(strings.OUTCOMES),
            "leftOut": strings.LEFT_OUT_ROW,
        }


def _chunks(
    samples: Iterable[Document], metrics: Sequence[str], shown: Sequence[bool], limit: int, short: Shorthand
) -> Iterator[str]:
    """Blocks of CHUNK_ROWS rows, texts cut at `limit`; null stands for a row that is not `shown`."""
    rows: list[str] = []
    for sample, is_shown in zip(samples, shown, strict=True):
        rows.append(short.encode(_json(_row(sample, metrics), limit)) if is_shown else "null")
        if len(rows) == CHUNK_ROWS:
            yield _block(f"[{','.join(rows)}]".encode())
            rows.clear()
    if rows:
        yield _block(f"[{','.join(rows)}]".encode())


def _some(samples: Iterable[Document], metrics: Sequence[str]) -> Iterator[str]:
    """Every eighth row as text, to learn its words from."""
    return (_json(_row(sample, metrics), LEARNT_CHARS) for sample in islice(samples, 0, None, 8))


def _fitting(chunks: Iterator[str], max_chars: int) -> tuple[str, ...] | None:
    """The chunks, or None as soon as they grow beyond `max_chars`."""
    found, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_chars:
            return None
        found.append(chunk)
    return tuple(found)


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


def _ended(row: Document) -> str:
    """How the sides that gave no whole answer ended: "candidate failed: timeout"; empty where both did."""
    told = []
    for side in strings.SIDES:
        found = obj(row, side)
        status = text(found, "status")
        kind = text(found, "error").partition(":")[0] if status == "failed" else ""
        if status not in {"", "ok"}:
            told.append(f"{side} {status}{f': {kind[:MAX_KIND]}' if kind else ''}")
    return " and ".join(told)


def _slice_column(name: str, given: Sequence[str]) -> dict[str, Any]:
    """A slice column's values and, for each row, the index of its value (-1: none)."""
    values = sorted(set(given) - {""})
    index = {value: i for i, value in enumerate(values)}
    return {"name": name, "values": values, "codes": [index.get(value, -1) for value in given]}


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


def _json(value: Any, limit: int | None = MAX_FIELD_CHARS) -> str:
    """The document as JSON, its texts cut at `limit` (None: not at all) and made visible."""
    try:
        found = _ENCODER.encode(value).decode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate, which `clean` shows as a sign
        found = ""
    if found and (limit is None or len(found) <= limit) and is_clean_json(found):
        return found
    shown = clean(value, sys.maxsize if limit is None else limit)
    return json.dumps(shown, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _block(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode("ascii")
