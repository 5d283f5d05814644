"""The command line: arguments in, exit code out. Heavy imports happen inside the verbs."""

from __future__ import annotations

import sys

from evalkit.cli import verbs as verbs
from evalkit.cli.app import execute


def main() -> None:
    """Runs the command in `sys.argv` and exits with its code."""
    sys.exit(execute(sys.argv[1:]))
