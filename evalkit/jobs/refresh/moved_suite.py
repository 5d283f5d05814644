"""A suite.yaml for another folder: the same suite, its paths written from there and its data another file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from evalkit.errors import UsageError
from evalkit.jobs.rot.look import loaded
from evalkit.suites.load import suite_file
from evalkit.suites.yaml_source import Loc, Source, Span
from evalkit.types import Suite

_PATHS = frozenset({
    "system", "prompt", "path", "adapter", "schema", "response_schema", "suite", "model", "rubric", "judge", "metric",
})  # fmt: skip
"""Keys whose value may name a file. Most may also be a text: what is there as a file is one."""
_LOGS: Loc = ("checks", "freshness", "production")
"""A file, whether it is there today or not."""
_DATA: tuple[Loc, Loc] = (("dataset", "path"), ("dataset", "sha256"))


def moved(source: Source, folder: Path, to: Path, data: Mapping[str, str]) -> str:
    """The text of suite.yaml as it has to be in `to`; comments and layout stay.

    `data`: the new values of `path` and `sha256` of `dataset`.
    """
    edits = dict(_edits(source, folder, to))
    path, sha = (source.values.get(loc) for loc in _DATA)
    if path is None:
        raise UsageError(f"{source.path}: dataset.path is missing")
    edits[path] = json.dumps(data["path"])
    if sha is not None:
        edits[sha] = data["sha256"]
    else:
        key = source.keys[_DATA[0]]
        is_flow = source.text[: key.start].rstrip()[-1:] in {"{", ","}
        between = ", " if is_flow else f"\n{' ' * (key.column - 1)}"
        edits[path] += f"{between}sha256: {data['sha256']}"
    text = source.text
    for span in sorted(edits, key=lambda one: -one.start):
        text = text[: span.start] + edits[span] + text[span.end :]
    return text


def refuse_changed(old: Suite, new: Path, data_sha256: str) -> Suite:
    """The suite at its new place. Raises UsageError unless it asks, scores and decides just as the old one does."""
    found = loaded(new)
    same = (
        _unplaced(found) == _unplaced(old)
        and sorted(_digests(found)) == sorted(_digests(old))
        and found.dataset_sha256 == data_sha256
    )
    if not same:
        raise UsageError(
            f"{old.path} cannot be moved into a folder of its own: a path in it means something else from there\n"
            "  help: write its paths as `folder/file`, each file below the suite's folder"
        )
    return found


def _edits(source: Source, folder: Path, to: Path) -> Iterator[tuple[Span, str]]:
    for loc, span in source.values.items():
        value: Any = source.value
        for step in loc:
            value = value[step]
        if loc in _DATA or not isinstance(value, str) or not value or "\n" in value:
            continue
        key = next((step for step in reversed(loc) if isinstance(step, str)), "")
        is_training = "training_data" in loc
        if is_training and "*" in value:
            what = f"a version of the suite lies in a folder of its own, from where the pattern {value!r} finds nothing"
            raise UsageError(diagnostics=(source.diagnostic(loc, what, help="name the files one by one"),))
        is_log = loc == _LOGS and not set("*?[") & set(value)  # a pattern may not lead out of its folder
        is_name = key not in _PATHS or not _is_file(value, folder) or (key == "metric" and not value.endswith(".py"))
        if is_name and not (is_training or is_log):
            continue
        yield span, json.dumps(os.path.relpath(folder.resolve() / value, to.resolve()), ensure_ascii=False)


def _unplaced(suite: Suite) -> Any:
    """What decides, without where it stands in the file."""
    models = [structs.replace(model, line=None) for model in suite.models.values()]
    metrics = [structs.replace(m, line=None, options=_placed(m.options, suite)) for m in suite.metrics]
    guards = [
        (g.kind, g.metric, None if g.suite is None else Path(g.suite).resolve(), g.margin) for g in suite.gate.guards
    ]
    training = [path.resolve() for path in suite.training_data]
    primary = structs.replace(suite.gate.primary, line=None)
    places = [(m.adapter and m.adapter.resolve(), m.path and m.path.resolve()) for m in models]
    bare = [structs.replace(model, adapter=None, path=None) for model in models]
    return suite.name, bare, places, metrics, guards, training, primary


def _placed(options: Mapping[str, Any], suite: Suite) -> dict[str, Any]:
    """A metric's options with the files of judges and scripts as the files they are, from wherever they are named."""
    folder = suite_file(suite.path).parent
    return {
        key: str((folder / value).resolve())
        if key in {"judge", "metric"} and isinstance(value, str) and _is_file(value, folder)
        else value
        for key, value in options.items()
    }


def _is_file(value: str, folder: Path) -> bool:
    # Not Path.exists: that raises for a text too long to be a file's name.
    return "://" not in value and os.path.exists(folder / value)  # noqa: PTH110 - the reason above


def _digests(suite: Suite) -> Iterator[str]:
    """The digests of what the suite reads besides its data."""
    return (digest for digest in suite.digests.values() if digest != suite.dataset_sha256)
