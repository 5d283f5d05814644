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
        reader: Any = unpacking.stream_reader(file, read_across_frames=True, closefd=False)
        yield io.BufferedReader(reader, _PIECE)
    except zstandard.ZstdError as error:
        raise UsageError(diagnostics=(Diagnostic(message=f"damaged Zstandard file: {error}", path=shown),)) from None
