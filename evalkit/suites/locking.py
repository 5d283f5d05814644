"""`evalkit lock`: the data's sha256 written into suite.yaml, everything else left as it was."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from msgspec import Struct

from evalkit.errors import Diagnostic, ExecutionError, UsageError
from evalkit.suites.data import read_data
from evalkit.suites.files import MAX_TEXT_BYTES, decode, read_bytes
from evalkit.suites.hub import dataset_file
from evalkit.suites.load import read_source, suite_file, tree_of
from evalkit.suites.paths import Refused
from evalkit.suites.yaml_source import Loc, Source, parse

_SHA: Loc = ("dataset", "sha256")
_PATH: Loc = ("dataset", "path")


class LockResult(Struct, frozen=True, kw_only=True):
    """What locking found and did."""

    suite_path: Path
    data_path: Path
    sha256: str
    previous: str | None
    """The hash that was locked before, if one was."""
    n_rows: int

    @property
    def is_changed(self) -> bool:
        """Whether suite.yaml was written."""
        return self.sha256 != self.previous


def lock(path: Path) -> LockResult:
    """Pins the suite's data by writing `dataset.sha256`; comments and formatting stay. Atomic: the old file or the new.

    Raises UsageError when the suite or its data cannot be read, ExecutionError when the file cannot be written.
    """
    source = read_source(path)
    if source.problems:
        raise UsageError(diagnostics=source.problems)
    dataset = source.value.get("dataset")
    named = dataset.get("path") if isinstance(dataset, dict) else None
    if not isinstance(named, str) or not isinstance(dataset, dict):
        raise UsageError(diagnostics=(source.diagnostic(("dataset",), "dataset.path is missing: nothing to lock"),))
    tree = tree_of(path)
    found = dataset_file(named, tree)
    if isinstance(found, Refused):
        raise UsageError(diagnostics=(source.diagnostic(_PATH, f"dataset.path: {found.why}", help=found.help),))
    data = read_data(found, tree)
    if data.problems:
        raise UsageError(diagnostics=data.problems)
    previous = dataset.get("sha256")
    file = suite_file(path)
    result = LockResult(
        suite_path=file,
        data_path=found,
        sha256=data.sha256,
        previous=previous if isinstance(previous, str) else None,
        n_rows=len(data.rows),
    )
    if result.is_changed:
        edited = _edited(source, data.sha256)
        raw = read_bytes(file, source.path, MAX_TEXT_BYTES)
        if decode(raw, source.path) != source.text:
            raise UsageError(diagnostics=(Diagnostic(message="changed while it was being locked", path=source.path),))
        mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
        _replace(file.resolve(), mark + edited.encode())
    return result


def _edited(source: Source, sha256: str) -> str:
    """The text with the hash in place. Raises UsageError when a small edit would not give that document."""
    text = source.text
    span = source.values.get(_SHA)
    if span is not None:
        written = text[span.start : span.end]
        gap = " " if not written and not text[: span.start].endswith(" ") else ""
        edited = text[: span.start] + gap + sha256 + text[span.end :]
    else:
        edited = _inserted(source, sha256)
    wanted = {**source.value, "dataset": {**source.value["dataset"], "sha256": sha256}}
    try:
        is_right = parse(edited, source.path).value == wanted
    except UsageError:
        is_right = False
    if not is_right:
        message = "the hash cannot be written here without changing the file's layout"
        fix = f"write it by hand below dataset: `sha256: {sha256}`"
        raise UsageError(diagnostics=(source.diagnostic(("dataset",), message, help=fix, on_key=True),))
    return edited


def _inserted(source: Source, sha256: str) -> str:
    """The text with a new key right after `path`: on its own line, or after a comma inside braces."""
    text, key, value = source.text, source.keys[_PATH], source.values[_PATH]
    is_flow = text[source.values[("dataset",)].start : source.values[("dataset",)].start + 1] == "{"
    if is_flow:
        return f"{text[: value.end]}, sha256: {sha256}{text[value.end :]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    rest = re.compile(r"\r\n|\n|\Z").search(text, value.end)
    end = len(text) if rest is None else rest.start()
    return f"{text[:end]}{newline}{' ' * (key.column - 1)}sha256: {sha256}{text[end:]}"


def _replace(path: Path, content: bytes) -> None:
    """Old content or new, never half of it: written beside, synced, renamed over."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        beside = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(path.stat().st_mode & 0o7777)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ExecutionError(f"{path} could not be written: {error.strerror or error}") from None
