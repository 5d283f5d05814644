"""What there is to judge: answers, or pairs of answers, under ids that say what was judged and not whose it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from msgspec import Struct

from evalkit.judging.spec import Item, JudgeSpec
from evalkit.suites.data import reach
from evalkit.suites.prompts import target_text
from evalkit.types import JsonValue, Sample

_DIGITS = 12


def item_id(sample_id: str, output: str, other: str | None = None) -> str:
    """The id of an answer to a sample: equal answers are judged once, whichever sides gave them.

    >>> item_id("s1", "yes") == item_id("s1", "yes"), item_id("s1", "yes") == item_id("s1", "no")
    (True, False)
    """
    data = json.dumps([output, other]).encode("ascii")
    return f"{sample_id} {hashlib.sha256(data).hexdigest()[:_DIGITS]}"


class Showing(Struct, frozen=True, kw_only=True):
    """Where a suite keeps what a judge is shown besides the answer."""

    spec: JudgeSpec
    columns: Mapping[str, str]
    """Input → dotted path of its column; `question` is the last user turn and `reference` the target by default."""

    def item(self, sample: Sample, question: str, output: str, other: str | None = None) -> Item:
        """The answer (beside `other`, of a pair) as the judge is shown it."""
        inputs = {name: self._input(name, sample, question) for name in self.spec.inputs if name != "output"}
        return Item(id=item_id(sample.id, output, other), inputs=inputs, output=output, other=other)

    def missing(self, sample: Sample) -> list[str]:
        """The inputs, besides the question, that this sample has none of."""
        return [
            name
            for name in self.spec.inputs
            if name not in {"output", "question"} and self._input(name, sample, "") is None
        ]

    def _input(self, name: str, sample: Sample, question: str) -> str | None:
        column = self.columns.get(name)
        if column is None and name == "question":
            return question
        if column is None and name == "reference":
            return _text(sample.target)
        is_there, value = reach(sample.fields, column or name)
        return _text(value) if is_there else None


def _text(value: JsonValue) -> str | None:
    return None if value is None else target_text(value)
