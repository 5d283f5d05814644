"""Files unpacked as they are read."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.records.formats import Packing

_PIECE = 1 << 20
_MAX_WINDOW_BYTES = 1 << 27
"""Of memory that a Zstandard file may ask for: what `zstd --long` takes."""
_TAKEN = 1 << 10
"""Packed bytes at a time: four of them can stand for 128 KiB, so that a piece unpacks to 32 MiB at most."""


@contextmanager
def unpacked(file: IO[bytes], packing: Packing, shown: str) -> Iterator[IO[bytes]]:
    """The file's content as it is read. What is damaged becomes a UsageError, whoever is reading."""
    if packing == "zst":
        with _zstandard(file, shown) as plain:
            yield plain
        return
    try:
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=file, mode="rb")) if packing == "gz" else file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UsageError(diagnostics=(Diagnostic(message=f"damaged gzip file: {error}", path=shown),)) from None


@contextmanager
def _zstandard(file: IO[bytes], shown: str) -> Iterator[IO[bytes]]:
    try:
        import zstandard  # noqa: PLC0415 - optional
    except ImportError:
        fix = "pip install 'evalkit-gate[zstd]'; or unpack it, or pack it as .gz"
        found = Diagnostic(message="reading .zst needs zstandard, which is not here", path=shown, help=fix)
        raise UsageError(diagnostics=(found,)) from None
    try:
        unpacking = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
        yield io.BufferedReader(_Frames(file, unpacking), _PIECE)
    except (zstandard.ZstdError, EOFError) as error:
        raise UsageError(diagnostics=(Diagnostic(message=f"damaged Zstandard file: {error}", path=shown),)) from None


class _Frames(io.RawIOBase):
    """The frames of a Zstandard file, one after the other. Raises EOFError where the last one was cut.

    zstandard's own reader takes a cut file for a short one, and rows would be lost without a word.
    """

    def __init__(self, file: IO[bytes], unpacking: Any) -> None:
        self._file, self._unpacking = file, unpacking
        self._frame: Any = None
        self._packed, self._plain = b"", memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain:
            packed = self._packed or self._file.read(_TAKEN)
            if not packed:
                if self._frame is not None:
                    raise EOFError("it ends before its end: the file was cut")
                return 0
            self._frame = self._frame or self._unpacking.decompressobj()
            self._plain, self._packed = memoryview(self._frame.decompress(packed)), b""
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        n = min(len(buffer), len(self._plain))
        buffer[:n] = self._plain[:n]
        self._plain = self._plain[n:]
        return n
