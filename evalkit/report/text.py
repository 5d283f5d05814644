"""Words that a model, a data file or a server wrote, made safe to show: nothing invisible, nothing endless."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.types import JsonValue

MAX_FIELD_CHARS = 64_000
"""Longer texts are cut in reports; the whole text stays in samples.jsonl."""

# What a reader could not see, or what would reorder the words around it: C0 and C1 controls (tab and newline
# stay), soft hyphen, zero-width and bidi controls, line separators, tag characters, lone surrogates, private-use
# characters (which look like nothing in particular, and which `shorthand` needs), noncharacters.
# https://www.unicode.org/reports/tr9/ and tr36 name the risks.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Controls are escaped in JSON; an escaped backslash before one of these letters costs a second look, no more.
_ODD_ESCAPE = re.compile(r"\\[bfru]")
_ODD_JSON = re.compile(rf"{_INVISIBLE.pattern}|{_ODD_ESCAPE.pattern}")
# A terminal's own commands: OSC, DCS, PM, APC and SOS strings up to their terminator, then CSI, then short escapes.
_TERMINAL_COMMAND = re.compile(
    "(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"
    "|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|\x1b[ -/]*[0-~]?"
)


def visible(text: str) -> str:
    r"""`text` with every invisible or reordering character shown as a sign of its own; encodes as UTF-8.

    C0 controls become control pictures (NUL is ␀), all others their code point.

    >>> visible("a\x00b\u202ec")
    'a␀b‹U+202E›c'
    """
    return _INVISIBLE.sub(_sign, text)


def without_invisible(text: str) -> str:
    """`text` as it looks where invisible characters are not shown at all."""
    return _INVISIBLE.sub("", text)


def tame(text: str) -> str:
    r"""`text` for a terminal, its lines kept: commands (colours, titles, links) removed, other controls shown.

    >>> tame("suite.yaml:3\n  | \x1b[2Jname\a")
    'suite.yaml:3\n  | name␇'
    """
    return visible(_TERMINAL_COMMAND.sub("", text))


def plain(text: str) -> str:
    r"""`tame` text on one line.

    >>> plain("\x1b[31mred\x1b[0m \x1b]0;title\x07end")
    'red end'
    """
    return " ".join(tame(text).split())


def clip(text: str, limit: int = MAX_FIELD_CHARS) -> str:
    """`text` itself, or its first `limit` characters and a note of how much is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… [cut here: {len(text):,} characters in all, see samples.jsonl]"


def shorten(text: str, limit: int) -> str:
    """`text` on one line in at most `limit` characters, with an ellipsis where something was left out."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def sentence(text: str) -> str:
    """`text` with a full stop, unless it ends as a sentence does already.

    >>> sentence("two of them failed"), sentence("Is the adapter applied?")
    ('two of them failed.', 'Is the adapter applied?')
    """
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def is_clean_json(text: str) -> bool:
    """Whether a JSON text (not ASCII-escaped) surely holds nothing that `visible` would change."""
    if text.isascii():  # one character can be odd as it stands, and a search for few things is twenty times faster
        return "\x7f" not in text and _ODD_ESCAPE.search(text) is None
    return _ODD_JSON.search(text) is None


def clean(value: JsonValue, limit: int = MAX_FIELD_CHARS) -> JsonValue:
    """A document with every text in it (keys included) cut at `limit` and made visible; NaN reads as null."""
    if isinstance(value, str):
        return visible(clip(value, limit))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {visible(clip(str(key), limit)): clean(item, limit) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [clean(item, limit) for item in value]
    return value


def cleaned(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """`clean` for a whole document."""
    found = clean(dict(document))
    return found if isinstance(found, Mapping) else {}


def _sign(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:  # noqa: PLR2004 - the C0 block, which has a picture for each control
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"  # noqa: PLR2004 - DEL
