"""Reading the files a suite names: bounded, UTF-8, inside the tree, each with its digest kept."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from msgspec import Struct, field

from evalkit.errors import Diagnostic, UsageError
from evalkit.metrics.schemas import SchemaProblem, ready
from evalkit.suites.excerpt import with_line
from evalkit.suites.lookalikes import did_you_mean_path
from evalkit.suites.paths import Refused, inside
from evalkit.types import JsonValue

MAX_TEXT_BYTES = 1_000_000
MAX_SCHEMA_BYTES = 64_000
MAX_SCHEMA_DEPTH = 32
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_DATA_KEYWORDS = frozenset({"const", "enum", "default", "examples"})


class Tree(Struct, frozen=True, kw_only=True):
    """Where a suite's files are, and the digests of those that were read."""

    folder: Path
    root: Path
    shown: str
    """The folder as the user named it; stands in messages."""
    digests: dict[str, str] = field(default_factory=dict)
    elsewhere: dict[Path, str] = field(default_factory=dict)
    """Data that lies outside the tree, and how messages and digests name it."""

    def show(self, path: Path) -> str:
        """A path as it stands in messages: as the user would write it from where they are."""
        if path in self.elsewhere:
            return self.elsewhere[path]
        return os.path.normpath(os.path.join(self.shown, os.path.relpath(path, self.folder)))  # noqa: PTH118 - pathlib cannot write `..`

    def note(self, path: Path, sha256: str) -> None:
        """Keeps a file's digest under its path from the tree's root."""
        self.digests[self.elsewhere.get(path) or path.relative_to(self.root).as_posix()] = sha256

    def file(self, text: str) -> Path | Refused:
        """The existing regular file that `text` names, or why there is none."""
        path = inside(text, self.folder, self.root)
        if isinstance(path, Refused):
            return path
        try:
            if path.is_file():
                return path
            is_there = path.exists()
        except OSError:
            is_there = False
        if not is_there:
            near = did_you_mean_path(text, self.folder, self.root)
            return Refused(why=f"there is no file '{text[:200]}'{near}", is_mistyped=bool(near))
        if path.is_dir():
            return Refused(why=f"'{text[:200]}' is a folder; a file is wanted here")
        return Refused(why=f"'{text[:200]}' is not a regular file (a pipe, a device or a socket)")

    def text(self, path: Path) -> str:
        """A file's text with its digest noted. Raises UsageError that names the file."""
        raw = read_bytes(path, self.show(path), MAX_TEXT_BYTES)
        self.note(path, hashlib.sha256(raw).hexdigest())
        return decode(raw, self.show(path)).replace("\r\n", "\n")

    def schema(self, path: Path, *, is_applied: bool) -> dict[str, JsonValue]:
        """A JSON Schema with local references only. Raises UsageError located in the file.

        `is_applied`: evalkit itself will hold answers against it, so it must be valid and quick to check. A schema
        that only a server gets may be what that server understands.
        """
        shown = self.show(path)
        raw = read_bytes(path, shown, MAX_SCHEMA_BYTES)
        self.note(path, hashlib.sha256(raw).hexdigest())
        text = decode(raw, shown)
        try:
            schema = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        except json.JSONDecodeError as error:
            if not text.strip():
                _stop(shown, "the file is empty", text, 1)
            _stop(shown, f"this is not JSON: {error.msg[:1].lower() + error.msg[1:]}", text, error.lineno, error.colno)
        except ValueError as error:
            _stop(shown, str(error))
        except RecursionError:
            _stop(shown, f"nested deeper than {MAX_SCHEMA_DEPTH} levels")
        if not isinstance(schema, dict):
            _stop(shown, "a JSON Schema is an object: {…}", text, 1, 1)
        _check_schema(schema, shown, text)
        if is_applied:
            try:
                ready(schema)
            except SchemaProblem as problem:
                _stop(shown, str(problem), *_where(text, problem.quoted), fix=problem.fix)
        return schema


def training_files(text: str, tree: Tree) -> tuple[Path, ...] | Refused:
    """The files a path or pattern names; Refused when there are none or one of them may not be read."""
    if not any(mark in text for mark in "*?["):
        found = tree.file(text)
        return found if isinstance(found, Refused) else (found,)
    fixed = inside(re.split(r"[*?\[]", text, maxsplit=1)[0] or ".", tree.folder, tree.root)
    if isinstance(fixed, Refused):
        return fixed
    steps = Path(text).parts
    if ".." in steps:
        return Refused(why=f"'{text[:200]}': a pattern may not hold '..'")
    files: list[Path] = []
    for name in sorted(set(_matching(tree.folder, "", steps))):
        found = tree.file(name)
        if isinstance(found, Refused):
            return Refused(why=f"'{text[:200]}' matches '{name[:200]}', and {found.why}", help=found.help)
        files.append(found)
    return tuple(files) or Refused(why=f"no file matches '{text[:200]}'")


def _matching(folder: Path, shown: str, steps: tuple[str, ...]) -> Iterator[str]:
    """What a pattern matches below a folder, folders left out.

    As a shell does it, `*` leaves hidden names alone; links to folders are not followed, as they may lead out.
    """
    step, rest = steps[0], steps[1:]
    if step == "**" and rest:
        yield from _matching(folder, shown, rest)
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        is_folder, name = entry.is_dir(follow_symlinks=False), f"{shown}{entry.name}"
        if entry.name.startswith(".") and not step.startswith("."):
            continue
        if step == "**" and is_folder:
            yield from _matching(folder / entry.name, f"{name}/", steps)
        elif rest and is_folder and fnmatch.fnmatchcase(entry.name, step):
            yield from _matching(folder / entry.name, f"{name}/", rest)
        elif not rest and not is_folder and fnmatch.fnmatchcase(entry.name, step):
            yield name


def read_bytes(path: Path, shown: str, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit`. Raises UsageError in words for everything else."""
    try:
        if path.exists() and not path.is_file():
            raise UsageError(diagnostics=(Diagnostic(message="this is not a regular file", path=shown),))
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except FileNotFoundError:
        near = did_you_mean_path(path.name, path.parent)
        raise UsageError(diagnostics=(Diagnostic(message=f"there is no such file{near}", path=shown),)) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(diagnostics=(Diagnostic(message=f"cannot be read: {why}", path=shown),)) from None
    if len(raw) > limit:
        raise UsageError(diagnostics=(Diagnostic(message=f"the file is larger than {limit:,} bytes", path=shown),))
    return raw


def decode(raw: bytes, shown: str) -> str:
    """UTF-8 text, a byte-order mark dropped. Raises UsageError that says what was found instead."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in raw[:64]:
        message = "this is not UTF-8 text: it looks like UTF-16 or a binary file"
        raise UsageError(diagnostics=(Diagnostic(message=message, path=shown, help="save it again as UTF-8"),))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8 text"
        found = Diagnostic(message=message, path=shown, line=line, column=column, help="save the file as UTF-8")
        raise UsageError(diagnostics=(found,)) from None


def _stop(
    shown: str,
    message: str,
    text: str = "",
    line: int | None = None,
    column: int | None = None,
    *,
    fix: str | None = None,
) -> NoReturn:
    lines = [] if line is None else text.split("\n")[line - 1 : line]
    found = Diagnostic(message=message, path=shown, line=line, column=column, help=fix)
    raise UsageError(diagnostics=(with_line(found, lines[0] if lines else None),))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key '{twice[:80]}' is given twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_schema(schema: Any, shown: str, text: str) -> None:
    """Refuses deep schemas and references that would have to be fetched."""
    todo: list[tuple[Any, int, bool]] = [(schema, 1, False)]
    while todo:
        node, depth, is_name_map = todo.pop()
        if depth > MAX_SCHEMA_DEPTH:
            _stop(shown, f"nested deeper than {MAX_SCHEMA_DEPTH} levels")
        if isinstance(node, list):
            todo += [(item, depth + 1, False) for item in node]
        elif isinstance(node, dict):
            for key, value in node.items():
                if key in _REFERENCES and not is_name_map and isinstance(value, str) and not value.startswith("#"):
                    _stop(
                        shown,
                        f"the reference '{value[:100]}' leads out of the file; only '#/…' is allowed",
                        *_where(text, value),
                    )
                if key not in _DATA_KEYWORDS or is_name_map:
                    todo.append(
                        (
                            value,
                            depth + 1,
                            key in {"properties", "patternProperties", "$defs", "definitions"} and not is_name_map,
                        )
                    )


def _where(text: str, value: str | None) -> tuple[str, int | None, int | None]:
    """(text, line, column) of a string's first occurrence, however it is escaped; line 1 when there is none."""
    spelled = [] if value is None else [json.dumps(value, ensure_ascii=False), json.dumps(value)]
    found = next((match for spelling in spelled if (match := re.search(re.escape(spelling), text))), None)
    if found is None:
        return text, 1, None
    before = text[: found.start()]
    return text, before.count("\n") + 1, len(before) - before.rfind("\n")
