"""tool_call: the answer calls the tools it should, with the arguments it should, or calls none where it should not."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from evalkit.metrics.match import clip, fold, reader_of
from evalkit.metrics.normalize import Normaliser, normalisers
from evalkit.metrics.options import choice, names, refuse
from evalkit.metrics.read import Extract, Reader, Unreadable, lookup, read_json, read_run
from evalkit.types import JsonValue, MetricSpec, Sample, Score, Scored, Unscored

_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_PYTHON_TAG = "<|python_tag|>"
_BESIDE = Unreadable("other JSON beside a call")
_SHOWN = 5
_COMPACT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Call(Struct, frozen=True):
    """One call, in a form in which equal calls are equal."""

    name: str
    arguments: str | None
    """Canonical JSON; None where they were no JSON."""


class ToolCall(Struct, frozen=True, kw_only=True):
    """1.0 when the answer's calls are the target's, each as often, in any order; else 0.0 (`credit: partial`: F1).

    A call is {"name", "arguments"}, an entry of OpenAI's `tool_calls` (arguments as an object or as JSON text), or
    one of several: in a list, under `tool_calls`, in <tool_call> tags (Qwen, Hermes), or one after another with white
    space, `;` or `,` between them and <|python_tag|> before them all or not (Llama). These are the forms that the
    Berkeley Function-Calling Leaderboard reads (Patil et al. 2025; its qwen_fc.py and llama_3_1.py), and as there
    parallel calls have no order. Other JSON beside a call makes an answer unreadable; `fenced` passes it over.
    Arguments are compared as JSON: typed (1 is 1.0 and not "1"), the order of keys does not matter. A target that is
    null, empty or an empty list asks for no call, and any answer in words is right. `match: name` compares names alone.
    Calls of tools that are not in `tools` are named in the evidence as `unknown_tools`; they are wrong as any other
    call the target does not have.
    """

    name: str
    reader: Reader
    chain: tuple[Normaliser, ...]
    match: str
    """call or name."""
    credit: str
    """whole or partial."""
    tools: tuple[str, ...]
    """Names of the tools there are; empty where the suite does not say."""

    def score(self, answer: str, sample: Sample) -> Score:
        """Scored in [0, 1]; Unscored(target_is_no_call) for a target that neither is a call nor asks for none."""
        wanted = self._wanted(sample)
        if wanted is None:
            return Unscored(metric=self.name, why="target_is_no_call")
        found = self._found(answer)
        if isinstance(found, Unreadable):
            return Scored(metric=self.name, value=0.0, is_answered=False, evidence={"unreadable": clip(found.why)})
        said, asked = Counter(map(self._key, found)), Counter(map(self._key, wanted))
        if said == asked:
            return Scored(metric=self.name, value=1.0)
        shared = (said & asked).total()
        value = 2.0 * shared / (said.total() + asked.total()) if self.credit == "partial" else 0.0
        unknown = sorted({call.name for call in found} - set(self.tools)) if self.tools else []
        evidence: dict[str, JsonValue] = {"missing": _listed(asked - said), "not_asked_for": _listed(said - asked)}
        if unknown:
            evidence["unknown_tools"] = [clip(name) for name in unknown[:_SHOWN]]
        # An answer without the call that was asked for may have been cut before it came.
        return Scored(metric=self.name, value=value, is_answered=bool(found) or not wanted, evidence=evidence)

    def _wanted(self, sample: Sample) -> tuple[Call, ...] | None:
        gold = self.reader.gold(sample.target)
        if isinstance(gold, str):
            said = calls_in_text(gold, self.chain) if gold.strip() else ()
            return None if isinstance(said, Unreadable) else said
        return () if gold is None or gold == [] else calls_in(gold, self.chain)

    def _found(self, answer: str) -> tuple[Call, ...] | Unreadable:
        """The answer's calls, none for one in words; Unreadable for silence and for a call that is broken."""
        text = _untagged(answer)
        if not text:
            return Unreadable("empty")
        is_tagged = _TAGGED.search(text) is not None
        is_begun = is_tagged or text[0] in "{[" or answer.lstrip().startswith(_PYTHON_TAG)
        if self.reader.field is None or is_tagged:
            found = calls_in_text(text, self.chain, self.reader.extract)
            if isinstance(found, Unreadable):
                return found if is_begun or found == _BESIDE else ()
            return found or ()
        value = read_json(text, self.reader.extract)
        if isinstance(value, Unreadable):
            return value if is_begun else ()
        inner = lookup(value, self.reader.field)
        if isinstance(inner, Unreadable):
            return ()
        return _told(_each(inner, self.chain), is_strict=self.reader.extract == "strict") or ()

    def _key(self, call: Call) -> Call:
        return Call(call.name, "") if self.match == "name" else call


def calls_in_text(
    text: str, chain: tuple[Normaliser, ...] = (), extract: Extract = "strict"
) -> tuple[Call, ...] | Unreadable | None:
    """The calls of a text in any of the forms `ToolCall` reads; None for JSON of which nothing is a call.

    >>> calls_in_text('{"name": "a", "arguments": {}} {"name": "b", "arguments": {}}')
    (Call(name='a', arguments='{}'), Call(name='b', arguments='{}'))
    """
    text = _untagged(text)
    tagged = _TAGGED.findall(text)
    runs = [read_run(part) for part in tagged] if tagged else [read_run(text, extract)]
    broken = next((run for run in runs if isinstance(run, Unreadable)), None)
    if broken is not None:
        return broken
    values = [value for run in runs if not isinstance(run, Unreadable) for value in run]
    each = [call for value in values for call in _each(value, chain)]
    # A tag says which text is meant, as a fence does.
    return _told(each, is_strict=extract == "strict" and not tagged)


def calls_in(value: JsonValue, chain: tuple[Normaliser, ...] = ()) -> tuple[Call, ...] | None:
    """The calls a JSON value is: one, a list of them, or an object with `tool_calls`; None for anything else.

    >>> calls_in({"name": "add", "arguments": {"b": 2.0, "a": 1}})
    (Call(name='add', arguments='{"a":1,"b":2}'),)
    """
    found = _told(_each(value, chain), is_strict=True)
    return None if isinstance(found, Unreadable) else found


def build_tool_call(spec: MetricSpec, samples: Sequence[Sample]) -> ToolCall:
    """`tool_call` from its entry and the samples it will see.

    Raises UsageError for options it cannot act on, where no sample has a target, and for a target it cannot read.
    """
    metric = ToolCall(
        name=spec.name,
        reader=reader_of(spec),
        chain=normalisers(spec, default=("strip",)),
        match=choice(spec, "match", ("call", "name")),
        credit=choice(spec, "credit", ("whole", "partial")),
        tools=names(spec, "tools", ()),
    )
    if samples and all(sample.target is None for sample in samples):
        refuse(
            spec, "", "no sample has a target; null means that no tool may be called, so one at least has to have one"
        )
    for sample in samples:
        if metric._wanted(sample) is None:  # noqa: SLF001 - its own factory
            message = f"the target of sample '{sample.id}' is no tool call"
            refuse(spec, "", message, 'a call is {"name": "…", "arguments": {…}}; null asks for none')
    return metric


def _untagged(text: str) -> str:
    """The text without white space around it and without the mark that Llama sets before calls."""
    return text.strip().removeprefix(_PYTHON_TAG).lstrip()


def _each(value: JsonValue, chain: tuple[Normaliser, ...]) -> list[Call | None]:
    """Of each part of a JSON value the call that it is, or None."""
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    return [_call(part, chain) for part in (value if isinstance(value, list) else [value])]


def _told(each: Sequence[Call | None], *, is_strict: bool) -> tuple[Call, ...] | Unreadable | None:
    """The calls among several values: None where nothing is one, `_BESIDE` where `is_strict` and something is none."""
    calls = tuple(call for call in each if call is not None)
    if is_strict and 0 < len(calls) < len(each):
        return _BESIDE
    return calls if calls or not each else None


def _call(value: JsonValue, chain: tuple[Normaliser, ...]) -> Call | None:
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict) or not isinstance(name := value.get("name"), str):
        return None
    key = next((key for key in ("arguments", "parameters") if key in value), None)
    if key is None and len(value) > 1:
        return None  # an object that happens to have a name
    arguments: JsonValue | Unreadable = value[key] if key else {}
    if isinstance(arguments, str):
        arguments = read_json(arguments) if arguments.strip() else {}
    if isinstance(arguments, Unreadable):
        return Call(name, None)
    return Call(name, canonical(fold({} if arguments is None else arguments, chain)))


def canonical(value: JsonValue) -> str:
    """Compact JSON that is the same text for equal values: sorted keys, whole floats as integers."""
    return _COMPACT.encode(_plain(value))


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _listed(calls: Counter[Call]) -> JsonValue:
    return [clip(f"{call.name}({call.arguments or ''})") for call in list(calls.elements())[:_SHOWN]]
