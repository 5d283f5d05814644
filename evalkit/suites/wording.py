"""What pydantic finds wrong with a document, in words, with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from evalkit.suites.diagnostics import Findings, did_you_mean, dotted, listing, nearest, quoted
from evalkit.suites.yaml_source import Loc

_EXAMPLES = {
    "metrics": "- {name: exact, type: exact_match}",
    "guards": "- {metric: exact, margin: 1.0}",
    "primary": "{metric: exact, min_delta: 5.0}",
    "baseline": "{backend: outputs, path: baseline.jsonl}",
    "candidate": "{backend: outputs, path: candidate.jsonl}",
    "models": "{baseline: {…}, candidate: {…}}",
    "dataset": "{path: samples.jsonl, target: label, prompt: …}",
    "gate": "{primary: {metric: exact, min_delta: 5.0}}",
    "generation": "{temperature: 0, max_tokens: 64}",
    "fewshot": "{path: shots.jsonl, k: 3}",
    "price": "{input: 0.5, output: 1.5}",
    "training_data": "[train.jsonl]",
    "slices": "[language]",
    "gate.slices": "{min_n: 30, max_drop: 10}",
    "validity": "{min_n: 30, max_error_rate: 0.02}",
    "checks": "{training_data: [train.jsonl]}",
    "run": "{concurrency: 8, timeout_s: 120}",
    "economics": "{requests_per_day: 10000}",
}
"""How an entry looks, by the key that holds it; of two keys of one name, by the section too."""


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
            if item["input"] is None and str(loc[-1]).isdecimal():
                hint = "a comma separates entries; a decimal point is a point: 5.0"
            findings.at(loc, f"unknown key '{dotted(loc)}'{did_you_mean(str(loc[-1]), keys)}", help=hint, on_key=True)
    for item in errors:
        loc = (*prefix, *item["loc"])
        if item["type"] == "missing" and loc not in explained:
            _missing(loc, item["input"], known.get(loc[:-1], ()), findings)
        elif item["type"] not in {"missing", "extra_forbidden"}:
            message, hint = _words(item["type"], item.get("ctx") or {}, item["input"], item["msg"])
            findings.at(loc, f"{dotted(loc)}: {message}", help=hint or _example(item["type"], loc, item["input"]))


def _missing(loc: Loc, given: Any, keys: tuple[str, ...], findings: Findings) -> None:
    """Adds that a key is missing; or, where further keys are allowed and one of them is nearly it, that one."""
    written = misspelt(str(loc[-1]), given, keys)
    if written is None:
        example = _example_at(loc)
        if example is not None and example.startswith("- "):
            example = f"[{example.removeprefix('- ')}]"
        fix = None if example is None else f"say {loc[-1]}: {example}"
        findings.at(loc[:-1], f"{dotted(loc)} is missing", help=fix, on_key=True)
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
        return f"must be {word} {ctx[key]:g}, not {got}", _share(ctx[key], value)
    if kind == "literal_error":
        choices = [part.strip("'") for part in str(ctx["expected"]).replace(" or ", ", ").split(", ")]
        wanted = f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
        fix = _number(value) if len(choices) == 1 else None
        return f"must be {wanted}, not {got}{did_you_mean(str(value), choices)}", fix
    fixed = {
        "string_type": (f"must be text, not {got}", None),
        "string_too_short": ("must not be empty", None),
        "string_too_long": (f"is longer than {ctx.get('max_length')} characters", None),
        "int_type": (f"must be a whole number, not {got}", _number(value)),
        "float_type": (f"must be a number, not {got}", _number(value)),
        "bool_type": (f"must be true or false, not {got}", None),
        "list_type": (f"must be a list, not {got}", None),
        "dict_type": (f"must be a mapping of keys to values, not {got}", None),
        "model_type": (f"must be a mapping of keys to values, not {got}", None),
        "too_short": ("needs at least one entry", None),
    }
    if kind == "value_error":
        message, _, hint = str(ctx["error"]).partition(" | ")
        return message, hint or None
    return fixed.get(kind, (fallback[:1].lower() + fallback[1:], None))


def _share(bound: Any, value: Any) -> str | None:
    """What to write where a percentage, or a confidence, was given for a share."""
    if bound == 0.5 and 0.5 <= value < 1:  # noqa: PLR2004 - alpha, the only share that may not reach a half
        return f"the chance of being wrong, not of being right: {1 - value:.3g}"
    if bound <= 1 < value <= 100:  # noqa: PLR2004 - percent
        return f"a share: {value / 100:g} stands for {value:g} %"
    return None


def _number(value: Any) -> str | None:
    """What to write where a number was meant and text is given."""
    if isinstance(value, float) and value == int(value):
        return f"write {int(value)}"
    found = re.fullmatch(r"\s*([-+]?\d+(?:[.,]\d+)?)\s*(%|points?|pp|s|ms|tokens?|USD|\$)?\s*", str(value))
    if not isinstance(value, str) or found is None:
        return None
    bare = found[1].replace(",", ".")
    if found[2] == "%":
        return f"write the number alone: {bare} for points, {float(bare) / 100:g} for a share"
    return f"write the number alone, without quotes: {bare}"


def _example_at(loc: Loc) -> str | None:
    """How what stands at `loc`, or is an entry of what stands there, is written."""
    names = [part for part in loc if isinstance(part, str)]
    return _EXAMPLES.get(".".join(names[-2:])) or _EXAMPLES.get(names[-1] if names else "")


def _example(kind: str, loc: Loc, value: Any) -> str | None:
    """How the section or the list is written that should stand at `loc`."""
    if kind == "list_type" and isinstance(value, str):
        return f"say [{value[:60]}]"
    if kind not in {"list_type", "model_type", "dict_type"}:
        return None
    example = _example_at(loc)
    if kind == "list_type" and (example or "- ").startswith("- "):
        return f"each entry begins with a dash: {example or '- {…}'}"
    return None if example is None else f"say {example.removeprefix('- ') if isinstance(loc[-1], int) else example}"
