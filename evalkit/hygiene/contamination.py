"""Held-out samples that stand word for word in the training data.

Two texts count as the same when they agree after NFKC, case folding and dropping everything but letters and
digits. Rewordings are not found by this check, and the report says so.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import Diagnostic, UsageError
from evalkit.types import JsonValue

METHOD = "exact match after NFKC, case folding and dropping punctuation and spaces; rewordings are not looked for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """Which held-out samples were trained on."""

    n_samples: int
    n_training_rows: int
    dirty: tuple[tuple[str, str], ...]
    """(sample id, `file:line` of the training row)"""

    def document(self) -> dict[str, JsonValue]:
        """As it stands in verdict.json."""
        return {
            "checked": True,
            "method": METHOD,
            "samples": self.n_samples,
            "training_rows": self.n_training_rows,
            "dirty": len(self.dirty),
            "evidence": [{"id": i, "training_row": row} for i, row in self.dirty[:50]],
            "note": None,
        }


def find_exact_overlap(questions: Iterable[tuple[str, str]], training: Iterable[Path]) -> Contamination:
    """Which of the (sample id, question text) pairs occur as an input in the training files, JSONL or chat JSONL.

    Raises UsageError, located, at a training row that is no JSON object.
    """
    wanted: dict[bytes, list[str]] = {}
    samples: set[str] = set()
    for sample_id, text in questions:
        samples.add(sample_id)
        if key := _digest(text):
            wanted.setdefault(key, []).append(sample_id)
    found: dict[str, str] = {}
    rows = 0
    for path in training:
        for line, row in _rows(path):
            rows += 1
            for text in _inputs(row):
                for sample_id in wanted.get(_digest(text), ()):
                    found.setdefault(sample_id, f"{path.name}:{line}")
    return Contamination(n_samples=len(samples), n_training_rows=rows, dirty=tuple(found.items()))


def normalised(text: str) -> str:
    """The letters and digits of `text`, NFKC and case folded.

    >>> normalised("  Great   Film, really! ")
    'greatfilmreally'
    """
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _digest(text: str) -> bytes:
    """128 bits that stand for the normalised text, empty for a text without letters or digits."""
    letters = normalised(text)
    return hashlib.blake2b(letters.encode("utf-8", "surrogatepass"), digest_size=16).digest() if letters else b""


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                problem = Diagnostic(message=f"not valid JSON: {error}", path=str(path), line=number)
                raise UsageError(diagnostics=(problem,)) from error
            if not isinstance(row, dict):
                problem = Diagnostic(message="a training row must be a JSON object", path=str(path), line=number)
                raise UsageError(diagnostics=(problem,))
            yield number, row


def _inputs(row: dict[str, Any]) -> Iterator[str]:
    """The texts a row trains on as input: user turns of a chat, or every text field of a flat row."""
    messages = row.get("messages")
    if isinstance(messages, list):
        for turn in messages:
            if isinstance(turn, dict) and turn.get("role") == "user" and isinstance(turn.get("content"), str):
                yield turn["content"]
        return
    for value in row.values():
        if isinstance(value, str):
            yield value
