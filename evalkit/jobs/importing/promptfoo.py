"""promptfoo: a `promptfooconfig.yaml` (or .json) with the prompts and tests it names.

The format: https://www.promptfoo.dev/docs/configuration/reference and …/configuration/test-cases. Configurations,
prompts, tests and assertions that are programs are named and left out: an import never runs code.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.errors import UsageError
from evalkit.jobs.importing.draft import Draft, Notes, nothing, placeholder_models
from evalkit.jobs.importing.promptfoo_asserts import Assertion, is_carried, measured
from evalkit.jobs.importing.promptfoo_merge import merged
from evalkit.jobs.importing.promptfoo_sides import Side, listed, sides_of
from evalkit.jobs.importing.promptfoo_tests import PROGRAMS, Files, raw_tests, scenario_tests
from evalkit.types import JsonValue

MAX_TESTS = 100_000
_PARTED = re.compile(r"^---[ \t]*\r?\n", re.MULTILINE)
"""The line between two prompts of one .txt file."""
_KNOWN = frozenset(
    {"description", "prompts", "providers", "targets", "tests", "scenarios", "defaultTest", "tags", "$schema"}
)
_TEMPLATES = "#/assertionTemplates/"
_WHOLE_LISTS = "disableVarExpansion"
"""The option with which a variable that is a list is handed to the prompt whole."""
_TEST_KEYS = frozenset({"vars", "assert", "description", "metadata"})


def from_promptfoo(path: Path) -> Draft:
    """The suite of one configuration."""
    if path.is_dir():
        raise UsageError(f"{path}: this is a folder; name the configuration in it, such as promptfooconfig.yaml")
    if path.suffix not in {".yaml", ".yml", ".json"}:
        raise UsageError(f"{path}: a configuration in YAML or JSON is wanted; one that is a program is never run")
    notes, files = Notes(), Files(path)
    config = files.document(path)
    templates = config.get("assertionTemplates")
    files.templates = templates if isinstance(templates, dict) else {}
    for key in sorted(config.keys() - _KNOWN - {"assertionTemplates"}):
        notes.add(f"`{key}` is not carried over.")
    default = config.get("defaultTest")
    default = files.named(default) if isinstance(default, str) else default or {}
    if not isinstance(default, Mapping):
        raise UsageError(f"{path}: defaultTest is neither a test nor the name of a file with one")
    written = itertools.chain(
        raw_tests(config.get("tests"), files, notes), scenario_tests(config.get("scenarios"), files, notes)
    )
    tests = merged(list(_tests(written, default, files, notes)), notes)
    rows, metrics, columns = measured(tests, notes)
    if not metrics or not rows:
        raise nothing("no test has an assertion that a metric of evalkit can stand for; " + "; ".join(notes.all()))
    prompts = _prompts(config.get("prompts"), files, notes)
    sides = sides_of(config.get("providers", config.get("targets")), notes)
    dataset, models = _models(prompts, sides, notes)
    return Draft(
        name=str(config.get("description") or path.resolve().parent.name)[:80],
        description=f"Imported from promptfoo ({path.name}).",
        rows=rows,
        dataset={**dataset, **columns},
        metrics=metrics,
        models=models,
        notes=notes.all(),
    )


def _tests(
    written: Iterable[Mapping[str, Any]], default: Mapping[str, Any], files: Files, notes: Notes
) -> Iterator[tuple[dict[str, JsonValue], list[Assertion]]]:
    """(variables, assertions) of each test, those of defaultTest with it. Raises UsageError for too many of them."""
    n_tests = 0
    for test in written:
        for one, what in ((test, "a test"), (default, "defaultTest")):
            carried = _TEST_KEYS | ({"options"} if _options(one).keys() == {_WHOLE_LISTS} else set())
            for key in sorted(one.keys() - carried):
                notes.add(f"`{key}` of {what} is not carried over.")
        both: dict[str, Any] = {}
        asserted: list[Any] = []
        for one in (default, test):
            if isinstance(own := one.get("vars") or {}, dict):
                both |= own
            else:
                notes.add(f"Variables that stand elsewhere are left out: {str(own)[:80]}.")
            asserted = [*_flat(listed(one.get("assert")), files, notes), *asserted]
        found = [_read_in(one, files) for one in asserted]
        has_lists = {**_options(default), **_options(test)}.get(_WHOLE_LISTS) is True
        for variables in [both] if has_lists else _each(both):
            n_tests += 1
            if n_tests > MAX_TESTS:
                raise UsageError(f"more than {MAX_TESTS:,} tests; a variable that is a list makes a test of each value")
            filled = {name: _filled(value, files, notes) for name, value in variables.items()}
            yield filled, [Assertion.of(one, filled) for one in found]


def _flat(
    asserted: Sequence[Any], files: Files, notes: Notes, *, is_inner: bool = False
) -> Iterator[Mapping[str, Any]]:
    """The assertions, templates looked up; those of a set without a threshold, which all have to hold, one by one."""
    for one in asserted:
        found, reference = one, one.get("$ref") if isinstance(one, dict) else None
        if isinstance(reference, str):
            found = files.templates.get(reference.removeprefix(_TEMPLATES))
            found = {**found, **{key: one[key] for key in one if key != "$ref"}} if isinstance(found, dict) else None
        if not isinstance(found, dict) or not isinstance(found.get("type"), str):
            notes.add(f"An assertion without a type is left out: {json.dumps(one)[:80]}.")
        elif found["type"] == "assert-set" and "threshold" not in found:
            # A set has no sets inside: https://www.promptfoo.dev/docs/configuration/expected-outputs/#assertion-sets
            if is_inner:
                notes.add("A set of assertions inside of a set is left out.")
            else:
                yield from _flat(listed(found.get("assert")), files, notes, is_inner=True)
        else:
            yield found


def _options(test: Mapping[str, Any]) -> Mapping[str, Any]:
    found = test.get("options")
    return found if isinstance(found, dict) else {}


def _each(variables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A list as a variable stands for a test with each of its values."""
    several = [
        [(name, one) for one in (value if isinstance(value, list) else [value])] for name, value in variables.items()
    ]
    for combination in itertools.product(*several):
        yield dict(combination)


def _read_in(assertion: Mapping[str, Any], files: Files) -> Mapping[str, Any]:
    """The assertion with the text or the schema that its `file://` names; as code where that is a program."""
    value, kind = assertion.get("value"), str(assertion["type"])
    if not isinstance(value, str) or not value.startswith("file://") or not is_carried(kind):
        return assertion
    if Path(value.removeprefix("file://").partition(":")[0]).suffix in PROGRAMS:
        return {**assertion, "type": "javascript"}
    path = files.place(value)
    is_schema = path.suffix in {".yaml", ".yml"} and kind.endswith("-json")
    return {**assertion, "value": files.document(path) if is_schema else files.text(path).strip()}


def _filled(value: Any, files: Files, notes: Notes) -> JsonValue:
    if not isinstance(value, str) or not value.startswith("file://"):
        return value  # type: ignore[no-any-return]  # YAML of the safe kind is JSON
    path = files.place(value)
    if path.suffix in PROGRAMS:
        notes.add(f"A variable made by a program is left as its name: {value[:80]}.")
        return value
    return files.text(path)


def _prompts(value: Any, files: Files, notes: Notes) -> list[dict[str, str]]:
    """Each prompt as keys of a side: `prompt`, and `system` where it has one."""
    found: list[dict[str, str]] = []
    for one in listed(value):
        text = one.get("raw") or one.get("id") if isinstance(one, dict) else one
        if not isinstance(text, str):
            continue
        if text.startswith("file://") or ("\n" not in text and text.endswith((".txt", ".md", ".json"))):
            path = files.place(text)
            if path.suffix in PROGRAMS:
                notes.add(f"A prompt made by a program is left out: {text[:80]}.")
                continue
            text = files.text(path)
            texts = [part.strip() for part in _PARTED.split(text)] if path.suffix == ".txt" else [text]
        else:
            texts = [text]
        for made in map(_chat, filter(str.strip, texts)):
            if made is None:
                notes.add("A chat with more turns than a system and a user turn is left out.")
            else:
                found.append(made)
    if not found:
        raise nothing("no prompt is plain text, or a chat of a system and a user turn")
    return found


def _chat(text: str) -> dict[str, str] | None:
    """A prompt as it is; written as a JSON list of turns, its system and its user turn."""
    if not text.lstrip().startswith("["):
        return {"prompt": text}
    try:
        turns = json.loads(text)
    except ValueError:
        return {"prompt": text}
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return {"prompt": text}
    said = [(turn.get("role"), turn.get("content")) for turn in turns]
    if [role for role, _ in said] not in (["user"], ["system", "user"]) or not all(isinstance(c, str) for _, c in said):
        return None
    return {"prompt" if role == "user" else "system": str(content) for role, content in said}


def _models(
    prompts: Sequence[dict[str, str]], sides: Sequence[Side], notes: Notes
) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """(keys of the dataset, both sides): two models asked the same, or one asked in two ways."""
    is_two_models = len(sides) > 1
    for lost in prompts[1 if is_two_models or not sides else 2 :]:
        notes.add(f"A further prompt is left out: '{lost['prompt'].strip()[:60]}'.")
    if is_two_models:
        for side in sides[2:]:
            notes.add(f"A further provider is left out: {side.name}.")
        entries = [dict(side.entry) for side in sides[:2]]
    elif sides and len(prompts) > 1:
        entries = [{**sides[0].entry, **prompt} for prompt in prompts[:2]]
        return {"prompt": prompts[0]["prompt"]}, dict(zip(("baseline", "candidate"), entries, strict=True))
    elif sides:
        notes.add("One model and one prompt: the candidate is the same model with a system prompt. Put your own there.")
        entries = [dict(sides[0].entry), {**sides[0].entry, "system": "Answer with the answer alone."}]
    else:
        entries = list(placeholder_models(notes).values())
    system = prompts[0].get("system")
    if system is not None:
        entries = [{"system": system, **entry} for entry in entries]
    return {"prompt": prompts[0]["prompt"]}, dict(zip(("baseline", "candidate"), entries, strict=True))
