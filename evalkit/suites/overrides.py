"""`--set gate.primary.min_delta=3.0`: values from the command line, by the same rules as the file's own."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.masking import mask
from evalkit.suites.yaml_source import Loc, Source, Span, parse_value

_INDEX = re.compile(r"\[(\d+)\](?=[.\[]|\Z)")
"""`metrics[0].type`, as messages write it, means `metrics.0.type`."""


def with_overrides(source: Source, overrides: Sequence[str]) -> Source:
    """The source with each `key.path=value` put in place. Raises UsageError that quotes the option."""
    value = copy.deepcopy(source.value)
    values, keys = dict(source.values), dict(source.keys)
    for option in overrides:
        path, separator, text = option.partition("=")
        if not separator or not path.strip():
            _stop(option, "must look like key=value", "say --set gate.primary.min_delta=3.0")
        dotted = _INDEX.sub(r".\1", path.strip())
        loc, first = _put(value, dotted, _value(option, text), option)
        for old in [known for known in values if known[: len(loc)] == loc]:
            del values[old]
        for old in [known for known in keys if known[: len(loc)] == loc]:
            del keys[old]  # what the option replaced is no place to point at
        literal = text.strip() if text.strip()[:1] not in {"'", '"', "[", "{"} and text.strip() else None
        span = Span(line=0, column=0, width=1, start=0, end=0, option=mask(option)[:200])
        values |= {loc[:n]: span for n in range(first, len(loc))}
        values[loc] = span._replace(literal=literal)
    return structs.replace(source, value=value, values=values, keys=keys)


def _value(option: str, text: str) -> Any:
    try:
        return parse_value(text, f"--set {option}")
    except UsageError as error:
        message = error.diagnostics[-1].message
    _stop(option, message)
    return None


def _put(root: dict[str, Any], path: str, value: Any, option: str) -> tuple[Loc, int]:
    """Where the value went, and how many steps of that were there before."""
    holder: Any = root
    n_there: int | None = None
    loc: list[str | int] = []
    parts = path.split(".")
    for depth, part in enumerate(parts):
        key: str | int = part
        if isinstance(holder, list):
            if not (part.isascii() and part.isdecimal() and int(part[:9]) < len(holder)):
                where = ".".join(parts[:depth])
                message = f"{where} is a list of {len(holder)}: a number says which entry"
                fix = f"{where}[0] is its first entry, {where}[{len(holder) - 1}] its last" if holder else None
                _stop(option, message, fix)
            key = int(part[:9])
        elif not isinstance(holder, dict):
            _stop(option, f"{'.'.join(parts[:depth])} is a value, not a mapping")
        loc.append(key)
        if depth == len(parts) - 1:
            holder[key] = value
        elif isinstance(holder, dict) and holder.get(part) is None:
            holder[key] = {}
            n_there = depth + 1 if n_there is None else n_there
        holder = holder[key]
    return tuple(loc), len(loc) if n_there is None else n_there


def _stop(option: str, message: str, fix: str | None = None) -> None:
    raise UsageError(diagnostics=(Diagnostic(message=f"--set {mask(option)[:200]}: {message}", help=fix),))
