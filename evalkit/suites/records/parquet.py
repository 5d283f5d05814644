"""Rows of a Parquet file, a few at a time. pyarrow is optional and loaded where it is used."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
from collections.abc import Iterator
from typing import IO, Any

from evalkit.errors import Diagnostic, UsageError
from evalkit.suites.diagnostics import Problems
from evalkit.suites.records.lines import Limits
from evalkit.types import JsonValue

BATCH = 64
"""Rows in memory at a time."""


class _NoValueError(ValueError):
    """A cell holds what a row may not hold."""


def parquet_rows(file: IO[bytes], problems: Problems, limits: Limits) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    """(number from 1, row) of a Parquet file; rows that cannot be told in JSON are added to `problems`.

    Dates become ISO 8601, decimals numbers, bytes that are UTF-8 texts. Raises UsageError where the file is damaged or
    pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and a quarter of a second to import
        import pyarrow.parquet as pq  # noqa: PLC0415 - the same
    except ImportError:
        fix = "pip install 'evalkit-gate[parquet]'; or write the rows as .jsonl"
        found = Diagnostic(message="reading Parquet needs pyarrow, which is not here", path=problems.shown, help=fix)
        raise UsageError(diagnostics=(found,)) from None
    number, n_bytes = 0, 0
    try:
        table = pq.ParquetFile(file, memory_map=False, pre_buffer=False)
        names = table.schema_arrow.names
        if (odd := next((name for name in names if names.count(name) > 1 or not name.strip()), None)) is not None:
            what = f"the column '{odd[:80]}' is named twice" if odd.strip() else "a column has no name"
            raise UsageError(diagnostics=(Diagnostic(message=what, path=problems.shown),))
        for batch in table.iter_batches(batch_size=BATCH, use_threads=False):
            n_bytes += batch.nbytes
            if n_bytes > limits.data_bytes:
                what = f"data may hold {limits.data_bytes >> 30} GiB"
                raise UsageError(diagnostics=(Diagnostic(message=what, path=problems.shown),))
            if batch.nbytes > limits.row_bytes * BATCH:
                problems.add(number + 1, f"{limits.row_told('a row')}, and one of the next {len(batch)} holds more")
                number += len(batch)
                continue
            for index in range(len(batch)):
                number += 1
                try:
                    row = {name: _plain(_held(batch.column(i)[index])) for i, name in enumerate(names)}
                except _NoValueError as error:
                    problems.add(number, str(error))
                else:
                    yield number, row
    except (pa.ArrowException, OSError) as error:
        message = f"damaged Parquet file: {str(error).splitlines()[0][:200]}"
        raise UsageError(diagnostics=(Diagnostic(message=message, path=problems.shown),)) from None


def _held(cell: Any) -> Any:
    """What a cell holds. Raises _NoValueError where Python cannot: a year after 9999, a text that is no UTF-8."""
    try:
        return cell.as_py()
    except (ValueError, OverflowError) as error:
        raise _NoValueError(f"a cell cannot be told in JSON: {' '.join(str(error).split())[:200]}") from None


def _plain(value: Any) -> JsonValue:
    """A cell as JSON. Raises _NoValueError for what JSON does not have."""
    match value:
        case float() if not math.isfinite(value):
            raise _NoValueError(f"{value} is not JSON: write null, or leave the row out")
        case None | bool() | int() | str() | float():
            return value
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case bytes():
            return _text(value)
        case _:
            return _other(value)


def _other(value: Any) -> JsonValue:
    match value:
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case decimal.Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case _:
            raise _NoValueError(f"a cell holds a {type(value).__name__}, which a row of JSON cannot")


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        shown = base64.b64encode(value[:12]).decode()
        raise _NoValueError(f"a cell holds bytes that are no text ({shown}… in base64)") from None
