"""lm-eval: `samples_TASK_DATE.jsonl` of two models, as `--log_samples` writes them, become recorded answers.

The rows are those of lm_eval 0.4 (`EvaluationTracker.save_results_samples`): doc_id, doc, target, arguments, resps,
filtered_resps, filter, and the value of each metric.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from msgspec import Struct

from evalkit.errors import UsageError
from evalkit.jobs.importing.draft import Draft, Notes, json_line, nothing
from evalkit.metrics.numeric import Parse
from evalkit.suites.records import Row, read_rows
from evalkit.types import JsonValue

_KEYS = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
    | {"doc_hash", "prompt_hash", "target_hash"}
)
_FINAL = "#### "
"""Where a worked solution (GSM8K) ends and its answer begins."""
_NUMBER = Parse(take="only")
_LONGEST_LIST = 100_000
"""Characters of a list of accepted texts."""
_NOTHING_FOUND = '"[invalid]"'
"""What lm-eval's filters by pattern give for an answer in which they find nothing."""
_WRONG = ("ll_rolling", "word_perplexity", "byte_perplexity", "bits_per_byte")


class _Answer(Struct, frozen=True, kw_only=True):
    asked: str
    target: str | list[JsonValue]
    """Of several texts each is right."""
    said: str
    marks: Mapping[str, float]
    """lm-eval's own."""
    is_choice: bool
    document: JsonValue
    """What the question was made from."""
    is_worked: bool = False
    """The target ends a worked solution with a number: "1,578" and "1578." say the same, as lm-eval has it."""


def from_lm_eval(paths: Sequence[Path]) -> Draft:
    """The suite of two files, the baseline's first; or of a folder that holds two models' files of one task."""
    notes = Notes()
    baseline, candidate = _two(paths, notes)
    by = _filter_of(baseline)
    sides = {"baseline": _read(baseline, notes, by), "candidate": _read(candidate, notes, by)}
    ids = [sample for sample in sides["baseline"] if sample in sides["candidate"]]
    for role, found in sides.items():
        if lost := len(found) - len(ids):
            notes.add(f"{lost:,} documents that only the {role}'s file has are left out: they cannot be paired.")
    if not ids:
        raise nothing("no document stands in both files")
    first = sides["baseline"]
    if _task(baseline) != _task(candidate) and (other := _other_question(ids, *sides.values())) is not None:
        raise UsageError(f"the files are not of one task: document {other} of the one is not that of the other")
    for sample in [i for i in ids if first[i].asked != sides["candidate"][i].asked]:
        notes.add(f"The two models were asked differently (a chat template, say), as in document {sample}.")
        break
    for sample in [i for i in ids if first[i].target != sides["candidate"][i].target]:
        raise UsageError(f"the files are not of one task: the targets of document {sample} differ")
    as_numbers = all(first[i].is_worked for i in ids)
    _tell_marks(sides, ids, notes, as_numbers=as_numbers)
    metrics = [{"name": "exact", "type": "exact_match"}]
    if all(first[i].is_choice for i in ids):
        metrics = [{"name": "accuracy", "type": "accuracy"}]
    elif as_numbers:
        metrics = [{"name": "numeric", "type": "numeric"}, *metrics]
    outputs = {
        f"{role}.jsonl": "".join(json_line({"id": i, "output": found[i].said}) for i in ids)
        for role, found in sides.items()
    }
    return Draft(
        name=_task(baseline),
        description=f"Imported from lm-eval: {baseline.parent.name or 'baseline'} and {candidate.parent.name}.",
        rows=[{"id": i, "prompt": first[i].asked, "target": first[i].target} for i in ids],
        dataset={"prompt": "{{ prompt }}", "target": "target"},
        metrics=metrics,
        models={role: {"backend": "outputs", "path": f"{role}.jsonl"} for role in sides},
        files=outputs,
        notes=notes.all(),
    )


def _other_question(
    ids: Sequence[str], baseline: Mapping[str, _Answer], candidate: Mapping[str, _Answer]
) -> str | None:
    """The first document that the two files neither hold alike nor ask alike.

    One alone says little: a later version of a task adds a field, a chat template wraps the same question.
    """
    for sample in ids:
        one, other = baseline[sample], candidate[sample]
        if one.document != other.document and one.asked != other.asked:
            return sample
    return None


def _two(paths: Sequence[Path], notes: Notes) -> tuple[Path, Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("samples_*.jsonl")) if path.is_dir() else [path]
    if len(found) == 2:  # noqa: PLR2004 - a comparison has two sides
        if len(paths) == 1:
            notes.add(
                f"Which model is the baseline was guessed from the order of the names: {found[0].parent.name}/"
                f"{found[0].name} is the baseline, {found[1].parent.name}/{found[1].name} the candidate. If it is the "
                "other way round, import the two files by name, the baseline's first."
            )
        return found[0], found[1]
    told = "".join(f"\n  {path}" for path in found[:20])
    raise UsageError(
        f"lm-eval: the answers of two models to one task are wanted, a file of each; given: {len(found)}{told}\n"
        "  help: evalkit import lm-eval BASE/samples_TASK_….jsonl TUNED/samples_TASK_….jsonl"
    )


def _task(path: Path) -> str:
    name = path.name.removesuffix(".gz").removesuffix(".jsonl").removeprefix("samples_")
    task, _, date = name.rpartition("_")
    return task if task and date[:4].isdigit() else name


def _filter_of(path: Path) -> JsonValue:
    """The first filter of the file that finds something in half of the answers; else the one that finds most."""
    n: Counter[JsonValue] = Counter()
    lost: Counter[JsonValue] = Counter()
    for row in read_rows(path):
        by = row.fields.get("filter", "none")
        by = by if isinstance(by, str) else "none"
        n[by] += 1
        lost[by] += _NOTHING_FOUND in json.dumps(row.fields.get("filtered_resps"))
    enough = [by for by in n if 2 * lost[by] <= n[by]]
    return enough[0] if enough else min(n, key=lambda by: lost[by] / n[by], default="none")


def _read(path: Path, notes: Notes, kept: JsonValue) -> dict[str, _Answer]:
    """By document the answer under the filter `kept`."""
    found: dict[str, _Answer] = {}
    row = None
    for row in read_rows(path):
        by = row.fields.get("filter", "none")
        if by != kept:
            notes.add(f"{path.parent.name}: answers as the filter '{by}' reads them; those of '{kept}' are kept.")
            continue
        sample = str(row.fields.get("doc_id"))
        if sample in found:
            raise UsageError(f"{row.where}: document {sample} stands in the file twice")
        found[sample] = _answer(row, notes)
    if row is None:
        raise nothing(f"{path} is empty")
    if not found:
        raise nothing(f"{path} has no answers as the filter '{kept}' reads them, which those of the baseline are")
    return found


def _answer(row: Row, notes: Notes) -> _Answer:
    fields = row.fields
    missing = {"doc_id", "target", "arguments", "filtered_resps"} - fields.keys()
    if missing:
        raise UsageError(f"{row.where}: no sample of lm-eval's: it has no {', '.join(sorted(missing))}")
    requests = list(_requests(fields["arguments"]))
    said = fields["filtered_resps"]
    marks = {
        name: float(value)
        for name, value in fields.items()
        if name not in _KEYS and isinstance(value, int | float) and not isinstance(value, bool)
    }
    if not requests or not isinstance(said, list) or not said or any(name in fields for name in _WRONG):
        raise nothing(f"{row.where} holds likelihoods of whole texts (perplexity), and no answer to compare")
    target, document = str(fields["target"]), fields.get("doc")
    choices = [str(request[1]).strip() for request in requests if len(request) > 1 and isinstance(request[1], str)]
    if len(choices) == len(requests) == len(said) and len(choices) > 1:
        if len({str(request[0]) for request in requests}) > 1:
            why = "asks which of several contexts fits (as Winogrande does), or weighs each choice twice"
            raise nothing(f"{row.where} {why}: there is no one question whose answers could be compared")
        likely = [_likelihood(one) for one in said]
        chosen = choices[likely.index(max(likely))]
        best = choices[int(target)] if target.isdecimal() and int(target) < len(choices) else target.strip()
        return _Answer(
            asked=str(requests[0][0]), target=best, said=chosen, marks=marks, is_choice=True, document=document
        )
    is_worked = False
    if _FINAL in target:
        notes.add("Targets are worked solutions: the right answer is what stands after '####'.")
        target = target.rpartition(_FINAL)[2].strip()
        is_worked = _NUMBER.number(target) is not None
    one = said[0][0] if isinstance(said[0], list) and said[0] else said[0]
    asked = _asked(requests[0][0])
    right = _accepted(target)
    return _Answer(
        asked=asked, target=right, said=str(one), marks=marks, is_choice=False, document=document, is_worked=is_worked
    )


def _accepted(target: str) -> str | list[JsonValue]:
    """The target; lm-eval writes a list of accepted texts as Python does, "['a', 'b']", and gets it back here."""
    if not target.startswith(("['", '["')) or len(target) > _LONGEST_LIST:
        return target
    try:
        texts = ast.literal_eval(target)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return target
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return target
    return list(texts)


def _requests(arguments: JsonValue) -> Iterator[list[Any]]:
    """The arguments of each request, whether as lm-eval 0.4 writes them or as plain lists."""
    each = list(arguments.values()) if isinstance(arguments, dict) else arguments
    for one in each if isinstance(each, list) else []:
        yield list(one.values()) if isinstance(one, dict) else list(one) if isinstance(one, list) else [one]


def _asked(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _likelihood(value: JsonValue) -> float:
    first = value[0] if isinstance(value, list) and value else value
    try:
        return float(str(first))
    except ValueError:
        raise nothing(f"'{str(first)[:60]}' is no log-likelihood") from None


def _tell_marks(
    sides: Mapping[str, Mapping[str, _Answer]], ids: Sequence[str], notes: Notes, *, as_numbers: bool
) -> None:
    """lm-eval's own means, so that a reader sees where evalkit's figures will differ."""
    names = dict.fromkeys(name for found in sides.values() for i in ids for name in found[i].marks)
    for name in names:
        means = [
            f"{role} {fmean(marks):.4g}"
            for role, found in sides.items()
            if (marks := [found[i].marks[name] for i in ids if name in found[i].marks])
        ]
        notes.add(f"lm-eval's own {name}: {', '.join(means)}. evalkit scores the answers again, by its own rules.")
    for role, found in sides.items():
        own = [
            (found[i], mark)
            for i in ids
            for key in ("exact_match", "acc")
            if (mark := found[i].marks.get(key)) is not None
        ]
        apart = sum(_is_right(answer, as_numbers=as_numbers) != (mark > 0) for answer, mark in own)
        if apart:
            notes.add(f"{role}: {apart:,} of {len(own):,} answers that one of the two calls right and the other wrong.")


def _is_right(answer: _Answer, *, as_numbers: bool) -> bool:
    """As the first metric of the imported suite will see it."""
    accepted = [answer.target] if isinstance(answer.target, str) else answer.target
    if as_numbers:
        return (number := _NUMBER.number(answer.said)) is not None and number == _NUMBER.number(str(accepted[0]))
    return answer.said.strip() in {str(text).strip() for text in accepted}
