"""Production logs as they stream by: every row a question somebody asked, rows that are none counted."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from evalkit.errors import Diagnostic
from evalkit.rot.exchange import Exchange, exchanges_in
from evalkit.suites.records import read_rows

STANDARD_INPUT = Path("-")
_EXAMPLES = 3


class Tallied(Struct):
    """What became of the rows of the logs."""

    rows: int = 0
    unreadable: int = 0
    """Lines that are no rows: broken JSON, binary junk, too long."""
    silent: int = 0
    """Rows that ask nothing: other spans, empty texts, columns the suite does not know."""
    examples: list[str] = field(default_factory=list)

    def bad(self, found: Diagnostic) -> None:
        """Counts a line that is no row, and keeps the first few."""
        self.unreadable += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{found.where}: {found.message}")


def exchanges(paths: Sequence[Path], tallied: Tallied) -> Iterator[tuple[str, Exchange]]:
    """(file:line, or file:line#2 …, and what was asked there) of all files in turn; `-` is standard input.

    Raises UsageError for a file that cannot be read at all.
    """
    for path in paths:
        stream = sys.stdin.buffer if path == STANDARD_INPUT else None
        for row in read_rows(path, stream=stream, on_bad=tallied.bad):
            tallied.rows += 1
            number = 0
            for number, exchange in enumerate(exchanges_in(row.fields), start=1):
                # A batch of spans holds several on one line: each has a place of its own.
                yield row.where if number == 1 else f"{row.where}#{number}", exchange
            tallied.silent += number == 0
