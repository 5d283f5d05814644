"""The lines of a file with their numbers, none of them too long, and what is no text told at its first bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, NoReturn

from msgspec import Struct

from evalkit.errors import Diagnostic, UsageError

_NO_TEXT = (
    (b"\x1f\x8b", "this is a gzip file", "give it the ending .gz, or unpack it"),
    (b"\x28\xb5\x2f\xfd", "this is a Zstandard file", "give it the ending .zst, or unpack it"),
    (b"PK\x03\x04", "this is a zip file", "unpack it"),
    (b"PAR1", "this is a Parquet file", "give it the ending .parquet"),
    (b"version https://git-lfs", "this is a Git LFS pointer, not the data", "fetch the data: git lfs pull"),
)
"""How files begin that are often mistaken for rows."""
_PIECE = 1 << 20


class Limits(Struct, frozen=True, kw_only=True):
    """How much a file may hold, once unpacked."""

    row_bytes: int
    data_bytes: int

    def row_told(self, what: str) -> str:
        """The sentence for a line (or an object, a row) that is longer."""
        return f"{what} may hold {self.row_bytes >> 20} MiB"


def numbered_lines(
    file: IO[bytes], shown: str, limits: Limits, on_long: Callable[[int, str], None] | None = None
) -> Iterator[tuple[int, bytes]]:
    """Each line with its number from 1.

    A line that is too long goes to `on_long` and is passed over. Raises UsageError for it where there is no `on_long`,
    for a file that holds too much, and for one that is no text.
    """
    n_bytes, number = 0, 0
    while line := file.readline(limits.row_bytes + 1):
        number += 1
        n_bytes += len(line)
        if n_bytes > limits.data_bytes:
            _stop(f"data may hold {limits.data_bytes >> 30} GiB", shown, number)
        if number == 1:
            line = without_mark(line, shown)
        if len(line) <= limits.row_bytes:
            yield number, line
            continue
        if on_long is None:
            _stop(limits.row_told("a line"), shown, number)
        on_long(number, limits.row_told("a line"))
        while line and not line.endswith(b"\n") and n_bytes <= limits.data_bytes:
            line = file.readline(_PIECE)
            n_bytes += len(line)


def without_mark(begin: bytes, shown: str) -> bytes:
    """The first bytes of a text without its byte-order mark. Raises UsageError where they are no UTF-8 text's."""
    for magic, message, fix in _NO_TEXT:
        if begin.startswith(magic):
            _stop(message, shown, 1, fix)
    if begin[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in begin[:64]:
        _stop("this is not UTF-8 text: it looks like UTF-16 or a binary file", shown, 1, "save it again as UTF-8")
    return begin.removeprefix(b"\xef\xbb\xbf")


def _stop(message: str, shown: str, line: int, fix: str | None = None) -> NoReturn:
    raise UsageError(diagnostics=(Diagnostic(message=message, path=shown, line=line, help=fix),))
