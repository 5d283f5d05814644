"""The live line of a run: a display on a terminal, one line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from evalkit.cli.output import Output
from evalkit.numbers import usd
from evalkit.report.text import shorten, tame
from evalkit.run import interrupts

if TYPE_CHECKING:
    from evalkit.run.progress import Progress, SideProgress

LINE_S = 10.0
SHOWN_REFUSAL = 100
LOOK_S = 0.5
HALF_S = 30.0
KNOWN_S = 5.0
KNOWN_ANSWERS = 20
KNOWN_SHARE = 0.02
"""How long, and how many answers or what share of the run, the first guess at the time left rests on."""


class Speed:
    """Answers a second, the newest weighing most: what is `HALF_S` old counts half."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._seen = (0.0, 0)
        self._counted = (0.0, 0.0)
        """Seconds and answers, faded."""

    def of(self, now: float, sent: int) -> tuple[float, float]:
        """(seconds since the first look, answers a second), given how many answers there were until `now`."""
        if self._began is None:
            self._began, self._seen = now, (now, sent)
        then, before = self._seen
        fade = 0.5 ** ((now - then) / HALF_S)
        seconds, answers = self._counted[0] * fade + now - then, self._counted[1] * fade + sent - before
        self._seen, self._counted = (now, sent), (seconds, answers)
        return now - self._began, answers / seconds if seconds else 0.0


class Display:
    """Shows a `Progress` on stderr while the block lasts."""

    def __init__(self, output: Output, progress: Progress) -> None:
        self._output = output
        self._progress = progress
        self._started = time.monotonic()
        self._speed = Speed()
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="evalkit-progress", daemon=True)
        self._note = ""
        self._stop = ""
        self._live: Any = None
        progress.on_note = self._say
        progress.on_stop = self._stopping

    def __enter__(self) -> Self:
        if not self._output.is_quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, no_color=not self._output.has_color, highlight=False, markup=False)
            self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._lines)
            self._live.start()
        elif not self._output.is_quiet:
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._live is not None:
            self._live.stop()
        elif self._progress.sides:
            self._print(self._line())

    def _say(self, note: str) -> None:
        self._note = note
        if self._live is None:
            self._print(f"evalkit: {note}")
        elif self._progress.sides:
            self._live.console.print(tame(f"evalkit: {note}"))  # above the display, where it stays

    def _stopping(self, word: str) -> None:
        """Called by a signal's handler: prints nothing by itself while the live display can do so."""
        self._stop = word
        if self._live is None:
            interrupts.say(word)

    def _tick(self) -> None:
        """A line now and then even while nothing changes: that a run waits is news, too."""
        shown = time.monotonic()
        while not self._ended.wait(LOOK_S):
            line = self._line()  # looked at often, so that the speed is known
            if self._progress.sides and time.monotonic() - shown >= LINE_S:
                shown = time.monotonic()
                self._print(line)

    def _print(self, text: str) -> None:
        if not self._output.is_quiet:
            print(tame(text), file=sys.stderr, flush=True)

    def _line(self) -> str:
        parts = [
            f"{role} {s.answered + s.failed:,}/{s.planned:,}" + _trouble(s) for role, s in self._progress.sides.items()
        ]
        return f"evalkit: {'; '.join([', '.join([*parts, self._eta()]), *self._waits(), *self._engine()])}"

    def _waits(self) -> list[str]:
        return [f"{place}: {wait}" for place, wait in self._progress.waiting(time.time()).items()]

    def _engine(self) -> list[str]:
        return [self._progress.engine] if self._progress.engine else []

    def _lines(self) -> str:
        return tame(self._told())

    def _told(self) -> str:
        if not self._progress.sides:
            return self._stop or self._note
        rows = [f"{self._progress.suite}  {self._eta()}"]
        rows += [_row(role, side) for role, side in self._progress.sides.items()]
        rows += [f"  {line}" for line in (*self._waits(), *self._engine())]
        if self._stop:
            rows.append(f"  {self._stop}")
        return "\n".join(rows)

    def _eta(self) -> str:
        now, sent = time.monotonic(), self._progress.sent
        left = sum(s.planned - s.answered - s.failed for s in self._progress.sides.values())
        if left <= 0:
            return f"done in {_clock(now - self._started)}"
        passed, per_s = self._speed.of(now, sent) if self._progress.sides else (0.0, 0.0)
        if not sent:
            return "starting"
        is_known = passed >= KNOWN_S and (sent >= KNOWN_ANSWERS or sent >= KNOWN_SHARE * (sent + left))
        if not is_known or per_s <= 0.0 or self._progress.waiting(time.time()):
            return f"{per_s:.1f} answers/s"
        return f"{per_s:.1f} answers/s, about {_clock(left / per_s)} left"


def _trouble(side: SideProgress) -> str:
    """What failed; and what is tried again, with the last reason, while nothing but that happens."""
    parts = [f"{side.failed:,} failed"] if side.failed else []
    if side.retried > side.answered:
        parts.append(f"{side.retried:,} tried again, the last after {shorten(side.refusal, SHOWN_REFUSAL)}")
    return f" ({'; '.join(parts)})" if parts else ""


def _row(role: str, side: SideProgress) -> str:
    done, width = side.answered + side.failed, 12
    filled = width * done // max(1, side.planned)
    told = (
        (side.failed, "failed"),
        (side.retried, "retried"),
        (side.cached, "cached"),
        (side.in_flight, "in flight"),
        (side.input_tokens + side.output_tokens, "tokens"),
    )
    # What nobody counted is left out: 0 tokens would be a figure.
    extras = [f"{count:,} {word}" for count, word in told if count]
    extras += [usd(side.usd)] if side.usd else []
    bar = f"{'━' * filled}{'╌' * (width - filled)}"
    return "  ".join([f"  {role:<10} {bar} {done:,}/{side.planned:,}", *extras])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
