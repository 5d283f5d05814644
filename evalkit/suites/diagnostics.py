"""Mistakes of a suite, collected as they are found and raised together in file order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.excerpt import with_line
from evalkit.suites.yaml_source import Loc, Source
from evalkit.types import JsonValue

MAX_SHOWN = 20
"""Mistakes shown for one file; the rest are counted."""
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


@dataclass(slots=True)
class Problems:
    """Mistakes of one data file: the first MAX_SHOWN in full, the rest counted."""

    shown: str
    listed: list[Diagnostic] = field(default_factory=list)
    n_more: int = 0
    cells: dict[int, tuple[str, JsonValue]] = field(default_factory=dict)
    """Of the mistakes listed, those that are about one cell: its column and its value."""
    odd: list[tuple[int, str]] = field(default_factory=list)
    """(line, what) of rows that are read and that a person should look at."""

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
        if len(self.listed) >= MAX_SHOWN:
            self.n_more += 1
            return
        if cell is not None:
            self.cells[len(self.listed)] = cell
        column, width = place or (None, 1)
        found = Diagnostic(message=message, path=self.shown, line=line, column=column, width=width, help=fix)
        self.listed.append(with_line(found, text))

    def all(self) -> tuple[Diagnostic, ...]:
        """The mistakes in file order, with a last line that counts those left out."""
        more = (Diagnostic(message=f"… and {self.n_more:,} more", path=self.shown),) if self.n_more else ()
        return (*self.listed, *more)


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


def explain(error: ValidationError, prefix: Loc, known: Mapping[Loc, tuple[str, ...]], findings: Findings) -> None:
    """Adds pydantic's errors in words, each at its place.

    `known` lists the keys each mapping may have, by its place. A "missing" that a misspelt key explains is left out.
    """
    broken = findings.source.broken
    errors = [
        item
        for item in error.errors(include_url=False)
        if not any((*prefix, *item["loc"])[:n] in broken for n in range(1, len(prefix) + len(item["loc"]) + 1))
    ]
    explained: set[Loc] = set()
    for item in errors:
        loc = (*prefix, *item["loc"])
        if item["type"] == "extra_forbidden":
            keys = known.get(loc[:-1], ())
            near = nearest(str(loc[-1]), keys)
            if near is not None:
                explained.add((*loc[:-1], near))
            hint = None if near is not None else f"known keys: {listing(keys)}"
            findings.at(loc, f"unknown key '{dotted(loc)}'{did_you_mean(str(loc[-1]), keys)}", help=hint, on_key=True)
    for item in errors:
        loc = (*prefix, *item["loc"])
        if item["type"] == "missing" and loc not in explained:
            _missing(loc, item["input"], known.get(loc[:-1], ()), findings)
        elif item["type"] not in {"missing", "extra_forbidden"}:
            message, hint = _words(item["type"], item.get("ctx") or {}, item["input"], item["msg"])
            findings.at(loc, f"{dotted(loc)}: {message}", help=hint)


def _missing(loc: Loc, given: Any, keys: tuple[str, ...], findings: Findings) -> None:
    """Adds that a key is missing; or, where further keys are allowed and one of them is nearly it, that one."""
    written = misspelt(str(loc[-1]), given, keys)
    if written is None:
        findings.at(loc[:-1], f"{dotted(loc)} is missing", on_key=True)
    else:
        place = (*loc[:-1], written)
        findings.at(place, f"unknown key '{dotted(place)}' (did you mean '{loc[-1]}'?)", on_key=True)


def misspelt(wanted: str, given: Any, known: Iterable[str]) -> str | None:
    """The key of the mapping `given` that was most likely meant for `wanted`, which it lacks; None where none is near.

    >>> misspelt("type", {"name": "f1", "tpye": "f1"}, ["name", "type"])
    'tpye'
    """
    further = [] if not isinstance(given, Mapping) else [key for key in given if key not in set(known)]
    return nearest(wanted, further)


def _words(kind: str, ctx: Mapping[str, Any], value: Any, fallback: str) -> tuple[str, str | None]:
    """One pydantic error type as a sentence and a fix. Types: https://docs.pydantic.dev/latest/errors/validation_errors/."""
    got = quoted(value)
    bounds = {"greater_than": ("gt", "more than"), "greater_than_equal": ("ge", "at least")}
    bounds |= {"less_than": ("lt", "less than"), "less_than_equal": ("le", "at most")}
    if kind in bounds:
        key, word = bounds[kind]
        return f"must be {word} {ctx[key]:g}, not {got}", None
    if kind == "literal_error":
        choices = [part.strip("'") for part in str(ctx["expected"]).replace(" or ", ", ").split(", ")]
        wanted = f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
        return f"must be {wanted}, not {got}{did_you_mean(str(value), choices)}", None
    fixed = {
        "string_type": (f"must be text, not {got}", None),
        "string_too_short": ("must not be empty", None),
        "string_too_long": (f"is longer than {ctx.get('max_length')} characters", None),
        "int_type": (f"must be a whole number, not {got}", None),
        "float_type": (f"must be a number, not {got}", "write numbers without quotes"),
        "bool_type": (f"must be true or false, not {got}", None),
        "list_type": (f"must be a list, not {got}", "write it as [a, b]"),
        "dict_type": (f"must be a mapping of keys to values, not {got}", None),
        "model_type": (f"must be a mapping of keys to values, not {got}", None),
        "too_short": ("needs at least one entry", None),
    }
    if kind == "value_error":
        message, _, hint = str(ctx["error"]).partition(" | ")
        return message, hint or None
    return fixed.get(kind, (fallback[:1].lower() + fallback[1:], None))
