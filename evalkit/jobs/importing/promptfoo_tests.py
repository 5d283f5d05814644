"""Where promptfoo's tests stand: in the configuration, in files beside it, and in scenarios.

A scenario runs each of its tests on each set of variables of its `config`: the test's own variables go before those of
the set, and the assertions of both hold (https://www.promptfoo.dev/docs/configuration/scenarios).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import Diagnostic, UsageError
from evalkit.jobs.importing.draft import Notes
from evalkit.jobs.importing.promptfoo_asserts import said_in_cell
from evalkit.jobs.importing.promptfoo_sides import listed
from evalkit.suites.files import MAX_TEXT_BYTES, decode, read_bytes
from evalkit.suites.paths import Refused, inside
from evalkit.suites.records import read_rows
from evalkit.suites.yaml_source import parse

PROGRAMS = (".py", ".js", ".cjs", ".mjs", ".ts", ".rb")
_ROWS = (".csv", ".json", ".jsonl")
_PROGRAM_PART = re.compile(r"\.(py|[cm]?js|ts|rb):")
"""A program, and the function in it."""


class Files:
    """The files beside a configuration; none outside its folder."""

    templates: Mapping[str, Any]
    """`assertionTemplates`, which a `$ref` names."""

    def __init__(self, config: Path) -> None:
        """`config`: the configuration itself."""
        self._config = config
        self._folder = config.parent.resolve()
        self.templates = {}

    def place(self, text: str) -> Path:
        """The file that `file://…` names. Raises UsageError, at the line that names it, where it cannot be read."""
        found = inside(text.removeprefix("file://"), self._folder, self._folder)
        if isinstance(found, Refused):
            raise self._located(text, f"{text}: {found.why}")
        if found.suffix not in PROGRAMS and not found.is_file() and not _PROGRAM_PART.search(found.name):
            raise self._located(text, f"{text}: there is no such file")
        return found

    def _located(self, text: str, message: str) -> UsageError:
        lines = enumerate(self.text(self._config).splitlines(), 1)
        line, source = next(((n, line) for n, line in lines if text in line), (None, None))
        path = str(self._config)
        return UsageError(diagnostics=(Diagnostic(message=message, path=path, line=line, source=source),))

    def text(self, path: Path) -> str:
        """The text of a file."""
        return decode(read_bytes(path, path.name, MAX_TEXT_BYTES), path.name)

    def document(self, path: Path) -> Mapping[str, Any]:
        """The mapping that a YAML or JSON file holds. Raises UsageError where it holds something else."""
        source = parse(self.text(path), path.name)
        if source.problems:
            raise UsageError(diagnostics=source.problems)
        return source.value

    def named(self, text: str) -> Any:
        """The content of a `file://` that holds a mapping."""
        return self.document(self.place(text))

    def list_in(self, path: Path) -> list[Any]:
        """The content of a YAML or JSON file that holds a list, or one mapping as a list of it."""
        text = "".join(f"  {line}\n" for line in self.text(path).splitlines())
        source = parse(f"all:\n{text}", path.name)
        if source.problems:
            raise UsageError(diagnostics=source.problems)
        return listed(source.value.get("all"))


def raw_tests(value: Any, files: Files, notes: Notes) -> Iterator[Mapping[str, Any]]:
    """The tests that `tests` holds or names, as they are written. Raises UsageError for those that stand elsewhere."""
    for one in listed(value):
        if isinstance(one, dict) and "path" not in one:
            yield one
        elif isinstance(one, str) and one.startswith(("huggingface://", "http://", "https://")):
            raise UsageError(f"{one}: tests are not fetched; download them and name the file")
        elif isinstance(one, str) and Path(one).suffix in {*_ROWS, ".yaml", ".yml"}:
            path = files.place(one)
            found = _of_rows(path, notes) if path.suffix in _ROWS else files.list_in(path)
            yield from (test for test in found if isinstance(test, Mapping))
        else:
            notes.add(f"Tests made by a program are left out: {str(one)[:80]}.")


def _of_rows(path: Path, notes: Notes) -> Iterator[Mapping[str, Any]]:
    """Tests of a file of rows: whole ones, or columns of variables beside `__expected`."""
    for row in read_rows(path):
        if "vars" in row.fields:
            yield row.fields
            continue
        variables = {name: value for name, value in row.fields.items() if not name.startswith("__")}
        cells = [value for name, value in row.fields.items() if name.startswith("__expected") and value]
        for name in row.fields:
            if name.startswith("__") and not name.startswith("__expected"):
                notes.add(f"The column {name} is not carried over.")
        yield {"vars": variables, "assert": [said_in_cell(str(cell)) for cell in cells]}


def scenario_tests(value: Any, files: Files, notes: Notes) -> Iterator[Mapping[str, Any]]:
    """The tests that `scenarios` come to, each with the variables and assertions of its set before its own."""
    for scenario in _held(value, "A scenario", files, notes):
        for key in sorted(scenario.keys() - {"config", "tests", "description"}):
            notes.add(f"`{key}` of a scenario is not carried over.")
        tests = list(raw_tests(scenario["tests"], files, notes)) if "tests" in scenario else [{}]
        for data in _held(scenario.get("config"), "A set of variables", files, notes):
            for test in tests:
                yield _on_data(data, test)


def _on_data(data: Mapping[str, Any], test: Mapping[str, Any]) -> Mapping[str, Any]:
    """One test on one set of variables. What stands elsewhere (`vars: file://…`) is left to be told as in any test."""
    sets = [one.get("vars") or {} for one in (data, test)]
    odd = next((one for one in sets if not isinstance(one, dict)), None)
    both = {**sets[0], **sets[1]} if odd is None else odd
    return {**data, **test, "vars": both, "assert": [*listed(data.get("assert")), *listed(test.get("assert"))]}


def _held(value: Any, what: str, files: Files, notes: Notes) -> Iterator[Mapping[str, Any]]:
    """The mappings of a list, those of the files that it names (`file://…`, `$values`) among them."""
    for one in listed(value):
        name = (one.get("$values") or one.get("$expand")) if isinstance(one, dict) else one
        if isinstance(name, str) and "*" not in name and Path(name).suffix in {".yaml", ".yml", ".json"}:
            yield from (found for found in files.list_in(files.place(name)) if isinstance(found, Mapping))
        elif isinstance(one, dict) and name is None:
            yield one
        else:
            notes.add(f"{what} that a pattern or a program names is left out: {str(name)[:80]}.")
