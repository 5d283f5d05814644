"""Rows of any file people keep examples in, and what such a row says: asked this, answered that."""

from __future__ import annotations

from evalkit.suites.records.read import Row, read_rows
from evalkit.suites.records.record import LABEL_CHARS, Kind, Record, flat_of, record_of, texts_beside

__all__ = ["LABEL_CHARS", "Kind", "Record", "Row", "flat_of", "read_rows", "record_of", "texts_beside"]
