"""OpenAI Evals: rows of `input` and `ideal`, or of an `item` as its hosted service keeps them.

The format: https://github.com/openai/evals/blob/main/docs/build-eval.md, and of the hosted service
https://platform.openai.com/docs/guides/evals. A registry file (.yaml) names the class of an eval, and so its metric.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import UsageError
from evalkit.jobs.importing.draft import Draft, Notes, nothing, placeholder_models
from evalkit.suites.files import MAX_TEXT_BYTES, decode, read_bytes
from evalkit.suites.paths import Refused, inside
from evalkit.suites.records import Row, read_rows
from evalkit.suites.yaml_source import parse
from evalkit.types import JsonValue

_ASKED = ("input", "question", "prompt", "query", "text", "ticket_text")
_RIGHT = ("ideal", "correct_label", "expected", "expected_output", "answer", "label", "target", "reference")
_TEXTS = frozenset({"text", "input_text", "output_text"})
"""Types of a turn's parts that are words, in chat completions and in responses."""
_EXACT: Mapping[str, Any] = {"name": "exact", "type": "exact_match"}
_INCLUDES: Mapping[str, Any] = {"name": "includes", "type": "contains", "match": "any"}


def from_openai_evals(path: Path) -> Draft:
    """The suite of a file of samples, or of a registry file whose samples lie beside it or in ../data."""
    notes = Notes()
    name, grader, samples, folds_case = path.name.split(".")[0], "", path, False
    if path.suffix in {".yaml", ".yml"}:
        name, grader, samples, folds_case = _registered(path, notes)
    elif name == "samples" and path.resolve().parent.name:
        name = path.resolve().parent.name
    rows = list(_converted(read_rows(samples), notes))
    if not rows:
        told = "; ".join(notes.all())
        raise nothing(f"no row has both a question and a right answer to compare with. {told}".strip())
    return Draft(
        name=name,
        description=f"Imported from OpenAI Evals ({samples.name}).",
        rows=rows,
        dataset={"messages": "messages", "target": "ideal"},
        metrics=_metrics(grader, notes, folds_case=folds_case),
        models=placeholder_models(notes),
        notes=notes.all(),
    )


def _registered(path: Path, notes: Notes) -> tuple[str, str, Path, bool]:
    """(name, class, file of samples, whether case is ignored) of the one eval that a registry file describes."""
    source = parse(decode(read_bytes(path, str(path), MAX_TEXT_BYTES), str(path)), str(path))
    if source.problems:
        raise UsageError(diagnostics=source.problems)
    entries = {name: entry for name, entry in source.value.items() if isinstance(entry, dict) and "class" in entry}
    if not entries:
        raise UsageError(f"{path}: no entry of this registry file has a `class`")
    name, entry = next(iter(entries.items()))
    for other in list(entries)[1:]:
        notes.add(f"The registry file also describes '{other}': import it from a file of its own.")
    given = entry.get("args")
    arguments: Mapping[str, Any] = given if isinstance(given, dict) else {}
    named = arguments.get("samples_jsonl")
    if not isinstance(named, str):
        raise UsageError(f"{path}: '{name}' names no samples_jsonl")
    grader = str(entry["class"]).rpartition(":")[2]
    carried = {"samples_jsonl", "ignore_case"} if grader == "Includes" else {"samples_jsonl"}
    for key in sorted(arguments.keys() - carried):
        notes.add(f"args.{key} of the eval is not carried over.")
    folds_case = grader == "Includes" and arguments.get("ignore_case") is True
    return str(name), grader, _samples(path, named), folds_case


def _samples(registry: Path, named: str) -> Path:
    """The file that a registry file names. Raises UsageError where there is none, or it lies elsewhere on the disk."""
    home = registry.resolve().parent
    places: list[Path] = []
    for folder, name in ((home, named), (home.parent / "data", named), (home, Path(named).name)):
        place = inside(name, folder, home.parent)
        if isinstance(place, Refused):
            raise UsageError(f"{registry}: samples_jsonl: {place.why}")
        places.append(place)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise UsageError(f"{registry}: there is no file {named}; looked for {', '.join(map(str, places))}")
    return found


def _metrics(grader: str, notes: Notes, *, folds_case: bool) -> list[Mapping[str, Any]]:
    match grader:
        case "Includes":
            return [{**_INCLUDES, "normalize": ["casefold"]} if folds_case else _INCLUDES, _EXACT]
        case "FuzzyMatch":
            notes.add(
                "FuzzyMatch also counts an answer that is a part of the ideal; `includes` counts only the other way."
            )
            squad = ["squad"]
            return [{**_INCLUDES, "normalize": squad}, {"name": "token_f1", "type": "token_f1"}, _EXACT]
        case "JsonMatch":
            return [{"name": "exact", "type": "fields", "measure": "exact"}]
        case "Match" | "":
            notes.add(
                "The eval's `Match` counts an answer that begins with the ideal. `exact` wants all of it to be the "
                "ideal; `includes` is measured beside it and counts an ideal anywhere."
            )
            return [_EXACT, _INCLUDES]
        case _:
            notes.add(f"The class {grader} is code, which an import never runs: answers are compared with the ideal.")
            return [_EXACT, _INCLUDES]


def _converted(rows: Iterable[Row], notes: Notes) -> Iterator[dict[str, JsonValue]]:
    for number, row in enumerate(rows):
        fields = row.fields
        item = fields.get("item")
        is_hosted = isinstance(item, dict)
        source: Mapping[str, JsonValue] = item if isinstance(item, dict) else fields
        asked, right = _columns(source) if is_hosted else ("input", "ideal")
        messages = None if asked is None else _messages(source.get(asked), notes)
        if right is None or right not in source or messages is None:
            notes.add(f"Left out: a row {_lacks(source, right) if is_hosted else _lacks_plain(right in source)}.")
            continue
        if is_hosted:
            notes.add(f"Asked is item.{asked}, the right answer item.{right}: guessed from their names.")
        further = {name: value for name, value in source.items() if name not in {asked, right, "id", "messages"}}
        if is_hosted and fields.keys() - {"item"}:
            notes.add("`sample` and other keys beside `item` are not carried over.")
        yield {"id": f"{number + 1}", "messages": messages, "ideal": _ideal(source[right]), **further}


def _columns(item: Mapping[str, JsonValue]) -> tuple[str | None, str | None]:
    """(what is asked, what is right) by the names of an item's columns; the one text beside it, of whatever name."""
    right = next((name for name in _RIGHT if name in item), None)
    others = [name for name, value in item.items() if isinstance(value, str) and name not in {right, "id"}]
    asked = next((name for name in _ASKED if name in item), others[0] if right and len(others) == 1 else None)
    return asked, right


def _lacks(item: Mapping[str, JsonValue], right: str | None) -> str:
    what, names = ("right answer", _RIGHT) if right is None else ("question", _ASKED)
    return f"whose item ({', '.join(item)[:80]}) has no column for the {what}: name it one of {', '.join(names)}"


def _lacks_plain(has_ideal: bool) -> str:  # noqa: FBT001 - one word of a sentence hangs on it
    return "whose `input` is neither text nor a list of turns of text alone" if has_ideal else "without an `ideal`"


def _ideal(value: JsonValue) -> JsonValue:
    return value if isinstance(value, str | list | dict) else json.dumps(value)


def _messages(value: JsonValue, notes: Notes) -> list[JsonValue] | None:
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if not isinstance(value, list) or not value:
        return None
    turns: list[JsonValue] = []
    for turn in value:
        content = _words(turn.get("content")) if isinstance(turn, dict) else None
        if not isinstance(turn, dict) or content is None or "role" not in turn:
            return None
        if set(turn) - {"role", "content"}:
            notes.add("Names of turns (`name: example_user`) are not carried over; their texts are.")
        turns.append({"role": turn["role"], "content": content})
    if not any(isinstance(turn, dict) and turn["role"] == "user" for turn in turns):
        notes.add("A conversation without a user turn: its last turn is asked as the user's.")
        last = turns[-1]
        turns[-1] = {"role": "user", "content": last["content"] if isinstance(last, dict) else ""}
    return turns


def _words(content: JsonValue) -> str | None:
    """The text of a turn, also one in parts; None where a part is a picture, a sound or a file."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") in _TEXTS]
    words = [text for text in texts if isinstance(text, str)]
    return "\n".join(words) if words and len(words) == len(content) else None
