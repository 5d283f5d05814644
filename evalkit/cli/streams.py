"""stdout and stderr whose reader may leave (`| head -1`, a closed terminal) without costing the run anything."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

READER_GONE = frozenset({errno.EPIPE, errno.EIO})
"""A pipe without a reader; a terminal that was closed."""


class Outlet(io.FileIO):
    """A standard stream that drops what nobody reads any more. Every other error (a full disk) is raised."""

    def write(self, data: ReadableBuffer, /) -> int:
        """How many bytes were taken: all of them when the reader is gone."""
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in READER_GONE:
                raise
            return memoryview(data).nbytes


def attach() -> None:
    """Puts an `Outlet` behind sys.stdout and sys.stderr.

    A stream that was closed before the start (`>&-`) becomes /dev/null: otherwise the next file that is opened gets
    its number, and a message for stderr would end up in the journal.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = _stream(1), _stream(2)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """What other people's code prints meanwhile goes to stderr: on stdout stands the result and nothing else."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def flush() -> str | None:
    """Hands over what is still buffered and returns why that failed, or None when it did not."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python flushes again at its end, and would make exit code 120 of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return error.strerror or str(error)
    return None


def _stream(number: int) -> io.TextIOWrapper:
    is_live = number == 2 or os.isatty(number)  # noqa: PLR2004 - stderr
    raw = Outlet(number, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=_encoding(number), errors="replace", line_buffering=is_live
    )


def _encoding(number: int) -> str:
    stream = sys.__stdout__ if number == 1 else sys.__stderr__
    return getattr(stream, "encoding", None) or "utf-8"
