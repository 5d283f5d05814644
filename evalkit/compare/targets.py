"""Whether a suite's targets are a few labels, or stand in what was asked: either is no matter of knowledge."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evalkit.metrics.read import accepted_texts, shown
from evalkit.types import JsonValue

MOST_LABELS, LONGEST_LABEL, SAMPLES_PER_LABEL = 20, 40, 10
"""Targets are labels: so many different ones at most, so many characters each, so many samples to each on average."""
LOOKED_AT = 500
"""Rows, from the first on, by which a suite is judged."""
MOST = 0.8
"""Of the rows with a target, so many have to be answerable from what was asked."""
PASSAGE_WORDS = 40
"""A text is looked for in what was asked from so many words on: in a question it may be one of the choices."""
_WORD = re.compile(r"\w+")
_CHOICE = re.compile(r"(?:^|[\s*_])[(\[]?[*_]*(?:[a-z]|[0-9]{1,2})[*_]*[).:\]][*_]*[ \t]*[*_\"'`]*\Z")
"""What stands before one of several choices: "(a) ", "B. ", "10) ", "**A.** "."""
_MARK = re.compile(r"[ \t]*(?:(?:[-+*•‣–—]|\[ ?\])[ \t]*|__)+[\"'`]?")
_REST = re.compile(r"[*_\"'`.,; \t]*")
"""What stands before and behind it on a line of its own: a bullet, an empty box or a mark of bold print."""
_OFFER = re.compile(
    r"\b(?:options|choices|one of)\b"
    r"(?:[^\n.?!:=(\[]{0,60}[:=(\[]\s*(?:(?!\n[ \t]*\n).)*|[^\n.?!]*)"
    r"|(?:^|(?<=\n))[ \t]*\[[^{}\[\]\n]*\][ \t]*(?=\n|\Z)",
    re.DOTALL,
)
"""Where choices stand one after another: behind "Options:" to the end of the paragraph, behind "one of" to that of the
sentence, or on a line that is a list in brackets."""
_BEFORE = re.compile(r"(?:[:=,;|/(\[\n]|\b(?:or|and|of|are|options|choices))\s*[\"'“‘`*]*\Z")
_BEHIND = re.compile(r"[\"'”’`*]*\s*(?:[,;|/)\]\n.?]|or\b|and\b|\Z)")


def are_labels(targets: Sequence[JsonValue]) -> bool:
    """Whether targets are a few short words again and again, or objects of which every field is.

    >>> are_labels(["yes", "no"] * 10), are_labels(["Paris", "Rome"]), are_labels([{"urgent": True}, {}] * 10)
    (True, False, True)
    """
    if targets and all(isinstance(target, dict) for target in targets):
        fields = {field for target in targets if isinstance(target, dict) for field in target}
        return bool(fields) and all(are_labels([_label(target, field) for target in targets]) for field in fields)
    short = [target for target in targets if isinstance(target, str) and len(target) <= LONGEST_LABEL]
    n_labels = len(set(short))
    is_few = 1 < n_labels <= MOST_LABELS and len(targets) >= SAMPLES_PER_LABEL * n_labels
    return is_few and len(short) == len(targets)


def are_given(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the targets of rows of samples.jsonl can be read from what was asked, in four of five rows.

    As with extraction: a model that gets one wrong lacks no fact. Of an object or a list half of the values have to
    stand there, as whole words whatever their case, nulls aside (they say that there is nothing to find); of a text,
    the text, in a passage of `PASSAGE_WORDS` or more and not as one of several choices; of several texts, one of them.
    """
    with_target = [row for row in itertools.islice(rows, LOOKED_AT) if row.get("target") is not None]
    n_given = sum(is_given(row["target"], str(row.get("input") or "")) for row in with_target)
    return n_given >= MOST * len(with_target) and n_given > 0


def is_given(target: JsonValue, asked: str) -> bool:
    """Whether one target can be read from what was asked.

    >>> is_given({"who": "Ada", "when": None}, "Call Ada back."), is_given("Rome", "Which is larger: Rome or Bonn?")
    (True, False)
    """
    if accepted := accepted_texts(target):
        return any(_stands_in_passage(text, asked) for text in accepted)
    words, texts = _words(asked), [_words(text) for text in _leaves(target)]
    n_found = sum(text in words for text in texts)
    return isinstance(target, dict | list) and bool(target) and 2 * n_found >= len(texts)


def _stands_in_passage(text: str, asked: str) -> bool:
    words, said = _words(asked), _words(text)
    if not said.strip() or said not in words or words.count(" ") <= PASSAGE_WORDS:
        return False
    folded = asked.casefold()
    offers = [found.span() for found in _OFFER.finditer(folded)]
    places = (found.span() for found in re.finditer(re.escape(text.strip().casefold()), folded))
    return not any(_is_choice(folded, place, offers) for place in places)


def _is_choice(asked: str, place: tuple[int, int], offers: Sequence[tuple[int, ...]]) -> bool:
    """Whether what stands at a place is one of several choices, by what is around it."""
    start, end = place
    before, behind = asked[max(0, start - 20) : start], asked[end : end + 20]
    line, rest = before.rpartition("\n")[2], behind.partition("\n")[0]
    if _CHOICE.search(before) or (_MARK.fullmatch(line) and _REST.fullmatch(rest)):
        return True
    nearest = bisect.bisect_left(offers, (start,)) - 1
    is_offered = nearest >= 0 and end <= offers[nearest][1]
    return is_offered and bool(_BEFORE.search(before) and _BEHIND.match(behind))


def _words(text: str) -> str:
    """The words of a text between single spaces, one before and one after all: a phrase is then a part of it."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def _leaves(value: JsonValue) -> Iterator[str]:
    """Texts and numbers inside a value, of at least one word each."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    elif value is not None and not isinstance(value, bool) and _WORD.search(text := shown(value)):
        yield text


def _label(target: JsonValue, field: str) -> JsonValue:
    """What a field of an object says, in the form of a label: true, false and nothing are labels, too."""
    value = target.get(field) if isinstance(target, dict) else None
    return shown(value) if value is None or isinstance(value, bool) else value
