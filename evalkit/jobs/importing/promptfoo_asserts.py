"""promptfoo's assertions as metrics: one that says the same of every test, or one whose text differs and is the target.

Types: https://www.promptfoo.dev/docs/configuration/expected-outputs. A suite has one target a row, so that of the
assertions whose text differs from test to test the commonest is carried over; the others are named.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from evalkit.jobs.importing.draft import Notes
from evalkit.types import JsonValue

_FOLDED = ["casefold"]
_ANY, _ALL = {"match": "any"}, {"match": "all"}
_COMPARING: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "equals": {"type": "exact_match"},
        "contains": {"type": "contains"},
        "icontains": {"type": "contains", "normalize": _FOLDED},
        "contains-any": {"type": "contains", **_ANY},
        "contains-all": {"type": "contains", **_ALL},
        "icontains-any": {"type": "contains", **_ANY, "normalize": _FOLDED},
        "icontains-all": {"type": "contains", **_ALL, "normalize": _FOLDED},
        "not-contains": {"type": "not_contains"},
        "not-icontains": {"type": "not_contains", "normalize": _FOLDED},
        "levenshtein": {"type": "edit_similarity"},
        "rouge-n": {"type": "rouge", "variant": "rouge1"},
        "bleu": {"type": "bleu"},
    }
)
"""Held against a text: the assertion's own."""
_ALONE: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "is-refusal": {"type": "refusal"},
        "not-is-refusal": {"type": "refusal", "expect": "answer"},
        "is-json": {"type": "json_schema"},
        "contains-json": {"type": "json_schema", "extract": "fenced"},
    }
)
"""Look at the answer alone."""
_CODE = frozenset({"javascript", "python", "ruby", "webhook"})
_PATTERNS = frozenset({"regex", "not-regex"})
_DEGREES = frozenset({"levenshtein", "rouge-n", "bleu"})
_THRESHOLDS: Mapping[str, str] = MappingProxyType({"levenshtein": "max_edits", "rouge-n": "at_least"})
"""What the threshold of an assertion is called here; of a corpus's BLEU there is none."""
_HIGHEST: Mapping[str, float] = MappingProxyType({"levenshtein": math.inf, "rouge-n": 1.0})
_TAKES_TEXT = frozenset({"contains", "not_contains"})
_CELL = re.compile(
    r"^(not-)?(equals|i?contains(?:-any|-all)?|regex|is-json|contains-json|starts-with|is-refusal|levenshtein|rouge-n"
    r"|bleu|similar|llm-rubric|javascript|python|factuality)(?:\((?P<threshold>[\d.]+)\))?(?::\s*|$)"
)
_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}/]")
_GENERAL = frozenset({"starts-with", "word-count"})
"""Carried where they say the same of every test."""
_LISTS = ("-any", "-all")


class Assertion(Struct, frozen=True, kw_only=True):
    """One assertion of one test, its text filled in."""

    type: str
    value: JsonValue
    threshold: int | float | None = None
    """Of an assertion by degrees: how good is good enough."""
    further: tuple[str, ...] = ()
    """Keys of it that have no counterpart."""

    @classmethod
    def of(cls, written: Mapping[str, Any], variables: Mapping[str, JsonValue]) -> Assertion:
        """The assertion with the test's variables where its text names them."""
        kind, value = str(written["type"]), written.get("value")
        if isinstance(value, str):
            value = _PLACE.sub(lambda found: str(variables.get(found[1], found[0])), value)
            if kind.endswith(_LISTS):
                value = [part.strip() for part in value.split(",")]
        threshold = written.get("threshold") if kind in _THRESHOLDS else None
        is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
        further = sorted(written.keys() - {"type", "value", *(("threshold",) if kind in _DEGREES else ())})
        return cls(type=kind, value=value, threshold=threshold if is_number else None, further=tuple(further))


def is_carried(kind: str) -> bool:
    """Whether a metric can stand for assertions of this type."""
    return kind in _COMPARING or kind in _ALONE or kind in _PATTERNS


Test = tuple[dict[str, JsonValue], list[Assertion]]


def said_in_cell(cell: str) -> dict[str, JsonValue]:
    """The assertion that a cell of an `__expected` column stands for.

    >>> said_in_cell("icontains: Paris"), said_in_cell("Paris")
    ({'type': 'icontains', 'value': 'Paris'}, {'type': 'equals', 'value': 'Paris'})
    """
    if cell.startswith(("fn:", "eval:", "javascript:", "python:")):
        return {"type": "javascript", "value": ""}
    if cell.startswith("grade:"):
        return {"type": "llm-rubric", "value": cell[6:]}
    found = _CELL.match(cell)
    if found is None:
        return {"type": "equals", "value": cell}
    said: dict[str, JsonValue] = {"type": f"{found[1] or ''}{found[2]}", "value": cell[found.end() :]}
    return said | ({"threshold": _number(found["threshold"])} if found["threshold"] else {})


def measured(
    tests: Sequence[Test], notes: Notes
) -> tuple[list[dict[str, JsonValue]], list[dict[str, Any]], dict[str, str]]:
    """(rows, metrics, columns): the tests as rows with what they expect, what is measured, and keys of the dataset.

    These name the columns of a row's id and target, which are not those of a variable.
    """
    taken = {name for variables, _ in tests for name in variables}
    key, target = (f"evalkit_{name}" if name in taken else name for name in ("id", "expected"))
    by_type = _by_type(tests, notes)
    metrics, differing = [], Counter[str]()
    for kind, found in by_type.items():
        if (metric := _of_all(kind, found, len(tests))) is not None:
            metrics.append({"name": kind.replace("-", "_"), **metric})
        elif kind in _COMPARING and len({number for number, _ in found}) == len(found):
            differing[kind] = len(found)
        else:
            notes.add(_why_not(kind, len(found)))
    if not differing:
        return [{key: _name(i), **variables} for i, (variables, _) in enumerate(tests)], metrics, {"id": key}
    chosen = differing.most_common(1)[0][0]
    for kind, n in differing.items():
        if kind != chosen:
            notes.add(f"`{kind}` of {_tests(n)} is left out: a row has one target, which is that of `{chosen}`.")
    metric = {**_COMPARING[chosen], **_threshold(chosen, tests, notes)}
    wanted = dict(by_type[chosen])
    if len(wanted) < len(tests):
        notes.add(f"{_tests(len(tests) - len(wanted))} without `{chosen}` left out.")
    rows = [{key: _name(i), **tests[i][0], target: _target(wanted[i])} for i in sorted(wanted)]
    columns = {"id": key, "target": target}
    return rows, [{"name": chosen.replace("-", "_"), **metric}, *metrics], columns


def _threshold(kind: str, tests: Sequence[Test], notes: Notes) -> dict[str, Any]:
    """What makes a metric by degrees one of right or wrong: the threshold that all of its assertions state, if any."""
    if kind not in _DEGREES:
        return {}
    found = {one.threshold for _, assertions in tests for one in assertions if one.type == kind}
    if kind not in _THRESHOLDS:
        notes.add(f"`{kind}` is measured by degrees, of all answers together; its threshold is not carried over.")
    elif len(found) > 1:
        notes.add(f"`{kind}` is measured by degrees; its thresholds differ from test to test and are not carried over.")
    elif (threshold := found.pop()) is None:
        notes.add(f"`{kind}` is measured by degrees, as no test states a threshold for it.")
    elif not 0 <= threshold <= _HIGHEST[kind]:
        wanted = "from 0 to 1" if _HIGHEST[kind] == 1.0 else "a number of edits"
        notes.add(
            f"`{kind}` is measured by degrees; its threshold {threshold} is not {wanted} and is not carried over."
        )
    else:
        return {_THRESHOLDS[kind]: threshold}
    return {}


def _by_type(tests: Sequence[Test], notes: Notes) -> dict[str, list[tuple[int, JsonValue]]]:
    """Type → (number of the test, value) of each assertion."""
    found: dict[str, list[tuple[int, JsonValue]]] = {}
    for number, (_, assertions) in enumerate(tests):
        for one in assertions:
            found.setdefault(one.type, []).append((number, one.value))
            for key in one.further:
                notes.add(f"`{key}` of an assertion `{one.type}` is not carried over.")
    return found


def _of_all(kind: str, found: Sequence[tuple[int, JsonValue]], n_tests: int) -> dict[str, Any] | None:
    """The metric of an assertion that says the same of every test; None where it does not."""
    numbers, value = [number for number, _ in found], found[0][1]
    if sorted(numbers) != list(range(n_tests)) or any(other != value for _, other in found):
        return None
    if kind not in _COMPARING:
        return _alone(kind, value)
    metric = dict(_COMPARING[kind])
    is_text = isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))
    if metric.get("type") not in _TAKES_TEXT or not is_text or n_tests < 2:  # noqa: PLR2004 - of one test nothing is general
        return None
    return {**metric, "text": value}


def _alone(kind: str, value: JsonValue) -> dict[str, Any] | None:
    """The metric of an assertion that needs no target, whatever the test; None where its value is none it can have."""
    if kind in {"is-json", "contains-json"}:
        return None if (schema := _schema(value)) is None else {**_ALONE[kind], "schema": schema}
    if kind in _PATTERNS and isinstance(value, str):
        return {"type": "regex", "pattern": value, **({"expect": "no_match"} if kind == "not-regex" else {})}
    if kind == "starts-with" and isinstance(value, str) and value:
        return {"type": "regex", "pattern": "^" + _SPECIAL.sub(r"\\\g<0>", value)}
    if kind == "word-count":
        return _length(value)
    return dict(_ALONE[kind]) if kind in _ALONE else None


def _why_not(kind: str, n: int) -> str:
    plain = kind.removeprefix("not-")
    if plain in _CODE:
        why = "it is code, which an import never runs"
    elif plain in {"cost", "latency"}:
        why = f"write a guard for it: gate.guards: [{{kind: {plain}, max_ratio: 1.1}}]"
    elif (
        plain.startswith(("llm-", "model-graded", "factuality", "answer-", "context-", "g-eval")) or plain == "similar"
    ):
        why = "a model grades it; write a judge for it"
    elif is_carried(plain) or plain in _GENERAL:
        why = "it stands on some tests only, or several times on one, or its value is not one for all tests"
    else:
        why = "evalkit has no such metric"
    return f"`{kind}` of {_tests(n)} is left out: {why}."


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # "1.2.3"
        return None


def _schema(value: JsonValue) -> Mapping[str, Any] | None:
    """The schema an assertion names: any JSON where it names none; None where it names something else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return {} if value is None else value if isinstance(value, dict) else None


def _length(value: JsonValue) -> dict[str, Any] | None:
    """`length` for a `word-count`: exactly so many words, or between `min` and `max`."""
    bounds = value if isinstance(value, dict) else {"min": value, "max": value}
    found = {key: bounds[key] for key in ("min", "max") if bounds.get(key) is not None}
    whole = all(isinstance(bound, int) and not isinstance(bound, bool) for bound in found.values())
    return {"type": "length", **found} if found and whole else None


def _tests(n: int) -> str:
    return "1 test" if n == 1 else f"{n:,} tests"


def _name(number: int) -> str:
    return f"test-{number + 1}"


def _target(value: JsonValue) -> JsonValue:
    return value if isinstance(value, str | list | dict) else json.dumps(value)
