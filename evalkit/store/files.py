"""Files that are old or new, never half of each."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from evalkit.errors import ExecutionError


def write_atomic(path: Path, pieces: bytes | Iterable[bytes]) -> None:
    """Replaces `path` by the whole content or leaves it as it was; durable when this returns.

    Raises ExecutionError, naming the file, when the disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                for piece in (pieces,) if isinstance(pieces, bytes) else pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
    except OSError as error:
        raise ExecutionError(f"{path} could not be written: {error.strerror or error}") from error


def point_latest(folder: Path) -> None:
    """Makes `latest` beside `folder` a link to it, in one step."""
    link = folder.parent / "latest"
    temporary = folder.parent / f".latest.{secrets.token_hex(6)}.tmp"
    try:
        temporary.symlink_to(folder.name, target_is_directory=True)
        temporary.replace(link)
    except OSError as error:
        raise ExecutionError(f"{link} could not be made: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
