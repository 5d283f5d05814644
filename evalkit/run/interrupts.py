"""What Ctrl-C, a polite kill and a hang-up do: the first stops in order, the next ends the process at once.

The handlers are Python's own: they run in the main thread between two instructions, whatever it is busy with, so
the word on screen does not wait for an event loop. They write with `os.write`, because a signal may arrive in the
middle of a print, which cannot be entered twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from evalkit.errors import EvalkitError, Interrupted, UsageError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TOLD = "stopped on request"
_STDERR = 2


def say(text: str) -> None:
    """One line on stderr, from anywhere, a signal handler included; a terminal that is gone is no error."""
    with contextlib.suppress(OSError):
        os.write(_STDERR, f"evalkit: {text}\n".encode(errors="backslashreplace"))


def on_first_signal(stop: Callable[[], None], *, last_word: str = "") -> Callable[[], None]:
    """The first of `SIGNALS` from now on calls `stop`; the next says `last_word` and ends the process with 130.

    Returns what undoes it, which does nothing once a signal has come: who asked to stop may insist until the end.
    Signals that are ignored stay so (nohup, a job in the background), and only the main thread can catch any.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def leave(*_: object) -> NoReturn:
        if last_word:
            say(last_word)
        os._exit(Interrupted.exit_code)

    def first(_: int, __: FrameType | None) -> None:
        for name in before:
            signal.signal(name, leave)
        stop()

    def undo() -> None:
        for name, handler in before.items():
            if signal.getsignal(name) is first:
                signal.signal(name, handler)

    before = {name: signal.getsignal(name) for name in SIGNALS if signal.getsignal(name) is not signal.SIG_IGN}
    for name in before:
        signal.signal(name, first)
    return undo


def interrupt() -> NoReturn:
    """Says that the command stops and raises KeyboardInterrupt where the program happens to be."""
    say("stopping (once more to quit at once)")
    raise KeyboardInterrupt


@contextlib.contextmanager
def stopping(stop: Callable[[], None], *, last_word: str = "") -> Iterator[None]:
    """While the block lasts, the first signal calls `stop` instead of interrupting it.

    Once it has come the block ends in Interrupted, whatever else happened in it, a UsageError aside.
    """
    is_asked = False

    def first() -> None:
        nonlocal is_asked
        is_asked = True
        stop()

    undo = on_first_signal(first, last_word=last_word)
    try:
        yield
    except (EvalkitError, asyncio.CancelledError) as error:
        if not is_asked or isinstance(error, Interrupted | UsageError):
            raise
        raise Interrupted(TOLD) from error
    finally:
        undo()
    if is_asked:
        raise Interrupted(TOLD)
