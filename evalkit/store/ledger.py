"""Which candidates a suite's samples have judged: one line a use, in a file that a team may commit or share."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from evalkit.errors import ExecutionError
from evalkit.store.files import sync_folder
from evalkit.store.home import home, make_private

VERSION = 1


class Use(Struct, frozen=True, kw_only=True):
    """One candidate judged by one version of a suite's samples."""

    at: str
    """ISO 8601, UTC."""
    suite: str
    samples: str
    """sha256 of the data file."""
    candidate: str
    """Fingerprint; says nothing of prompts or answers."""
    run: str
    n: int
    verdict: str


class Book:
    """The ledger while this process alone may write to it."""

    def __init__(self, descriptor: int, content: bytes) -> None:
        self._descriptor = descriptor
        self._is_torn = bool(content) and not content.endswith(b"\n")
        lines = [line for line in content.split(b"\n") if line.strip()]
        read = [_use(line) for line in lines]
        self.uses: Sequence[Use] = [use for use in read if use is not None]
        self.unreadable = len(read) - len(self.uses)
        """Lines that are no use: torn by a crash, or left by a merge."""

    def add(self, use: Use) -> None:
        """Appends one line, durable when this returns; what a crash left of the last one is closed off first."""
        line = json.dumps({"v": VERSION, **to_builtins(use)}, allow_nan=False).encode("ascii") + b"\n"
        rest = (b"\n" if self._is_torn else b"") + line
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        os.fsync(self._descriptor)


def ledger_path() -> Path:
    """`ledger.jsonl` in the folder of evalkit's state."""
    return home() / "ledger.jsonl"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Book]:
    """The ledger at `path`, made when it is not there. Others wait until the block ends, however it ends.

    Raises ExecutionError when it cannot be read or written.
    """
    descriptor = -1
    try:
        make_private(path.parent)
        is_new = not path.exists()
        descriptor = _open(path)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if is_new:
            sync_folder(path.parent)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            content = file.read()
        yield Book(descriptor, content)
    except OSError as error:
        raise ExecutionError(f"the ledger {path} cannot be kept: {error.strerror or error}") from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def uses_in(path: Path) -> tuple[list[Use], int]:
    """(the uses in the ledger, how many of its lines are none). Reads only; a ledger that is not there is empty.

    Raises ExecutionError where it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ExecutionError(f"the ledger {path} cannot be read: it is no plain file")
    try:
        if not path.exists():
            return [], 0
        lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    except OSError as error:
        raise ExecutionError(f"the ledger {path} cannot be read: {error.strerror or error}") from error
    uses = [use for line in lines if (use := _use(line)) is not None]
    return uses, len(lines) - len(uses)


def _open(path: Path) -> int:
    # Not private: it holds digests and is meant to be shared. Non-blocking, for what is no plain file.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file")
    return descriptor


def _use(line: bytes) -> Use | None:
    """The use a line tells of; None for anything else. Keys of later versions are passed over."""
    try:
        row: Any = json.loads(line)
        texts = {key: row[key] for key in ("at", "suite", "samples", "candidate", "run", "verdict")}
        n = row["n"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not all(isinstance(text, str) for text in texts.values()) or isinstance(n, bool) or not isinstance(n, int):
        return None
    return Use(**texts, n=n)
