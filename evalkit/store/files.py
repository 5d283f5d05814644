"""Files that are old or new, never half of each."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from evalkit.errors import ExecutionError
from evalkit.store.space import LIFT

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def write_atomic(path: Path, pieces: bytes | Iterable[bytes], *, is_private: bool = False) -> None:
    """Replaces `path` by the whole content or leaves it as it was; durable when this returns.

    `is_private`: only its owner may read it. Raises ExecutionError, naming the file, when the disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(temporary, _NEW, 0o600 if is_private else 0o666), "wb") as file:
                for piece in (pieces,) if isinstance(pieces, bytes) else pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
    except OSError as error:
        help_ = "\n  help: free some disk space, then go on" if error.errno in _FULL else ""
        if error.errno == errno.EFBIG:
            help_ = f": the file-size limit of this shell is reached\n  help: {LIFT}; then go on"
        raise ExecutionError(f"{path} could not be written: {error.strerror or error}{help_}") from error


def point_latest(folder: Path) -> None:
    """Makes `latest` beside `folder` a link to it, in one step."""
    link = folder.parent / "latest"
    temporary = folder.parent / f".latest.{secrets.token_hex(6)}.tmp"
    try:
        temporary.symlink_to(folder.name, target_is_directory=True)
        temporary.replace(link)
    except OSError as error:
        raise ExecutionError(f"{link} could not be made: {error.strerror or error}") from error


def sync_folder(folder: Path) -> None:
    """Makes what was renamed or removed in `folder` last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
