"""Which verbs there are, and the modules they live in. A verb joins the app when its module is imported.

A command line that names a verb loads that one alone: to build all of them takes some 0.05 s.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Final

import typer

VERBS: Final = (
    "init",
    "import",
    "plan",
    "check",
    "split",
    "run",
    "gate",
    "compare",
    "report",
    "export",
    "judge",
    "rate",
    "history",
    "rot",
    "refresh",
    "salvage",
    "lock",
    "doctor",
    "schema",
)
"""In the order of --help."""
_MODULES: Final = {"import": "import_"}


class InOrder(typer.core.TyperGroup):
    """Lists the verbs in the order of `VERBS`, whichever was loaded first."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the verbs that are loaded."""
        return sorted(super().list_commands(ctx), key=VERBS.index)


def load(arguments: Sequence[str]) -> None:
    """Makes the verb known that these arguments begin with, or all of them where they begin with none."""
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name in [first] if first in VERBS else VERBS:
        importlib.import_module(f"evalkit.cli.{_MODULES.get(str(name), name)}")
