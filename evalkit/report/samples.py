"""samples.jsonl, read line by line: a run of any size is rendered without being in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from evalkit.errors import ExecutionError
from evalkit.report.read import Document

ROWS = "samples.jsonl"
_DECODER = msgspec.json.Decoder()


class SampleFile(Struct, frozen=True):
    """The rows of a samples.jsonl; every loop over it reads the file anew.

    Raises ExecutionError, with the line, where it is damaged.
    """

    path: Path

    def __iter__(self) -> Iterator[Document]:
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    yield self._row(number, line)
        except OSError as error:
            raise ExecutionError(f"{self.path} cannot be read: {error.strerror or error}") from error

    def _row(self, number: int, line: bytes) -> Document:
        try:
            try:
                row = _DECODER.decode(line)
            except msgspec.DecodeError:  # perhaps only an escaped lone surrogate, which msgspec refuses
                row = json.loads(line)
        except ValueError as error:
            raise ExecutionError(f"{self.path}:{number} is damaged: {error}") from error
        if not isinstance(row, dict):
            raise ExecutionError(f"{self.path}:{number} is damaged: no JSON object")
        return row
