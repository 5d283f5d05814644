"""One way to look at a suite's samples and at production's rows, so that the two can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2 import TemplateError, meta
from msgspec import Struct, field

from evalkit.metrics.read import Unreadable, lookup, read_json
from evalkit.rot.exchange import Exchange
from evalkit.suites.data import reach
from evalkit.suites.sandbox import PromptEnvironment, fields_only
from evalkit.types import CANDIDATE, JsonValue, Suite

MOST_LABELS = 50
LONGEST_LABEL = 80
OTHER = "(another)"
"""An answer in production that is none of the suite's labels."""


class View(Struct, frozen=True, kw_only=True):
    """What is compared of a sample or of a row."""

    text: str
    """What is asked, in the suite's own columns where that can be told."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Name of a part of the target ("" for a whole one) → label."""
    slices: Mapping[str, str] = field(default_factory=dict)


class Lens(Struct, frozen=True, kw_only=True):
    """What a suite asks by which columns, and which labels it knows."""

    columns: tuple[str, ...]
    """That the prompt is made of."""
    messages: str | None
    """Or the column of a chat."""
    around: tuple[str, str] | None
    """What the prompt says before and after its one column; None where it is not that simple."""
    target: str | None
    labels: Mapping[str, frozenset[str]]
    slices: tuple[str, ...]
    time: str | None
    field: str | None = None
    """Where in an answer's JSON its label stands, of a suite whose targets are labels alone."""
    has_objects: bool = False
    """Whether targets are objects."""

    def of_fields(self, fields: Mapping[str, JsonValue], target: JsonValue) -> View:
        """A row with the suite's columns."""
        return View(text=self._text(fields), labels=self._labels(target), slices=self._slices(fields))

    def of_exchange(self, exchange: Exchange) -> View | None:
        """A row of a log; None where it asks nothing that can be read."""
        is_request = exchange.asked is not None
        text = self._text(exchange.fields) if exchange.asked is None else self.unwrapped(exchange.asked)
        if not text.strip():
            return None
        is_labelled, target = (False, None) if self.target is None else reach(exchange.fields, self.target)
        labels = self._labels(target) if is_labelled else {}
        if not labels:
            labels = self._answered(exchange.answered if is_request else answer_in(exchange.fields))
        return View(text=text, labels=labels, slices=self._slices(exchange.fields) if self.slices else {})

    def said(self, answer: JsonValue) -> JsonValue:
        """A model's answer as the targets are written: {"label": "spam"} is spam where the metrics look at `label`."""
        if not isinstance(answer, str) or not (self.has_objects or self.field) or not {"{", "["} & set(answer):
            return answer
        read = read_json(answer, "fenced")
        if not isinstance(read, dict):
            return answer
        found = read if self.field is None else lookup(read, self.field)
        return answer if isinstance(found, Unreadable) else found

    def unwrapped(self, asked: str) -> str:
        """What stood in the prompt's one column when it was filled in; the prompt itself where it is another."""
        if self.around is None:
            return asked
        head, tail = self.around
        is_ours = asked.startswith(head) and asked.endswith(tail) and len(asked) >= len(head) + len(tail)
        return asked[len(head) : len(asked) - len(tail)] if is_ours else asked

    def _text(self, fields: Mapping[str, JsonValue]) -> str:
        if self.messages is not None:
            turns: Any = reach(fields, self.messages)[1]
            users = [t.get("content") for t in turns if isinstance(t, dict) and t.get("role") == "user"] if isinstance(
                turns, list) else []  # fmt: skip
            return users[-1] if users and isinstance(users[-1], str) else ""
        if len(self.columns) == 1 and isinstance(only := fields.get(self.columns[0]), str):
            return only
        found = (fields.get(column) for column in self.columns)
        return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in found if one is not None)

    def _slices(self, fields: Mapping[str, JsonValue]) -> Mapping[str, str]:
        found = ((column, reach(fields, column)) for column in self.slices)
        return {
            column: str(value) for column, (is_there, value) in found if is_there and value is not None and value != ""
        }

    def _labels(self, target: JsonValue) -> Mapping[str, str]:
        """What a target (or an answer read as one) says, part by part, in the suite's own spelling."""
        if isinstance(target, str):
            return {"": _known(target.strip(), self.labels[""])} if "" in self.labels else {}
        parts = _parts(target)
        return {name: _known(parts[name], known) for name, known in self.labels.items() if name in parts}

    def _answered(self, answer: JsonValue) -> Mapping[str, str]:
        """The labels of an answer: production has no others, so the model's own word is taken for them."""
        if not self.labels or answer is None:
            return {}
        said = self.said(answer)
        if "" in self.labels:
            return self._labels(said if isinstance(said, str) else json.dumps(said))
        return self._labels(said if isinstance(said, dict) else None)


def lens_of(suite: Suite) -> Lens:
    """How this suite's samples, and logs of what it stands for, are looked at."""
    prompt, dataset = suite.models[CANDIDATE].prompt, suite.declared.get("dataset")
    named: Any = dataset if isinstance(dataset, dict) else {}
    columns, around = _prompt_columns(prompt.template)
    return Lens(
        columns=columns or tuple(suite.samples[0].fields if suite.samples else ()),
        messages=prompt.messages_field if prompt.template is None else None,
        around=around,
        target=named.get("target"),
        labels=_label_sets(suite),
        slices=tuple(named.get("slices") or ()),
        time=named.get("time"),
        field=_label_field(suite),
        has_objects=any(isinstance(sample.target, dict) for sample in suite.samples),
    )


def _label_field(suite: Suite) -> str | None:
    """The `field` in which a metric, the first primary one before others, finds what a target says as a whole."""
    if any(isinstance(one.target, dict) or str(one.target).lstrip().startswith("{") for one in suite.samples):
        return None
    first = suite.gate.primary.metric
    return next((m.field for m in sorted(suite.metrics, key=lambda m: m.name != first) if m.field), None)


def _prompt_columns(template: str | None) -> tuple[tuple[str, ...], tuple[str, str] | None]:
    """(columns a template reads, in order of name; the text around the only one)."""
    if template is None:
        return (), None
    try:
        names = tuple(sorted(meta.find_undeclared_variables(PromptEnvironment().parse(template))))
        parts = fields_only(template) or ()
    except TemplateError:
        return (), None
    fields = [i for i, (_, is_field) in enumerate(parts) if is_field]
    if len(fields) != 1:
        return names, None
    texts = [part for part, _ in parts]
    return names, ("".join(texts[: fields[0]]), "".join(texts[fields[0] + 1 :]))


def _label_sets(suite: Suite) -> Mapping[str, frozenset[str]]:
    """The parts of the target that are labels: few different ones, short, and most of them more than once."""
    found: dict[str, set[str]] = {}
    counted: dict[str, int] = {}
    for sample in suite.samples:
        for name, label in _parts(sample.target).items():
            found.setdefault(name, set()).add(label)
            counted[name] = counted.get(name, 0) + 1
    return {
        name: frozenset(labels)
        for name, labels in found.items()
        if len(labels) <= min(MOST_LABELS, counted[name] // 2) and max(map(len, labels)) <= LONGEST_LABEL
    }


def _parts(target: JsonValue) -> Mapping[str, str]:
    if isinstance(target, dict):
        return {str(k): _word(v) for k, v in target.items() if isinstance(v, str | int | float)}
    return {"": _word(target)} if isinstance(target, str | int | float) else {}


def _word(value: str | float) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _known(label: str, known: Iterable[str]) -> str:
    if label in known:
        return label
    folded = label.casefold()
    return next((one for one in known if one.casefold() == folded), OTHER)


def answer_in(fields: Mapping[str, JsonValue]) -> JsonValue:
    """What a row of a log says that a model answered; None where it says nothing of it."""
    names: Sequence[str] = ("answer", "output", "response", "prediction", "completion")
    return next((fields[name] for name in names if fields.get(name) is not None), None)
