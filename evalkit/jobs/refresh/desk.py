"""The folder of one refresh: its files written whole, one process at a time, and what has to come before what."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit.errors import ExecutionError, UsageError
from evalkit.store.files import write_atomic
from evalkit.store.home import RunLock, make_private
from evalkit.suites.load import suite_file

ROOT = Path("refresh")
"""Where refreshes are kept unless `--dir` says otherwise."""
PLAN = "plan.json"
SAMPLED = "sampled.jsonl"
SCRUBBED, SCRUB_DROPPED = "scrubbed.jsonl", "scrub-dropped.jsonl"
DEDUPED, DEDUP_DROPPED = "deduped.jsonl", "dedup-dropped.jsonl"
PRELABELS = "prelabels.jsonl"
QUEUE = "queue.jsonl"
LABELS = "labels.jsonl"
RETIRED = "retired.jsonl"
APPROVALS, APPROVED = "approvals.json", "approved.jsonl"
RELEASE = "release.json"
BRIDGE = "bridge.md"
MADE_BY: Mapping[str, str] = {
    PLAN: "plan", SAMPLED: "sample", SCRUBBED: "scrub", DEDUPED: "dedup",
    PRELABELS: "label --prelabel JUDGE", QUEUE: "label",
    LABELS: "label --from FILE", APPROVED: "approve --by NAME", RELEASE: "release",
}  # fmt: skip
Row = dict[str, Any]
_PLANNED = frozenset({"suite", "suite_name", "data_sha256", "logs", "since_days", "quota", "approvals"})
"""What every plan says."""


class Desk(Struct, frozen=True):
    """One refresh's folder, `refresh/<date>`."""

    folder: Path

    def has(self, name: str) -> bool:
        """Whether that step's file is there."""
        return (self.folder / name).exists()

    def document(self, name: str) -> Row:
        """A step's JSON object. Raises UsageError, with the step's command, where the step was not done."""
        try:
            found = json.loads(self.content(name))
        except (ValueError, RecursionError):
            raise self._damaged(name, 1) from None
        if not isinstance(found, dict) or (name == PLAN and not found.keys() >= _PLANNED):
            raise self._damaged(name, 1)
        return found

    def rows(self, name: str) -> list[Row]:
        """A step's rows, each with an id of its own. Raises as `document` does."""
        rows: list[Row] = []
        for number, line in enumerate(self.content(name).splitlines(), start=1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                raise self._damaged(name, number) from None
            if not isinstance(row, dict) or not isinstance(row.get("id"), str):
                raise self._damaged(name, number)
            rows.append(row)
        return rows

    def content(self, name: str) -> bytes:
        """The bytes of a step's file. Raises UsageError where the step was not done."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            step = f"evalkit refresh {MADE_BY.get(name, name)}"
            raise UsageError(f"{self.folder / name} is not there yet\n  help: first {step}") from None
        except OSError as error:
            raise ExecutionError(f"{self.folder / name} cannot be read: {error.strerror or error}") from error

    def write_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Writes a step's rows whole. False where the very same file was there already."""
        return self._write(name, b"".join(_line(row) for row in rows))

    def write_document(self, name: str, document: Mapping[str, Any]) -> bool:
        """Writes a step's document whole. False where the very same file was there already."""
        return self._write(name, json.dumps(document, indent=1, allow_nan=False).encode("ascii") + b"\n")

    def digest(self, names: Sequence[str]) -> str:
        """sha256 over files of this refresh; one that is not there counts as that."""
        parts = [hashlib.sha256(self.content(name)).hexdigest() if self.has(name) else "-" for name in names]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _write(self, name: str, content: bytes) -> bool:
        path = self.folder / name
        if path.exists() and path.read_bytes() == content:
            return False
        if self.has(RELEASE) and name != RELEASE:
            raise UsageError(
                f"{self.folder} was released as {self.document(RELEASE).get('version')}, so {name} stays as it is\n"
                "  help: `evalkit refresh plan` begins the next one"
            )
        # Private: what production was asked may be anybody's secret, above all before it is scrubbed.
        write_atomic(path, content, is_private=True)
        return True

    def _damaged(self, name: str, line: int) -> UsageError:
        what = "plan" if name == PLAN else "row"
        step = f"delete the file and make it again: evalkit refresh {MADE_BY.get(name, name)}"
        return UsageError(f"{self.folder / name}:{line}: this is no {what} of a refresh\n  help: {step}")


@contextlib.contextmanager
def opened(root: Path, date: str) -> Iterator[Desk]:
    """The refresh of that date, made when it is not there. Raises ExecutionError while another process works on one.

    The lock is on all refreshes below `root`: two of them at once would release the same version.
    """
    make_private(root)
    with RunLock(root, what=f"the refresh in {root}"):
        ignored = root / ".gitignore"
        if not ignored.exists():
            write_atomic(ignored, f"# Not scrubbed yet\n{SAMPLED}\nlock\n".encode())
        make_private(root / date)
        yield Desk(root / date)


def named(desk: Desk) -> str:
    """The options that name this refresh behind a command: ` --date …`, and ` --dir …` where it is kept elsewhere."""
    root = desk.folder.parent
    where = "" if root == ROOT else f" --dir {shlex.quote(str(root))}"
    return f" --date {shlex.quote(desk.folder.name)}{where}"


def is_of(desk: Desk, suite: Path) -> bool:
    """Whether this refresh was planned for that suite. One without a plan that can be read is nobody's."""
    planned = _planned_for(desk)
    return planned is not None and suite_file(planned).resolve() == suite_file(suite).resolve()


def _planned_for(desk: Desk) -> Path | None:
    try:
        planned = desk.document(PLAN)["suite"]
    except UsageError:
        return None
    return Path(planned) if isinstance(planned, str) else None


def newest_open(root: Path, suite: Path) -> str | None:
    """The newest refresh of this suite that has not been released; None where there is none."""
    if not root.is_dir():
        return None
    folders = [path for path in root.iterdir() if (path / PLAN).is_file() and not (path / RELEASE).exists()]
    return max((path.name for path in folders if is_of(Desk(path), suite)), default=None)


def unused(root: Path, date: str, suite: Path) -> str:
    """The date, or with `-02` and so on behind it where that day's refresh was released, or is another suite's.

    >>> unused(Path("no-such-folder"), "2026-11-23", Path("suite.yaml"))
    '2026-11-23'
    """
    names = (date if n == 1 else f"{date}-{n:02}" for n in itertools.count(1))
    return next(name for name in names if _is_free(Desk(root / name), suite))


def _is_free(desk: Desk, suite: Path) -> bool:
    return not desk.has(PLAN) or (is_of(desk, suite) and not desk.has(RELEASE))


def newest(root: Path) -> str | None:
    """The newest refresh, released or not; None where there is none.

    Raises UsageError where refreshes of several suites are open: which one is meant is for the caller to say.
    """
    if not root.is_dir():
        return None
    desks = [Desk(path) for path in sorted(root.iterdir()) if (path / PLAN).is_file()]
    still_open = {desk.folder.name: of for desk in desks if not desk.has(RELEASE) and (of := _planned_for(desk))}
    if len({suite_file(of).resolve() for of in still_open.values()}) > 1:
        each = "".join(f"\n  --date {shlex.quote(name)}  {of}" for name, of in still_open.items())
        raise UsageError(f"refreshes of several suites are open in {root}; say which is meant:{each}")
    return max((desk.folder.name for desk in desks), default=None)


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, allow_nan=False).encode("ascii") + b"\n"
