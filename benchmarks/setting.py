"""What every benchmark is told: where to work, how thoroughly, and with which interpreters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CONCURRENCY = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One run of the benchmarks."""

    folder: Path
    """Scratch space, removed at the end."""
    server_python: Path
    """Interpreter of the mock server: one with uvloop where there is one."""
    peers: Path | None
    """Folder of the peers' virtual environments; None: leave the peers out."""
    rounds: int
    is_quick: bool
    """Smaller figures, to see that everything works; not for the page."""

    def say(self, text: str) -> None:
        """Progress for the person who waits."""
        print(text, flush=True)
