"""Mistakes of a suite, collected as they are found and raised together in file order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.excerpt import with_line
from evalkit.suites.yaml_source import Loc, Source
from evalkit.types import JsonValue

MAX_SHOWN = 20
"""Mistakes shown for one file; the rest are counted."""
MAX_ALIKE = 3
"""Lines of a data file shown in full for one and the same mistake; of the rest, where the first ones are."""
_PLACES = 8
_LISTED = 20


class Findings:
    """What is wrong with one suite. Collects, so that a user sees every mistake at once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._in_suite: list[tuple[tuple[int, int], Diagnostic]] = []
        self._elsewhere: list[Diagnostic] = []
        for problem in source.problems:
            self.add(problem)

    def at(self, loc: Loc, message: str, *, help: str | None = None, on_key: bool = False) -> None:  # noqa: A002 - Diagnostic's own word
        """A mistake at `loc` of suite.yaml."""
        self.add(self.source.diagnostic(loc, message, help=help, on_key=on_key))

    def add_in(
        self, shown: str, place: tuple[int, int | None, int], text: str | None, message: str, fix: str | None
    ) -> None:
        """A mistake at (line, column, width) of another file, with that line's text."""
        line, column, width = place
        found = Diagnostic(message=message, path=shown, line=line, column=column, width=width, help=fix)
        self.add(with_line(found, text))

    def add(self, diagnostic: Diagnostic) -> None:
        """A mistake in whichever file it names."""
        if diagnostic.path == self.source.path:
            self._in_suite.append(((diagnostic.line or 0, diagnostic.column or 0), diagnostic))
        else:
            self._elsewhere.append(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Several mistakes, in their order."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def __len__(self) -> int:
        return len(self._in_suite) + len(self._elsewhere)

    def raise_if_any(self) -> None:
        """Raises one UsageError over everything found: suite.yaml by line, then other files as they were read."""
        if not len(self):
            return
        ordered = [diagnostic for _, diagnostic in sorted(self._in_suite, key=lambda pair: pair[0])]
        raise UsageError(diagnostics=(*clipped(list(dict.fromkeys(ordered))), *dict.fromkeys(self._elsewhere)))


class Problems(Struct):
    """Mistakes of one data file: the first in full, those like them by their lines, the rest counted."""

    shown: str
    listed: list[Diagnostic] = field(default_factory=list)
    alike: dict[tuple[str, str | None], list[int]] = field(default_factory=dict)
    """By message and mend: the lines that have it."""
    n_more: int = 0
    cells: dict[int, tuple[str, JsonValue]] = field(default_factory=dict)
    """Of the mistakes listed, those that are about one cell: its column and its value."""
    odd: list[tuple[int, str]] = field(default_factory=list)
    """(line, what) of rows that are read and that a person should look at."""
    is_by_row: bool = False
    """The file has no lines: places are `file:row 7`."""

    def add(
        self,
        line: int,
        message: str,
        *,
        place: tuple[int, int] | None = None,
        text: str | None = None,
        cell: tuple[str, JsonValue] | None = None,
        fix: str | None = None,
    ) -> None:
        """One mistake at a line of the file.

        `place` is its column and width in `text`, the line as it stands there; or `cell` is the column of the data and
        the value there that `locate` looks for in the line.
        """
        lines = self.alike.setdefault((message, fix), [])
        if len(self.listed) >= MAX_SHOWN and len(lines) < MAX_ALIKE:
            self.n_more += 1
            if not lines:  # as many messages as lines, say: only those listed are kept
                del self.alike[message, fix]
            return
        lines.append(line)
        if len(lines) > MAX_ALIKE:
            return
        if cell is not None:
            self.cells[len(self.listed)] = cell
        self.listed.append(self.told(line, message, place=place, text=text, fix=fix))

    def told(
        self, line: int, message: str, *, place: tuple[int, int] | None, text: str | None, fix: str | None
    ) -> Diagnostic:
        """The mistake as it is shown."""
        column, width = place or (None, 1)
        path, number = (f"{self.shown}:row {line}", None) if self.is_by_row else (self.shown, line)
        found = Diagnostic(message=message, path=path, line=number, column=column, width=width, help=fix)
        return with_line(found, text)

    def all(self) -> tuple[Diagnostic, ...]:
        """The mistakes in file order, those like them after them, and a last line that counts those left out."""
        found = sorted(self.listed, key=lambda each: each.line or 0)
        for (message, fix), lines in self.alike.items():
            if len(lines) > MAX_ALIKE:
                last = max(i for i, each in enumerate(found) if (each.message, each.help) == (message, fix))
                found.insert(last + 1, self._rest(lines[MAX_ALIKE:]))
        more = (Diagnostic(message=f"… and {self.n_more:,} more", path=self.shown),) if self.n_more else ()
        return (*found, *more)

    def _rest(self, lines: list[int]) -> Diagnostic:
        """The lines that have the mistake told just before."""
        what = "row" if self.is_by_row else "line"
        places = ", ".join(str(line) for line in lines[:_PLACES]) + (" …" if len(lines) > _PLACES else "")
        told = f"1 more {what}" if len(lines) == 1 else f"{len(lines):,} more {what}s"
        return Diagnostic(message=f"the same in {told}: {places}", path=self.shown)


def clipped(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """The first MAX_SHOWN and a last line that counts the others."""
    if len(diagnostics) <= MAX_SHOWN:
        return diagnostics
    more = len(diagnostics) - MAX_SHOWN
    return [*diagnostics[:MAX_SHOWN], Diagnostic(message=f"… and {more:,} more", path=diagnostics[0].path)]


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word a person most likely meant, or None.

    >>> nearest("ticketid", ["ticket_id", "text"])
    'ticket_id'
    """
    by_folded = {name.casefold().replace("-", "_"): name for name in known}
    close = difflib.get_close_matches(word.casefold().replace("-", "_")[:100], by_folded, 1, cutoff=cutoff)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)`, or nothing."""
    near = nearest(word, known)
    return "" if near is None or near == word else f" (did you mean '{near}'?)"


def listing(names: Iterable[str]) -> str:
    """Names for a help line: the first dozen, the rest counted."""
    names = list(names)
    shown = ", ".join(name[:60] for name in names[:_LISTED])
    return f"{shown} and {len(names) - _LISTED} more" if len(names) > _LISTED else shown


def dotted(loc: Loc) -> str:
    """`gate.guards[1].metric`."""
    out = ""
    for part in loc:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out[:120]


def quoted(value: Any) -> str:
    """A value as a person would write it, cut short."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    text = text if len(text) <= 60 else text[:60] + "…"  # noqa: PLR2004 - a glimpse of the value is enough
    return f"'{text}'" if isinstance(value, str) else text
