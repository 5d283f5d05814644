"""Rows of any file people keep examples in, and what such a row says: asked this, answered that."""

from __future__ import annotations

from evalkit.suites.records.read import Row, read_rows
from evalkit.suites.records.record import Kind, Record, record_of, texts_beside

__all__ = ["Kind", "Record", "Row", "read_rows", "record_of", "texts_beside"]
