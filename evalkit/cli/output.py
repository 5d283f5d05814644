"""Where output goes: the result to stdout, everything else to stderr."""

from __future__ import annotations

import io
import json
import logging
import shutil
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)  # as in errors.py
class Output:
    """How this command line wants to be answered."""

    is_json: bool = False
    is_quiet: bool = False
    is_verbose: bool = False
    has_color: bool = False

    def prepare(self) -> None:
        """Makes stdout and stderr take any character, whatever the locale, and starts logging."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        self._start_logging()

    def _start_logging(self) -> None:
        """Sends evalkit's log to stderr when asked for; prompts and answers are never logged."""
        level = logging.INFO if self.is_verbose else logging.ERROR
        logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s %(message)s")

    def verdict(self, document: dict[str, Any]) -> None:
        """Prints a verdict document the way it was asked for."""
        from evalkit.report.terminal import line, summary

        if self.is_json:
            print(json.dumps(document, allow_nan=False))
        elif self.is_quiet:
            print(line(document))
        else:
            width = min(100, shutil.get_terminal_size((80, 24)).columns)
            print(summary(document, color=self.has_color, width=width))

    def result(self, document: dict[str, Any], text: str) -> None:
        """Prints the result of a verb that makes no verdict."""
        from evalkit.report.text import tame

        shown = text if self.has_color else tame(text)  # a verb that colours has made its own words safe
        print(json.dumps(document, allow_nan=False) if self.is_json else shown)

    def note(self, text: str) -> None:
        """Tells a person something on stderr, unless quiet."""
        from evalkit.report.text import tame

        if not self.is_quiet:
            print(tame(text), file=sys.stderr)
