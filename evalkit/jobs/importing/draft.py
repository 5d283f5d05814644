"""What an import comes to before it is written: a suite, its rows, and what could not be carried over."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from evalkit.errors import UsageError
from evalkit.types import JsonValue

PLACEHOLDER_MODEL = "smollm2-135m-instruct"
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class Draft(Struct, frozen=True, kw_only=True):
    """A suite to be."""

    name: str
    description: str
    rows: Sequence[Mapping[str, JsonValue]]
    """Each with an `id`."""
    dataset: Mapping[str, Any]
    """`prompt` or `messages`, and `target`."""
    metrics: Sequence[Mapping[str, Any]]
    """The first one is what the gate decides on."""
    models: Mapping[str, Mapping[str, Any]]
    generation: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files of the folder: their place and text."""
    notes: Sequence[str] = ()
    """What was left behind, changed or guessed, a sentence each."""


class Notes:
    """Sentences about what was not carried over, each said once, with how often it applied."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, sentence: str) -> None:
        """One more case of it."""
        self._counts[sentence] = self._counts.get(sentence, 0) + 1

    def all(self) -> tuple[str, ...]:
        """The sentences in order of appearance."""
        return tuple(text if n == 1 else f"{text} ({n:,} times)" for text, n in self._counts.items())


def json_line(row: Mapping[str, JsonValue]) -> str:
    r"""The row as a line of JSON that can be written as UTF-8: half a character stays in its escaped form.

    >>> json_line({"said": "\ud800 é"})
    '{"said": "\\ud800 \\u00e9"}\n'
    """
    plain = json.dumps(row, ensure_ascii=False)
    try:
        plain.encode()
    except UnicodeEncodeError:
        plain = json.dumps(row)
    return f"{plain}\n"


def plain_name(text: str) -> str:
    """A name for a suite or a folder.

    >>> plain_name("My eval: v0 (new)")
    'My-eval-v0-new'
    """
    return _NO_NAME.sub("-", text).strip("-.")[:80] or "imported"


def placeholder_models(notes: Notes) -> dict[str, dict[str, Any]]:
    """Two sides that run at once, where the imported file names none."""
    notes.add(
        "The file names no two models: both sides are the small model that comes with evalkit, the candidate with a "
        "system prompt. Put your own models in suite.yaml."
    )
    side = {"backend": "local", "model": PLACEHOLDER_MODEL}
    return {"baseline": side, "candidate": side | {"system": "Answer with the answer alone."}}


def nothing(what: str) -> UsageError:
    """There is nothing to compare in the file."""
    return UsageError(f"nothing can be imported: {what}")
