"""YAML text as plain data that remembers where each value stands, by the rules of YAML 1.2's core schema.

PyYAML resolves scalars by YAML 1.1 (`no` is False, `12:30` is 750, `010` is 8) and keeps the last of two equal
keys without a word. So only its parser is used here: the events are composed by hand, and tags, anchors, aliases,
duplicate keys, several documents, too much text and too deep nesting are refused on the way, before they can cost.
Rules for scalars: https://yaml.org/spec/1.2.2/#103-core-schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml
from msgspec import Struct, field

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.excerpt import with_line
from evalkit.suites.yaml_help import syntax_help
from evalkit.types import JsonValue

Loc = tuple[str | int, ...]
"""Where a value sits in the document: keys and list positions from the root."""

MAX_DEPTH = 20
MAX_VALUES = 4_000
"""Far above any suite; keeps the worst file under 0.1 s."""
MAX_PROBLEMS = 20
MAX_INT_DIGITS = 18
"""Longer digits are no counts but names, and stay text."""

_BEGIN = "`evalkit init my-suite` writes a commented one that runs"
_NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0(?:o[0-7]{1,18}|x[0-9a-fA-F]{1,15})\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Span(NamedTuple):
    """The place of one key or value; lines and columns count from 1, `start` and `end` are offsets in the text."""

    line: int
    column: int
    width: int
    start: int
    end: int
    literal: str | None = None
    """The text as written, for plain scalars other than null: `1.10` before it became 1.1."""
    option: str | None = None
    """The `key=value` of the command line that put the value here; then line and column are 0."""


class Source(Struct, frozen=True, kw_only=True):
    """A document: its value and where each part of it was written."""

    path: str
    """As the user named the file; stands in messages."""
    text: str
    value: dict[str, Any]
    keys: Mapping[Loc, Span]
    values: Mapping[Loc, Span]
    problems: tuple[Diagnostic, ...] = ()
    """Mistakes that did not keep the rest from being read: duplicate keys, tags, aliases."""
    broken: frozenset[Loc] = frozenset()
    """Values that `problems` already speaks of; what they hold says nothing."""
    lines: tuple[str, ...] = ()

    def diagnostic(self, loc: Loc, message: str, *, help: str | None = None, on_key: bool = False) -> Diagnostic:  # noqa: A002 - Diagnostic's own word
        """The mistake at `loc`, or at its nearest written ancestor: a missing key is shown at its section."""
        span = self.find(loc, on_key=on_key)
        if span is None:
            return Diagnostic(message=message, path=self.path, line=1, help=help)
        return at(self, span, message, help=help)

    def find(self, loc: Loc, *, on_key: bool = False) -> Span | None:
        """The span of `loc`; of its key when asked for or when `loc` itself was never written."""
        first, second = (self.keys, self.values) if on_key else (self.values, self.keys)
        if loc and (span := first.get(loc) or second.get(loc)) is not None:
            return span
        while len(loc) > 1:
            loc = loc[:-1]
            if (span := self.keys.get(loc) or self.values.get(loc)) is not None:
                return span
        return None

    def line_of(self, loc: Loc) -> int | None:
        """The line on which `loc` starts, or None when it was not written in the file."""
        span = self.keys.get(loc) or self.values.get(loc)
        return None if span is None or span.line < 1 else span.line


def parse(text: str, shown: str) -> Source:
    """The document as a mapping with marks. Raises UsageError where it cannot be read on."""
    composer = _Composer(text, shown)
    value = composer.document()
    if not isinstance(value, dict):
        what = "is no suite: a suite is a mapping of keys to values"
        if not text.strip():
            what = "is empty"
        elif all(line.lstrip()[:1] in {"", "#"} for line in text.splitlines()):
            what = "holds nothing but comments"
        found = Diagnostic(message=f"the file {what}", path=shown, line=1, column=1, help=_BEGIN)
        raise UsageError(diagnostics=(*composer.problems, found))
    return Source(
        path=shown,
        text=text,
        value=value,
        keys=composer.keys,
        values=composer.values,
        problems=tuple(composer.problems),
        broken=frozenset(composer.broken),
        lines=composer.lines,
    )


def parse_value(text: str, shown: str) -> Any:
    """One value by the same rules, for `--set key=value`. Raises UsageError."""
    composer = _Composer(text, shown)
    value = composer.document()
    if composer.problems:
        raise UsageError(diagnostics=tuple(composer.problems))
    return value


def scalar(text: str) -> JsonValue:
    """A plain scalar by the 1.2 core schema. Raises ValueError for numbers JSON cannot carry.

    >>> [scalar(t) for t in ("no", "1.10", "true", "12:30", "0o17", "~", "1e3")]
    ['no', 1.1, True, '12:30', 15, None, 1000.0]
    """
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text[0] in "tT"
    if _INT.match(text):
        return int(text) if len(text) <= MAX_INT_DIGITS else text
    if _BASED.match(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _NOT_FINITE.match(text) or (_FLOAT.match(text) and not math.isfinite(float(text))):
        raise ValueError(f"{text[:40]} is not a finite number")
    return float(text) if _FLOAT.match(text) else text


def split_lines(text: str) -> tuple[str, ...]:
    """Lines as YAML counts them: also NEL and the two Unicode separators end one."""
    # Nine files in ten break lines with \n alone, and a regular expression takes ten times as long over 1 MB.
    is_plain = not any(mark in text for mark in "\r\x85\u2028\u2029")
    return tuple(text.split("\n") if is_plain else _LINE_BREAK.split(text))


def at(source: Source, span: Span, message: str, *, help: str | None = None) -> Diagnostic:  # noqa: A002 - Diagnostic's own word
    """The mistake at a span, with its line shown."""
    if span.line < 1:
        return Diagnostic(message=message, path=f"--set {span.option}", help=help)
    return _located(source.lines, source.path, span, message, help)


def _located(lines: tuple[str, ...], shown: str, span: Span, message: str, help_: str | None) -> Diagnostic:
    line = lines[span.line - 1] if span.line <= len(lines) else None
    found = Diagnostic(message=message, path=shown, line=span.line, column=span.column, width=span.width, help=help_)
    return with_line(found, line)


class _Composer(Struct):
    """Turns parser events into data. One use; recursion is bounded by MAX_DEPTH."""

    text: str
    shown: str
    keys: dict[Loc, Span] = field(default_factory=dict)
    values: dict[Loc, Span] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    broken: set[Loc] = field(default_factory=set)
    n_values: int = 0
    lines: tuple[str, ...] = ()

    def document(self) -> Any:
        self.lines = split_lines(self.text)
        if (bad := _UNPRINTABLE.search(self.text)) is not None:
            before = split_lines(self.text[: bad.start()])
            place = Span(line=len(before), column=len(before[-1]) + 1, width=1, start=bad.start(), end=bad.end())
            self.stop(place, f"the control character U+{ord(bad.group()):04X} is not allowed in YAML")
        try:
            return self.stream(yaml.parse(self.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if "simple key" in str(error.context) and error.context_mark is not None:
                mark = error.context_mark  # where the line without its colon stands, not where that was noticed
            why = " ".join(str(part) for part in (error.problem, error.context) if part)
            fix = syntax_help(why, self.lines, mark)
            if "end of stream" in why and "quoted scalar" in why and error.context_mark is not None:
                mark = error.context_mark  # the quote that is open, not the end of the file
            self.stop(self.span(mark, mark), f"this is not YAML: {why}", fix)

    def stream(self, events: Iterator[Any]) -> Any:
        value, n_documents = None, 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                n_documents += 1
                if n_documents > 1:
                    self.stop(
                        self.span(event.start_mark, event.end_mark), "a suite file holds one document, not several"
                    )
                if event.tags:
                    self.stop(
                        self.span(event.start_mark, event.end_mark), "%TAG directives are not allowed: a suite is data"
                    )
            elif isinstance(event, yaml.NodeEvent):
                value = self.node(event, events, ())
        return value

    def node(self, event: Any, events: Iterator[Any], loc: Loc) -> Any:
        self.n_values += 1
        if self.n_values > MAX_VALUES:
            self.stop(
                self.span(event.start_mark, event.end_mark), f"a suite file may hold {MAX_VALUES:,} values at most"
            )
        if len(loc) > MAX_DEPTH:
            self.stop(self.span(event.start_mark, event.end_mark), f"nested deeper than {MAX_DEPTH} levels")
        if self.refuse_cleverness(event):
            self.broken.add(loc)
        if isinstance(event, yaml.AliasEvent):
            return None
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, loc)
        start = event.start_mark
        value = self.mapping(events, loc) if isinstance(event, yaml.MappingStartEvent) else self.sequence(events, loc)
        self.values[loc] = self.span(start, start)
        return value

    def mapping(self, events: Iterator[Any], loc: Loc) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            self.refuse_cleverness(event)
            if not isinstance(event, yaml.ScalarEvent):
                self.stop(
                    self.span(event.start_mark, event.end_mark), "a key must be plain text, not a list or a mapping"
                )
            key, span = event.value, self.span(event.start_mark, event.end_mark)
            if key == "<<" and not event.style:
                self.merge(span, events, loc)
                continue
            inner = (*loc, key)
            if key in out:
                first = self.keys[inner].line
                self.problem(
                    span, f"the key '{key[:80]}' is given twice", f"first given on line {first}; keep one of them"
                )
                inner = (*loc, f"{key} (again, line {span.line})")
                self.node(next(events), events, inner)
                continue
            self.keys[inner] = span
            out[key] = self.node(next(events), events, inner)
        return out

    def merge(self, span: Span, events: Iterator[Any], loc: Loc) -> None:
        """Reads over what a merge key brings, which is one mistake however many it holds."""
        self.problem(span, "the merge key '<<' is not allowed: write the keys out")
        n_told = len(self.problems)
        self.node(next(events), events, (*loc, "<<"))
        del self.problems[n_told:]

    def sequence(self, events: Iterator[Any], loc: Loc) -> list[Any]:
        out: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            out.append(self.node(event, events, (*loc, len(out))))
        return out

    def scalar(self, event: Any, loc: Loc) -> JsonValue:
        is_plain = not event.style
        span = self.span(event.start_mark, event.end_mark, event.value if is_plain and event.value else None)
        self.values[loc] = span
        if not is_plain:
            if _HALF_CHARACTER.search(event.value):  # libyaml refuses it by itself, Python's parser does not
                self.problem(span, "a \\u escape that is half a character", "write the character itself")
                self.broken.add(loc)
            return str(event.value)
        try:
            return scalar(event.value)
        except ValueError as error:
            self.problem(span, str(error))
            self.broken.add(loc)
            return None

    def refuse_cleverness(self, event: Any) -> bool:
        """Whether the event is an alias or carries an anchor or a tag, each a problem."""
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is None and tag is None:
            return False
        span = self.span(event.start_mark, event.end_mark)
        if isinstance(event, yaml.AliasEvent):
            self.problem(span, f"the alias '*{str(anchor)[:40]}' is not allowed: write the value out")
        elif anchor is not None:
            message = f"the anchor '&{str(anchor)[:40]}' is not allowed: write values out where they are used"
            self.problem(span, message)
        if tag is not None:
            self.problem(span, f"the tag '{tag[:60]}' is not allowed: a suite is data", 'quote text: "…"')
        return True

    def problem(self, span: Span, message: str, help_: str | None = None) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            self.stop(span, "… and more mistakes like these")
        self.problems.append(_located(self.lines, self.shown, span, message, help_))

    def stop(self, span: Span, message: str, help_: str | None = None) -> None:
        raise UsageError(diagnostics=(*self.problems, _located(self.lines, self.shown, span, message, help_)))

    def span(self, start: Any, end: Any, literal: str | None = None) -> Span:
        width = end.column - start.column if end.line == start.line else len(self.lines[start.line]) - start.column
        return Span(
            line=start.line + 1,
            column=start.column + 1,
            width=max(1, width),
            start=start.index,
            end=end.index,
            literal=literal,
        )
