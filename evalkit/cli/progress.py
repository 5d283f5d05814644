"""The live line of a run: a display on a terminal, one line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from evalkit.cli.output import Output
from evalkit.report.text import tame
from evalkit.run import interrupts

if TYPE_CHECKING:
    from evalkit.run.progress import Progress, SideProgress

REDRAW_S = 0.1
LINE_S = 10.0


class Display:
    """Shows a `Progress` on stderr while the block lasts."""

    def __init__(self, output: Output, progress: Progress) -> None:
        self._output = output
        self._progress = progress
        self._started = time.monotonic()
        self._shown = 0.0
        self._note = ""
        self._stop = ""
        self._live: Any = None
        progress.on_change = self._change
        progress.on_note = self._say
        progress.on_stop = self._stopping

    def __enter__(self) -> Self:
        if not self._output.is_quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, no_color=not self._output.has_color, highlight=False, markup=False)
            self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._lines)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._progress.sides:
            self._print(self._line())

    def _say(self, note: str) -> None:
        self._note = note
        if self._live is None:
            self._print(f"evalkit: {note}")

    def _stopping(self, word: str) -> None:
        """Called by a signal's handler: prints nothing by itself while the live display can do so."""
        self._stop = word
        if self._live is None:
            interrupts.say(word)

    def _change(self, _: Progress) -> None:
        if self._live is None and time.monotonic() - self._shown >= LINE_S:
            self._shown = time.monotonic()
            self._print(self._line())

    def _print(self, text: str) -> None:
        if not self._output.is_quiet:
            print(tame(text), file=sys.stderr, flush=True)

    def _line(self) -> str:
        parts = [
            f"{role} {s.answered + s.failed:,}/{s.planned:,}" + (f" ({s.failed} failed)" if s.failed else "")
            for role, s in self._progress.sides.items()
        ]
        return f"evalkit: {', '.join(parts)}, {self._eta()}"

    def _lines(self) -> str:
        return tame(self._told())

    def _told(self) -> str:
        if not self._progress.sides:
            return self._stop or self._note
        rows = [f"{self._progress.suite}  {self._eta()}"]
        rows += [_row(role, side) for role, side in self._progress.sides.items()]
        if self._progress.sent == 0 and self._note:
            rows.append(self._note)
        if self._stop:
            rows.append(f"  {self._stop}")
        return "\n".join(rows)

    def _eta(self) -> str:
        passed = time.monotonic() - self._started
        sent = self._progress.sent
        left = sum(s.planned - s.answered - s.failed for s in self._progress.sides.values())
        if left <= 0:
            return f"done in {_clock(passed)}"
        if not sent:
            return "starting"
        return f"{sent / passed:.1f} answers/s, about {_clock(left * passed / sent)} left"


def _row(role: str, side: SideProgress) -> str:
    done, width = side.answered + side.failed, 24
    filled = width * done // max(1, side.planned)
    extras = [
        f"{count:,} {word}"
        for count, word in ((side.cached, "cached"), (side.retried, "retried"), (side.failed, "failed"))
        if count
    ]
    tokens = f"{side.input_tokens + side.output_tokens:,} tokens"
    return (
        f"  {role:<10} {'━' * filled}{'╌' * (width - filled)} {done:,}/{side.planned:,}  {tokens}  {'  '.join(extras)}"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
