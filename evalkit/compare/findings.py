"""What the metrics of form found wrong, counted over a run: where answers break a schema, which tools they invent.

A metric says it of one answer at a time, in the evidence beside its score; here the same is a count for each side.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evalkit.metrics.read import Unreadable, read_json

SHOWN = 20
"""Findings of one metric that are listed; the rest is counted together."""
_SIDES = ("baseline", "candidate")
_POSITION = re.compile(r"\[[0-9]+\]")
_READ_AS = ("JSON", "JSON inside of a fence or other text", "no JSON that can be read")


class Findings:
    """Counts what the evidence in the rows of samples.jsonl says, while somebody else reads them."""

    def __init__(self, types: Mapping[str, str]) -> None:
        """`types`: metric → its type; only `json_schema` and `tool_call` say more than a score."""
        self._of = {name: _LOOKS[kind] for name, kind in types.items() if kind in _LOOKS}
        self._seen = {name: {side: Counter[str]() for side in _SIDES} for name in self._of}

    def watching(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """The rows as they are; each is counted as it passes."""
        for row in rows:
            for name, look in self._of.items():
                cell = (row.get("scores") or {}).get(name) or {}
                for side in _SIDES:
                    if isinstance(cell.get(side), int | float):
                        text = str((row.get(side) or {}).get("text") or "")
                        self._seen[name][side].update(set(look(cell.get(f"{side}_evidence") or {}, text)))
            yield row

    def told(self) -> list[dict[str, Any]]:
        """`{metric, finding, baseline, candidate}`: on how many answers of each side; the most frequent first.

        How answers could be read stands first of its metric, also where the count is 0.
        """
        return [row for name, sides in self._seen.items() for row in _listed(name, sides)]


def _listed(name: str, sides: Mapping[str, Counter[str]]) -> Iterator[dict[str, Any]]:
    found = sum(sides.values(), Counter[str]())
    heads = [word for word in _READ_AS if any(found[other] for other in _READ_AS)]
    rest = sorted(found.keys() - set(_READ_AS), key=lambda word: (-found[word], word))
    for word in heads + rest[:SHOWN]:
        yield {"metric": name, "finding": word} | {side: counts[word] for side, counts in sides.items()}
    if further := rest[SHOWN:]:
        sums = {side: sum(counts[word] for word in further) for side, counts in sides.items()}
        yield {"metric": name, "finding": f"{len(further)} further findings, added up", **sums}


def _of_schema(evidence: Mapping[str, Any], text: str) -> Iterator[str]:
    if not isinstance(read_json(text), Unreadable):
        yield _READ_AS[0]
    else:
        yield _READ_AS[2 if isinstance(read_json(text, "fenced"), Unreadable) else 1]
    for error in evidence.get("errors") or ():
        path = str(error).split(": ")[0]
        if path.startswith("$"):
            yield f"does not fit at {_POSITION.sub('[*]', path)}"


def _of_calls(evidence: Mapping[str, Any], _text: str) -> Iterator[str]:
    missing, beyond = evidence.get("missing") or (), evidence.get("not_asked_for") or ()
    if "unreadable" in evidence:
        yield "a call that cannot be read"
    elif missing and beyond:
        yield "another call than was asked for"
    elif missing:
        yield "a call that was asked for is missing"
    elif beyond:
        yield "a call that nobody asked for"
    for tool in evidence.get("unknown_tools") or ():
        yield f"calls '{tool}', which is no tool there is"


_LOOKS = {"json_schema": _of_schema, "tool_call": _of_calls}
