"""Metrics: what is right about one answer. Pure; `build` makes one from a suite's entry."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.metrics.registry import build

__all__ = ["build"]


def __getattr__(name: str) -> Any:
    # Reading a suite needs `metrics.catalogue` only; numpy and jsonschema wait until something is scored.
    if name == "build":
        return importlib.import_module("evalkit.metrics.registry").build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
