"""The file a rater sends back, checked line by line.

One JSON object a line: the ratings in the order they were given, then one line that ends the file and names the
rater. Every line carries `chain`, the sha256 of the chain so far and of its own text, beginning with the batch. A line
that was edited, lost, added or moved breaks it there. That shows accidents and careless hands; whoever rewrites the
whole chain with the page's own program leaves no trace, because a page that opens from disk can hold no secret.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from evalkit.errors import Diagnostic, UsageError

CHOICES = ("left", "same", "right", "both_bad")
MAX_NAME_CHARS = 200
_CHAIN = re.compile(r',"chain":"([0-9a-f]{64})"\}$')


class Rating(Struct, frozen=True, kw_only=True):
    """One choice of one rater, still blind."""

    item: str
    choice: str
    seconds: float | None
    """Time the comparison was on the screen; None where it was not measured."""
    note: str = ""


class Export(Struct, frozen=True, kw_only=True):
    """Everything one rater sent in one file."""

    rater: str
    batch: str
    ratings: tuple[Rating, ...]
    chains: tuple[str, ...] = ()
    """The running hash after each rating; empty where the file has none (Label Studio)."""
    browser: str = ""
    """Drawn once by each browser a page is opened in."""

    @property
    def name(self) -> str:
        """The rater's name as names are compared: case and blanks do not tell two people apart."""
        return " ".join(self.rater.casefold().split())

    def goes_on_from(self, earlier: Export) -> bool:
        """Whether this is the same work as `earlier`, or more of it."""
        return bool(earlier.chains) and self.chains[: len(earlier.chains)] == earlier.chains


def read_export(raw: bytes, where: str) -> Export:
    """The ratings in a downloaded file. Raises UsageError, with file and line, where it is not as it was written."""
    lines = _lines(raw, where)
    if not lines:
        raise UsageError(f"{where} is empty: no ratings were downloaded into it")
    ratings, chains, batch, chain = [], [], "", ""
    for number, line in enumerate(lines[:-1], start=1):
        body, found = _parted(line, where, number)
        batch = batch or str(body.get("batch"))
        chain = _linked(line, chain or batch, found, f"{where}:{number}")
        if body.get("kind") != "rating":
            raise _wrong(where, number, "this line is no rating; the file was put together from several")
        ratings.append(_rating(body, where, number))
        chains.append(chain)
    end, found = _parted(lines[-1], where, len(lines))
    batch = batch or str(end.get("batch"))
    if end.get("kind") != "end":
        raise _wrong(where, len(lines), "the last line is missing, so the file was cut short; ask for it again")
    _linked(lines[-1], chain or batch, found, f"{where}:{len(lines)}")
    rater = end.get("rater")
    if not isinstance(rater, str) or not rater.strip() or len(rater) > MAX_NAME_CHARS:
        raise _wrong(where, len(lines), "the rater has no name")
    return Export(
        rater=" ".join(rater.split()),
        batch=batch,
        ratings=tuple(ratings),
        chains=tuple(chains),
        browser=str(end.get("browser", "")),
    )


def _lines(raw: bytes, where: str) -> list[str]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{where} is no text in UTF-8: it is not the file the page downloaded") from None
    return [line for line in text.replace("\r\n", "\n").split("\n") if line]


def _parted(line: str, where: str, number: int) -> tuple[Mapping[str, Any], str]:
    """The object of a line and the chain it carries."""
    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        raise _wrong(where, number, "no JSON: it is not a line as the page wrote it") from None
    found = _CHAIN.search(line)
    if not isinstance(body, dict) or found is None:
        help_ = "give the file the page downloaded, as it is, or Label Studio's export as a .json file"
        raise _wrong(where, number, "no line of a rating page's download", help_)
    return body, found[1]


def _linked(line: str, before: str, found: str, place: str) -> str:
    body = line[: -len(f',"chain":"{found}"}}')] + "}"
    if hashlib.sha256(f"{before}\n{body}".encode("utf-8", "surrogatepass")).hexdigest() != found:
        told = "was changed after the page wrote it, or lines before it were"
        raise UsageError(f"{place} {told}; ratings are taken only as they were given\n  help: ask for the file again")
    return found


def _rating(body: Mapping[str, Any], where: str, number: int) -> Rating:
    item, choice, ms, note = (body.get(name) for name in ("item", "choice", "ms", "note"))
    if not isinstance(item, str) or choice not in CHOICES:
        raise _wrong(where, number, f"a choice is one of {', '.join(CHOICES)}, not {choice!r}")
    is_time = isinstance(ms, int) and not isinstance(ms, bool) and ms >= 0
    return Rating(
        item=item,
        choice=str(choice),
        seconds=ms / 1000 if is_time and isinstance(ms, int) else None,
        note=note if isinstance(note, str) else "",
    )


def _wrong(where: str, line: int, message: str, help_: str | None = None) -> UsageError:
    return UsageError(diagnostics=(Diagnostic(message=message, path=where, line=line, help=help_),))
