"""The document against its schema: every mistake of shape at once, and whatever parts are sound all the same."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from msgspec import Struct, field
from pydantic import BaseModel, ValidationError

from evalkit.suites.checks_schema import Checks
from evalkit.suites.diagnostics import Findings, nearest
from evalkit.suites.fields import Section
from evalkit.suites.gate_schema import Gate
from evalkit.suites.schema import Dataset, Economics, MetricEntry, Run, SuiteFile
from evalkit.suites.side_schema import Generation, Side
from evalkit.suites.wording import explain, misspelt
from evalkit.suites.yaml_source import Loc, Source
from evalkit.types import BASELINE, CANDIDATE

_OPTIONAL = frozenset({"checks", "economics", "run", "generation", "description"})
"""Sections that may be written with nothing below them."""
_S = TypeVar("_S", bound=Section)


class Parts(Struct, frozen=True, kw_only=True):
    """The sections of a suite that have the right shape; None or absent where one has not."""

    document: Mapping[str, Any]
    """As declared, with plain scalars taken literally where text is asked for."""
    dataset: Dataset | None = None
    sides: Mapping[str, Side] = field(default_factory=dict)
    generation: Generation | None = None
    metrics: Mapping[int, MetricEntry] = field(default_factory=dict)
    """By position in the list."""
    has_all_metrics: bool = False
    gate: Gate | None = None
    checks: Checks | None = None
    economics: Economics | None = None
    run: Run | None = None
    whole: SuiteFile | None = None


def check_shape(source: Source, findings: Findings) -> Parts:
    """The parts of the document, after adding a finding for each mistake of shape."""
    document = {
        key: value for key, value in copy.deepcopy(source.value).items() if value is not None or key not in _OPTIONAL
    }
    _labels_literally(document, source)
    try:
        whole = SuiteFile.model_validate(document)
    except ValidationError as error:
        take_literally(document, source, error)
        try:
            whole = SuiteFile.model_validate(document)
        except ValidationError as left:
            known = {
                loc[:-1]: keys_at(loc[:-1]) for loc in (tuple(item["loc"]) for item in left.errors(include_url=False))
            }
            explain(left, (), known, findings)
            return _sound_parts(document)
    return Parts(
        document=document,
        dataset=whole.dataset,
        sides=whole.models.by_role(),
        generation=whole.generation,
        metrics=dict(enumerate(whole.metrics)),
        has_all_metrics=True,
        gate=whole.gate,
        checks=whole.checks,
        economics=whole.economics,
        run=whole.run,
        whole=whole,
    )


def keys_at(loc: Loc, root: type[BaseModel] = SuiteFile) -> tuple[str, ...]:
    """The keys that the schema `root` knows in the mapping at `loc`."""
    model: type[BaseModel] | None = root
    is_name = False
    for part in loc:
        if model is None:
            return ()
        if is_name:
            is_name = False  # a name of the author's, such as that of a baseline
        elif isinstance(part, str):
            info = model.model_fields.get(part)
            model = None if info is None else _model_in(info.annotation)
            is_name = part == "baselines"
    return () if model is None else tuple(info.alias or name for name, info in model.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def take_literally(document: dict[str, Any], source: Source, error: ValidationError) -> None:
    """Puts `1.10` or `true` back as written wherever the schema asked for text."""
    for item in error.errors(include_url=False):
        loc: Loc = tuple(item["loc"])
        span = source.values.get(loc)
        if item["type"] != "string_type" or span is None or span.literal is None or item["input"] is None:
            continue
        holder: Any = document
        for part in loc[:-1]:
            holder = holder[part]
        holder[loc[-1]] = span.literal


def _labels_literally(document: dict[str, Any], source: Source) -> None:
    """Class labels are text too, though only their metric knows: `labels: [1, 2, true]`."""
    metrics = document.get("metrics")
    for i, entry in enumerate(metrics if isinstance(metrics, list) else []):
        labels: Any = entry.get("labels") if isinstance(entry, dict) else None
        for j, label in enumerate(labels if isinstance(labels, list) else []):
            span = source.values.get(("metrics", i, "labels", j))
            if span is not None and span.literal is not None and label is not None:
                labels[j] = span.literal


def _sound_parts(document: dict[str, Any]) -> Parts:
    """Each section on its own, with misspelt keys mended, so that checks further on still run."""
    models = document.get("models")
    metrics = document.get("metrics")
    sides = {role: _sound(entry, Side) for role, entry in _entries(models)}
    entries = {i: _sound(item, MetricEntry) for i, item in enumerate(metrics)} if isinstance(metrics, list) else {}
    return Parts(
        document=document,
        dataset=_sound(document.get("dataset"), Dataset),
        sides={role: side for role, side in sides.items() if side is not None},
        generation=_sound(document.get("generation", {}), Generation),
        metrics={i: entry for i, entry in entries.items() if entry is not None},
        has_all_metrics=bool(entries) and all(entry is not None for entry in entries.values()),
        gate=_sound_gate(document.get("gate")),
        checks=_sound(document.get("checks", {}), Checks),
        economics=_sound(document.get("economics"), Economics),
        run=_sound(document.get("run", {}), Run),
    )


def _entries(models: Any) -> Iterator[tuple[str, Any]]:
    """The model entries of a document of any shape, by role."""
    if isinstance(models, dict):
        several = models.get("baselines")
        yield BASELINE, models.get(BASELINE)
        yield from several.items() if isinstance(several, dict) else ()
        yield CANDIDATE, models.get(CANDIDATE)


def _sound(value: Any, model: type[_S]) -> _S | None:
    try:
        return model.model_validate(_mended(value, model))
    except ValidationError:
        return None


def _sound_gate(value: Any) -> Gate | None:
    """The gate with bad values left to their defaults: its names are worth checking all the same."""
    mended: Any = copy.deepcopy(_mended(value, Gate))
    try:
        return Gate.model_validate(mended)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            _drop(mended, tuple(item["loc"]))
    return _sound(mended, Gate)


def _drop(tree: Any, loc: Loc) -> None:
    for part in loc[:-1]:
        tree = tree[part]
    if loc and isinstance(tree, dict):
        tree.pop(str(loc[-1]), None)


def _mended(value: Any, model: type[BaseModel]) -> Any:
    """The mapping with near misses renamed and other unknown keys left out, all the way down."""
    if not isinstance(value, dict):
        return value
    out: dict[str, Any] = {}
    is_closed = model.model_config.get("extra") == "forbid"
    needed = [name for name, info in model.model_fields.items() if info.is_required() and name not in value]
    meant = {} if is_closed else {misspelt(name, value, model.model_fields): name for name in needed}
    for key, item in value.items():
        name: str | None = meant.get(key, key)
        if key not in model.model_fields and is_closed:
            name = nearest(key, model.model_fields)
        if name is None or (name != key and name in value):
            continue
        inner = _model_in(model.model_fields[name].annotation) if name in model.model_fields else None
        if inner is not None and isinstance(item, list):
            out[name] = [_mended(entry, inner) for entry in item]
        else:
            out[name] = item if inner is None else _mended(item, inner)
    return out
