"""Inspect: two models' logs of one task become recorded answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from msgspec import Struct

from evalkit.errors import UsageError
from evalkit.jobs.importing.draft import Draft, Notes, json_line, nothing
from evalkit.jobs.importing.inspect_logs import Choice, Log, LoggedSample, Message, log_of, samples, words_of
from evalkit.types import JsonValue

_CUT = frozenset({"token", "context"})
"""Limits of what the model may say or read: what it said until then is an answer that was cut."""
_FINISH = {"max_tokens": "length", "model_length": "length", "content_filter": "refusal"}
_SILENT = Message(role="assistant")
_LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""How Inspect writes correct, partially correct, incorrect and no answer."""
_EXTRACTING = frozenset({"choice", "answer", "pattern"})
"""Scorers that look at a part of the answer and say which."""
_EXACT: Mapping[str, Any] = {"name": "exact", "type": "exact_match"}
_INCLUDES: Mapping[str, Any] = {
    "name": "includes",
    "type": "contains",
    "match": "any",
    "normalize": ["casefold"],
}
_METRICS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "choice": [{"name": "accuracy", "type": "accuracy"}],
    "exact": [_EXACT],
    "pattern": [_EXACT],
    "answer": [_EXACT],
    "includes": [_INCLUDES, _EXACT],
    "match": [_INCLUDES, _EXACT],
    "f1": [{"name": "token_f1", "type": "token_f1"}, _EXACT],
}
"""By Inspect's scorer what comes nearest."""


class _Answers(Struct, frozen=True, kw_only=True):
    """One side: what each sample was asked, and what came of it."""

    log: Log
    asked: Mapping[str, Sequence[Mapping[str, JsonValue]]]
    targets: Mapping[str, JsonValue]
    rows: Sequence[Mapping[str, JsonValue]]
    """As `outputs` wants them."""
    marks: Mapping[str, Sequence[float]]
    """Inspect's own, by scorer."""


def from_inspect(paths: Sequence[Path]) -> Draft:
    """The suite of two logs, the baseline's first; or of a folder that holds two logs of one task."""
    notes = Notes()
    logs = [log_of(path) for path in _two(paths, notes)]
    scorer, options = _scorer(logs[0])
    if (other := _scorer(logs[1])[0]) != scorer:
        notes.add(f"The logs were scored differently ('{scorer}' and '{other}'): whole answers are compared.")
        scorer, options = "", {}
    baseline, candidate = (_read(log, scorer, notes) for log in logs)
    sides = {"baseline": baseline, "candidate": candidate}
    targets = {**candidate.targets, **baseline.targets}
    if not targets:
        raise nothing("the logs hold no samples")
    for sample in [i for i in candidate.targets if candidate.targets[i] != targets[i]]:
        raise UsageError(f"the logs are not of one task: the targets of sample {sample} differ")
    for sample in [i for i in candidate.asked if candidate.asked[i] != baseline.asked.get(i, candidate.asked[i])]:
        notes.add(f"The two models were asked differently, as in sample {sample}; the baseline's question is kept.")
        break
    for role, side in sides.items():
        notes.add(f"{role}: {side.log.task.model}, as recorded; the run asks nothing.")
        if side.log.status != "success":
            notes.add(f"{role}: the log ended as '{side.log.status}'.")
        if lost := len(targets) - len(side.targets):
            notes.add(f"{role}: {lost:,} samples are not in its log. They count as missing evidence, not as wrong.")
    _tell_marks(sides, notes)
    repeats = max(int(str(row["repeat"])) for side in sides.values() for row in side.rows) + 1
    asked = {**candidate.asked, **baseline.asked}
    return Draft(
        name=logs[0].task.task.rpartition("/")[2],
        description=f"Imported from Inspect: {baseline.log.task.model} and {candidate.log.task.model}.",
        rows=[
            {"id": i, "messages": [dict(message) for message in asked[i]], "target": target}
            for i, target in targets.items()
        ],
        dataset={"messages": "messages", "target": "target"},
        metrics=_metrics(scorer, options, notes),
        models={role: {"backend": "outputs", "path": f"{role}.jsonl"} for role in sides},
        generation={"repeats": repeats} if repeats > 1 else {},
        files={f"{role}.jsonl": "".join(json_line(row) for row in side.rows) for role, side in sides.items()},
        notes=notes.all(),
    )


def _two(paths: Sequence[Path], notes: Notes) -> tuple[Path, Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(p for p in path.rglob("*") if p.suffix in {".eval", ".json"}) if path.is_dir() else [path]
    if len(found) == 2:  # noqa: PLR2004 - a comparison has two sides
        if len(paths) == 1:
            notes.add(
                "Which model is the baseline was guessed from the order of the names: "
                f"{found[0].name} is the baseline, {found[1].name} the candidate. If it is the other way round, import "
                "the two logs by name, the baseline's first."
            )
        return found[0], found[1]
    told = "".join(f"\n  {path}" for path in found[:20])
    raise UsageError(
        f"inspect: two models' logs of one task are wanted; given: {len(found)}{told}\n"
        "  help: evalkit import inspect logs/BASE.eval logs/TUNED.eval"
    )


def _scorer(log: Log) -> tuple[str, Mapping[str, Any]]:
    """The task's first scorer by its plain name, and its options."""
    first = next(iter(log.task.scorers or []), None)
    return ("", {}) if first is None else (first.name.rpartition("/")[2], first.options or {})


def _read(log: Log, scorer: str, notes: Notes) -> _Answers:
    asked: dict[str, Sequence[Mapping[str, JsonValue]]] = {}
    targets: dict[str, JsonValue] = {}
    marks: dict[str, list[float]] = {}
    rows: dict[tuple[str, int], Mapping[str, JsonValue]] = {}
    for one in samples(log.path):
        sample = str(one.id)
        if (sample, one.epoch) in rows:
            raise UsageError(f"{log.path}: sample {sample} stands in the log twice")
        asked.setdefault(sample, list(_asked(one, notes)))
        targets[sample] = one.target if isinstance(one.target, str) else list(one.target)
        rows[sample, one.epoch] = _row(one, scorer, notes)
        for name, mark in (one.scores or {}).items():
            value = _LETTERS.get(mark.value, mark.value) if isinstance(mark.value, str) else mark.value
            if isinstance(value, int | float):
                marks.setdefault(name, []).append(float(value))
    return _Answers(log=log, asked=asked, targets=targets, rows=list(rows.values()), marks=marks)


def _asked(one: LoggedSample, notes: Notes) -> Iterator[Mapping[str, JsonValue]]:
    """The messages before the model's first."""
    said = [n for n, message in enumerate(one.messages) if message.role == "assistant"]
    own = [n for n in said if one.messages[n].source == "generate"]
    before = one.messages[: own[0] if own else said[-1] if said else None]
    if len(own) > 1:
        notes.add("The model answered in several turns (tools, an agent): its last answer is the one that is compared.")
    if not before:
        before = [Message(role="user", content=one.input)] if isinstance(one.input, str) else one.input
    for message in before:
        text, is_whole = words_of(message.content, one.attachments)
        if not is_whole:
            notes.add("Pictures, sounds and files in the questions are left out; their words are kept.")
        yield {"role": message.role, "content": text}


def _row(one: LoggedSample, scorer: str, notes: Notes) -> Mapping[str, JsonValue]:
    """The answer as `outputs` wants it; a sample that ended without one is no answer, and no wrong one."""
    row: dict[str, JsonValue] = {"id": str(one.id), "repeat": one.epoch - 1}
    first = one.output.choices[0] if one.output.choices else Choice()
    said, _ = words_of(one.output.completion or (first.message or _SILENT).content, one.attachments)
    reason = first.stop_reason
    finish = "length" if one.limit is not None and one.limit.type in _CUT else _FINISH.get(reason, "stop")
    mark = (one.scores or {}).get(scorer)
    why = None
    if one.error is not None:
        why = str(one.error.get("message", "error"))[:500]
        notes.add("A sample that ended in an error has no answer: it counts as missing evidence.")
    elif one.limit is not None and finish == "stop" and not said.strip():
        why = f"stopped at its limit of {one.limit.type}"
        notes.add(f"A sample was stopped at its limit of {one.limit.type} without an answer: it is missing evidence.")
    elif scorer in _EXTRACTING and mark is None and finish != "refusal":
        why = f"not scored by '{scorer}'"
        notes.add(f"A sample that '{scorer}' did not score has no part to compare: it counts as missing evidence.")
    elif scorer in _EXTRACTING and mark is not None:
        notes.add(f"Of each answer the part is kept that the scorer '{scorer}' looked at.")
        said = mark.answer or ""
    if why is not None:
        return row | {"output": "", "error": why}
    return row | {"output": said, "finish": finish} | _measured(one)


def _measured(one: LoggedSample) -> dict[str, JsonValue]:
    """Tokens and seconds, where they were measured."""
    usage = one.output.usage or {}
    tokens = {key: usage.get(key) for key in ("input_tokens", "output_tokens")}
    found: dict[str, JsonValue] = {}
    if all(isinstance(n, int) and n >= 0 for n in tokens.values()):
        found["usage"] = tokens
    if one.output.time is not None and math.isfinite(one.output.time) and one.output.time > 0:
        found["latency_s"] = one.output.time
    return found


def _metrics(scorer: str, options: Mapping[str, Any], notes: Notes) -> Sequence[Mapping[str, Any]]:
    if scorer == "match" and options.get("numeric"):
        notes.add("Inspect's `match` of numbers: `numeric` reads the last number of an answer.")
        return [{"name": "numeric", "type": "numeric", "take": "last"}, _INCLUDES]
    if scorer == "match":
        notes.add(
            "Inspect's `match` counts an answer that ends (or begins) with the target; `includes` counts a target "
            "anywhere, `exact` wants nothing else."
        )
    elif scorer not in _METRICS:
        what = f"The scorer '{scorer}' has no counterpart" if scorer else "The task has no scorer"
        notes.add(f"{what}: answers are compared with the target. Choose metrics in suite.yaml.")
    return _METRICS.get(scorer, (_EXACT, _INCLUDES))


def _tell_marks(sides: Mapping[str, _Answers], notes: Notes) -> None:
    """Inspect's own means, so that a reader sees where evalkit's figures will differ."""
    for name in dict.fromkeys(name for side in sides.values() for name in side.marks):
        means = [f"{role} {fmean(marks):.4g}" for role, side in sides.items() if (marks := side.marks.get(name))]
        notes.add(f"Inspect's own {name}: {', '.join(means)}. evalkit scores the answers again, by its own rules.")
