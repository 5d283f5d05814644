"""Compiles the report's templates into the wheel: an installed evalkit need not do so in every run.

An editable install has none and compiles them when it writes a page.
"""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledTemplates(BuildHookInterface):  # type: ignore[type-arg]
    """Adds `evalkit/report/compiled` to a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles them with the very environment that fills them."""
        if version == "editable":
            return
        room = Path(self.root) / "evalkit" / "report"
        shell = runpy.run_path(str(room / "shell.py"))
        self._folder = tempfile.TemporaryDirectory(prefix="evalkit-templates-")
        shell["compile_templates"](room / "templates", Path(self._folder.name))
        build_data["force_include"][self._folder.name] = "evalkit/report/compiled"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what was only needed for building."""
        del build_data, artifact_path
        if version != "editable":
            self._folder.cleanup()
