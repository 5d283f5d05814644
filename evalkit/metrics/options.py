"""A metric's options, read strictly: what is wrong is a UsageError that names the metric, the key and the fix."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import NoReturn

from evalkit.errors import Diagnostic, UsageError
from evalkit.metrics.catalogue import option_names
from evalkit.types import JsonValue, MetricSpec

MOST = 1e300
"""A larger number is a mistake, and a whole one of many digits no float at all."""


class OptionError(UsageError):
    """One option of a metric is wrong; `key` is the option, empty where it is the metric as a whole."""

    def __init__(self, found: Diagnostic, key: str) -> None:
        super().__init__(diagnostics=(found,))
        self.key = key


def refuse(spec: MetricSpec, key: str, message: str, fix: str | None = None) -> NoReturn:
    """Raises the OptionError for one option of one metric, at the line of its entry."""
    where = f"metric '{spec.name}', {key}: " if key else f"metric '{spec.name}': "
    raise OptionError(Diagnostic(message=where + message, line=spec.line, help=fix), key)


def check_names(spec: MetricSpec) -> None:
    """Raises UsageError for an option this type of metric does not have."""
    known = option_names(spec.type)
    for key in spec.options:
        if key not in known:
            fix = suggestion(key, known) or f"{spec.type} takes {listed(known)}"
            refuse(spec, key, f"{spec.type} has no such option", fix)


def choice(spec: MetricSpec, key: str, allowed: tuple[str, ...]) -> str:
    """The option's value, one of `allowed`; the first of them when it is absent."""
    value = spec.options.get(key, allowed[0])
    if not isinstance(value, str) or value not in allowed:
        refuse(spec, key, f"{value!r} is not one of {listed(allowed)}", suggestion(value, allowed))
    return value


def names(spec: MetricSpec, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """A list of texts, or one text for a list of one; `default` when it is absent."""
    value = spec.options.get(key)
    if value is None:
        return default
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) == len(value):
            return tuple(texts)
    refuse(spec, key, f"a list of names is wanted, not {value!r}")


def suggestion(value: JsonValue, known: Iterable[str]) -> str | None:
    """`did you mean 'x'?` when something known is close to `value`."""
    close = difflib.get_close_matches(str(value), list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else None


def listed(known: Iterable[str]) -> str:
    """The names in order, for a sentence."""
    return ", ".join(known if isinstance(known, tuple) else sorted(known))


def flag(spec: MetricSpec, key: str, *, default: bool = False) -> bool:
    """The option as true or false. Raises UsageError for anything else, texts and numbers included."""
    value = spec.options.get(key, default)
    if not isinstance(value, bool):
        refuse(spec, key, f"true or false is wanted, not {value!r}")
    return value


def number(spec: MetricSpec, key: str, *, low: float = 0.0, high: float = math.inf) -> float | None:
    """The option as a finite number from `low` to `high`; None when it is absent. Raises UsageError otherwise."""
    value = spec.options.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
        refuse(spec, key, f"a number is wanted, not {repr(value)[:40]}")
    if not low <= value <= high:
        wanted = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        refuse(spec, key, f"{value!r} is not {wanted}")
    return float(value)


def whole(spec: MetricSpec, key: str, *, low: int = 0, high: float = math.inf) -> int | None:
    """The option as a whole number from `low` to `high`; None when it is absent. Raises UsageError otherwise."""
    value = number(spec, key, low=low, high=high)
    if value is not None and not value.is_integer():
        refuse(spec, key, f"a whole number is wanted, not {value!r}")
    return None if value is None else int(value)
