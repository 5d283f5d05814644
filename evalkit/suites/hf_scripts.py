"""`hf_evaluate` entries that name a script of their own: inside the suite's tree, its digest kept."""

from __future__ import annotations

from typing import Any

from evalkit.errors import UsageError
from evalkit.suites.diagnostics import dotted
from evalkit.suites.sides import Workshop
from evalkit.suites.yaml_source import Loc


def with_script(options: dict[str, Any], loc: Loc, shop: Workshop) -> dict[str, Any]:
    """The options with a path written out; a name stays. Adds findings for a file that may not or cannot be read."""
    named = options.get("metric")
    at = (*loc, "metric")
    if not isinstance(named, str) or not named:
        shop.findings.at(at, f"{dotted(at)}: a metric's name or the path of its script (.py) is wanted")
    elif "/" in named or named.endswith(".py"):
        path = shop.file(named, at)
        if path is not None:
            try:
                shop.tree.text(path)
            except UsageError as error:
                shop.findings.extend(error.diagnostics)
            return options | {"metric": str(path)}
    return options
