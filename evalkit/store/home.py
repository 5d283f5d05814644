"""Where runs keep their state, what they are called and who may write to them."""

from __future__ import annotations

import base64
import errno
import fcntl
import os
import secrets
import socket
import time
from pathlib import Path
from typing import Self

from evalkit.errors import ExecutionError


def home() -> Path:
    """`EVALKIT_HOME`, or `.evalkit` in the current directory."""
    return Path(os.environ.get("EVALKIT_HOME") or ".evalkit")


def new_run_id() -> str:
    """UTC time and 80 random bits: sortable, and two runs in one second never meet."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return f"{stamp}-{base64.b32encode(secrets.token_bytes(10)).decode('ascii').lower()}"


def run_folder(run_id: str) -> Path:
    """The folder of one run's journal."""
    return home() / "runs" / run_id


def make_private(folder: Path) -> None:
    """Makes `folder`, and each missing one above it, for its owner only: what is kept there holds prompts and answers.

    Raises ExecutionError when it cannot be made. Folders that are there keep their rights.
    """
    try:
        for place in (*reversed(folder.parents), folder):
            if not place.exists():
                place.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise ExecutionError(f"the folder {folder} cannot be made: {error.strerror or error}") from error


class RunLock:
    """The right to write to a run (or to `what` else is in a folder). Held until closed or the process ends."""

    def __init__(self, folder: Path, *, what: str | None = None) -> None:
        self._path = folder / "lock"
        self._what = what or f"run {folder.name}"
        self._file = -1

    def __enter__(self) -> Self:
        make_private(self._path.parent)
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ExecutionError(f"{self._path} cannot be opened: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 200).decode(errors="replace").strip()
            os.close(self._file)
            raise ExecutionError(
                f"{self._what} is being written by another evalkit ({holder or 'just starting'})\n"
                "  help: wait for it to end, or stop it"
            ) from None
        # Written before the rest is cut off: whoever looks meanwhile finds a name, never nothing.
        name = f"pid {os.getpid()} on {socket.gethostname()}\n".encode()
        os.pwrite(self._file, name, 0)
        os.ftruncate(self._file, len(name))
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
