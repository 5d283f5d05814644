"""The mend that a YAML parser's complaint usually has, told from what it says and from the lines it speaks of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_INDENT = "check the indentation: keys of one mapping start in the same column"
_FIXES: Mapping[str, str] = {
    "mapping values are not allowed": "text that holds ': ' must be quoted",
    "expected '-' indicator": "a section is a list, every entry after a dash, or it is keys and values, not both",
    "scanning an alias": 'text that starts with * or & must be quoted: "*…"',
    "block mapping": _INDENT,
    "character escape code": "write the character itself",
    "could not find expected ':'": "each line is `key: value`, with a blank after the colon; text over several "
    "lines starts with `key: |`",
    "flow": "check that every { [ is closed and entries are separated by commas",
}
"""What the parser says, and the mend; the first that fits."""
_SEARCHED = 2_000
"""Lines before the place that are looked through for a quote nobody closed."""


def syntax_help(why: str, lines: Sequence[str], mark: Any) -> str | None:
    """What to do about `why`, said of the place `mark` (line and column from 0); None where nothing is known."""
    line = lines[mark.line] if mark.line < len(lines) else ""
    before, at = line[: mark.column], line[mark.column : mark.column + 1]
    if "cannot start any token" in why:
        return "indent with spaces, not tabs" if at == "\t" else f'text that starts with {at} must be quoted: "{at}…"'
    if "mapping values are not allowed" in why:
        if re.match(r"\s*-[^\s-]", line):
            return "a blank belongs between a dash and its entry: `- {…}`"
        if re.fullmatch(r"\s*[\w.-]+\s*", before):
            return _INDENT
    if "tab character" in why:
        return "indent with spaces, not tabs"
    opened = _unclosed(lines[max(0, mark.line - _SEARCHED) : mark.line])
    if opened is not None and ("block mapping" in why or "quoted scalar" in why or "flow" in why):
        return f"line {max(0, mark.line - _SEARCHED) + opened + 1} opens a quote and does not close it"
    return next((fix for sign, fix in _FIXES.items() if sign in why), None)


def _unclosed(lines: Sequence[str]) -> int | None:
    """The first line whose double quotes do not come in pairs."""
    counts = (len(re.findall(r'(?<!\\)"', line.partition(" #")[0])) for line in lines)
    return next((i for i, count in enumerate(counts) if count % 2), None)
