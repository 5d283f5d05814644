"""From suite.yaml on disk to a frozen Suite. Importing it is cheap: a name loads its module on use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.suites.load import as_guard, load_suite
    from evalkit.suites.locking import LockResult, lock
    from evalkit.suites.prompts import Renderer, render
    from evalkit.suites.schema import BUILT_IN_BACKENDS, json_schema

__all__ = ["BUILT_IN_BACKENDS", "LockResult", "Renderer", "as_guard", "json_schema", "load_suite", "lock", "render"]


def __getattr__(name: str) -> Any:
    """The public name, imported from its module."""
    match name:
        case "as_guard" | "load_suite":
            module = "load"
        case "LockResult" | "lock":
            module = "locking"
        case "Renderer" | "render":
            module = "prompts"
        case "BUILT_IN_BACKENDS" | "json_schema":
            module = "schema"
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
