"""A damaged journal made whole again from every row that still is, the damaged one kept beside it."""

from __future__ import annotations

import contextlib
import itertools
import json
import mmap
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field, structs

from evalkit.errors import ExecutionError
from evalkit.store.cache import Cache
from evalkit.store.carve import Carved, carve
from evalkit.store.files import sync_folder
from evalkit.store.journal import LARGEST_COMMIT, NAME, Journal
from evalkit.store.reading import read_only
from evalkit.store.rows import Row, outcome_of
from evalkit.types import Response

State = Literal["whole", "mended", "cached", "lost"]
_RESCUED, _KEPT = "rescued.sqlite", "damaged-{}.sqlite"
_Place = tuple[str, str, str, int]


class SideRows(Struct, frozen=True, kw_only=True):
    """What became of one side of one suite."""

    suite: str
    role: str
    planned: int | None
    """Answers the run was to get; None when the journal no longer says."""
    answers: int
    failures: int
    damaged: int
    """Rows found that fail their checksum and were rescued nowhere else; there may have been more."""


class Rescued(Struct, frozen=True, kw_only=True):
    """What `rescue` found and did."""

    state: State
    """whole: nothing needed mending. mended: the journal is new. cached: what the run was asked is lost, its answers
    are in the cache. lost: no row was whole."""
    why: str = ""
    """What is wrong with the journal that was found."""
    sides: tuple[SideRows, ...] = ()
    unplaced: int = 0
    """Damaged rows that no longer say whose they are."""
    kept: tuple[Path, ...] = ()
    """The damaged files, moved aside."""
    command: str | None = None
    """The command line that started the run."""
    is_finished: bool = False
    """A report was made from this journal as it is."""


class _Found(Struct):
    """What carving brought, rows aside, which are too big to hold."""

    answers: set[_Place] = field(default_factory=set)
    failures: set[_Place] = field(default_factory=set)
    damaged: set[_Place] = field(default_factory=set)
    meta: dict[str, Any] = field(default_factory=dict)

    def add(self, carved: Carved) -> Row | None:
        """Takes note; returns the row when there is one worth writing."""
        if carved.meta is not None:
            self.meta[carved.meta[0]] = json.loads(carved.meta[1])
        if carved.damaged is not None:
            self.damaged.add(carved.damaged)
        if carved.row is None or carved.row[:4] in self.answers:
            return None
        (self.failures if carved.row[5] else self.answers).add(carved.row[:4])
        return carved.row


def rescue(folder: Path, cache: Path) -> Rescued:
    """Makes the run in `folder`, which nobody else may be writing to, one that can be resumed, if it was not.

    `cache`: where the answers go when the journal no longer says what the run was asked. Nothing is deleted: damaged
    files are moved aside, and looked at again by a later rescue. Raises ExecutionError when the disk is full.
    """
    journal = folder / NAME
    why = _trouble(journal)
    if not why:
        found = _looked([journal])
        found.damaged.clear()  # remains between the pages in use: the journal was read whole
        with contextlib.closing(read_only(journal)) as connection, Journal(journal, connection) as seen:
            is_finished = seen.meta("finished") is True
        return Rescued(state="whole", is_finished=is_finished, **_told(found))
    sources = [*sorted(folder.glob(_KEPT.format("*"))), journal]
    target = folder / _RESCUED
    try:
        found = _written(sources, target)
        if not found.answers and not found.failures:
            return Rescued(state="lost", why=why, **_told(found))
        if "origin" not in found.meta:
            _to_cache(target, cache)
            return Rescued(state="cached", why=why, **_told(found))
        kept = _swapped(folder, target)
    finally:
        for file in (target, *_beside(target)):
            file.unlink(missing_ok=True)
    return Rescued(state="mended", why=why, kept=kept, **_told(found))


def suite_of(folder: Path) -> str | None:
    """The suite that the run in `folder` says it is of, read from the bytes: damaged or not, nothing is changed."""
    said = _looked([*sorted(folder.glob(_KEPT.format("*"))), folder / NAME]).meta.get("suite")
    return said if isinstance(said, str) else None


def _trouble(journal: Path) -> str:
    """Why this journal needs mending; empty when it does not."""
    if not journal.is_file():
        return "it is missing"
    if journal.stat().st_size == 0:
        return "it is empty"
    try:
        # Read as it lies: an ordinary opening would throw away what SQLite cannot read of the log.
        with contextlib.closing(read_only(journal)) as connection, Journal(journal, connection) as seen:
            seen.verify()
            kept = seen.places()
            seen.meta("origin")
    except (ExecutionError, sqlite3.Error) as error:
        return str(error).partition(" is damaged (")[2].partition("); nothing")[0] or str(error)
    hidden = _looked([journal]).answers - kept
    return f"its log hides {len(hidden)} answers behind a damaged one" if hidden else ""


def _looked(sources: list[Path]) -> _Found:
    found = _Found()
    for carved in _carved(sources):
        found.add(carved)
    return found


def _carved(sources: list[Path]) -> Iterator[Carved]:
    for database in sources:
        with _bytes_of(database) as rows, _bytes_of(Path(f"{database}-wal")) as log:
            yield from carve(rows, log)


@contextlib.contextmanager
def _bytes_of(path: Path) -> Iterator[Any]:
    """The file's bytes without reading them all in; none where there is no file."""
    if not path.is_file() or path.stat().st_size == 0:
        yield b""
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        yield image


def _written(sources: list[Path], target: Path) -> _Found:
    for file in (target, *_beside(target)):
        file.unlink(missing_ok=True)
    found = _Found()
    with Journal.open(target) as rescued:
        rows = (row for carved in _carved(sources) if (row := found.add(carved)) is not None)
        while batch := list(itertools.islice(rows, LARGEST_COMMIT)):
            rescued.restore(batch)
        # A mended run is one to go on with.
        rescued.set_meta({k: v for k, v in found.meta.items() if k != "format"} | {"finished": False})
        rescued.verify()
    found.failures -= found.answers
    return found


def _to_cache(rescued: Path, cache: Path) -> None:
    kept = Cache(cache)
    try:
        with Journal.open(rescued) as journal:
            rows = journal.rows()
            while batch := [(row[4], outcome_of(row)) for row in itertools.islice(rows, LARGEST_COMMIT)]:
                # Each was paid for, whether or not the cache knew it at the time.
                kept.put((f, structs.replace(o, is_cached=False)) for f, o in batch if isinstance(o, Response))
    finally:
        kept.close()


def _swapped(folder: Path, rescued: Path) -> tuple[Path, ...]:
    journal = folder / NAME
    number = next(n for n in itertools.count(1) if not (folder / _KEPT.format(n)).exists())
    kept = folder / _KEPT.format(number)
    moved = []
    # The log first: a log that met another journal would be replayed into it.
    for old, new in ((Path(f"{journal}-wal"), Path(f"{kept}-wal")), (journal, kept)):
        if old.exists():
            old.replace(new)
            moved.append(new)
    Path(f"{journal}-shm").unlink(missing_ok=True)
    rescued.replace(journal)
    sync_folder(folder)
    return tuple(moved)


def _beside(database: Path) -> tuple[Path, Path]:
    return Path(f"{database}-wal"), Path(f"{database}-shm")


def _told(found: _Found) -> Mapping[str, Any]:
    planned = found.meta.get("planned") or {}
    answers, failures = _by_side(found.answers), _by_side(found.failures - found.answers)
    lost = _by_side(found.damaged - found.answers - found.failures)
    known = dict.fromkeys([(s, r) for s in planned for r in planned[s]]) | dict.fromkeys(sorted(answers | failures))
    sides = tuple(
        SideRows(
            suite=suite,
            role=role,
            planned=planned.get(suite, {}).get(role),
            answers=answers[suite, role],
            failures=failures[suite, role],
            damaged=lost[suite, role],
        )
        for suite, role in known
    )
    unplaced = sum(n for side, n in lost.items() if side not in known)
    return {"sides": sides, "unplaced": unplaced, "command": found.meta.get("command")}


def _by_side(places: set[_Place]) -> Counter[tuple[str, str]]:
    return Counter(place[:2] for place in places)
