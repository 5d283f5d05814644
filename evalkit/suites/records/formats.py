"""Which files hold rows, told by how their names end."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

Layout = Literal["jsonl", "json", "csv", "tsv", "parquet"]
Packing = Literal["", "gz", "zst"]

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
PACKED = (".gz", ".zst")
_LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        ".jsonl": "jsonl",
        ".ndjson": "jsonl",
        ".json": "json",
        ".csv": "csv",
        ".tsv": "tsv",
        ".parquet": "parquet",
    }
)


class Format(Struct, frozen=True):
    """How a file of rows is written."""

    layout: Layout
    packing: Packing = ""


def format_of(name: str) -> Format | None:
    """The format that a file of this name has; None where its ending says nothing.

    >>> format_of("train.JSONL.gz")
    Format(layout='jsonl', packing='gz')
    """
    stem, packing = name.lower(), ""
    for ending in PACKED:
        if stem.endswith(ending):
            stem, packing = stem.removesuffix(ending), ending[1:]
    layout = next((layout for ending, layout in _LAYOUTS.items() if stem.endswith(ending)), None)
    if layout is None or (layout == "parquet" and packing):
        return None
    return Format(layout, packing)  # type: ignore[arg-type]  # one of PACKED without its dot


def why_no_format(name: str) -> tuple[str, str]:
    """For a name that `format_of` gives nothing: what is wrong and what to do."""
    if ".parquet." in name.lower():
        return "Parquet files are packed inside; an outer packing cannot be read", "unpack it: name the .parquet file"
    known = f"{', '.join(ENDINGS[:-1])} (plain, .gz or .zst) nor .parquet"
    return f"'{name[-60:]}' is neither {known}", "give the file the ending of its format"
