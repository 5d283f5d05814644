"""The process: signals first, so that a stop during the slow imports ends like any other, then the command line.

Nothing is imported up here but what Python has loaded by itself or loads in a few milliseconds: until the handlers
stand, Ctrl-C prints a traceback.
"""

from __future__ import annotations

import os
import signal
import sys

_INTERRUPTED = 130
_STDERR = 2


def script() -> None:
    """Runs the command in `sys.argv` as a process of its own, which ends here."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) is not signal.SIG_IGN:
            signal.signal(name, _leave)
    try:
        main()
    except SystemExit as ended:
        # Everything is written, closed and flushed; to take a large run's objects apart one by one costs a tenth more.
        os._exit(ended.code if isinstance(ended.code, int) else 1)


def _leave(*_: object) -> None:
    """The handler until the real ones are loaded; nothing has been read or asked by then."""
    try:
        os.write(_STDERR, b"evalkit: stopped on request, before anything was done\n")
    finally:
        os._exit(_INTERRUPTED)


def main() -> None:
    """Runs the command in `sys.argv` and exits with its code."""
    import gc  # noqa: PLC0415 - as all that follow: a signal is to be caught before they are loaded
    import shlex  # noqa: PLC0415 - 15 ms

    from evalkit.errors import Interrupted  # noqa: PLC0415 - 40 ms
    from evalkit.run import interrupts  # noqa: PLC0415 - 70 ms, nearly all of it asyncio

    interrupts.on_first_signal(interrupts.interrupt)
    # Nearly everything a run makes is kept to its end or freed at once: looking for cycles that often finds none, and
    # takes a tenth of the time.
    gc.set_threshold(50_000, 20, 20)
    # Nothing here is large enough to spread linear algebra over cores; to start its threads takes 0.1 s of CPU.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = _execute()
    except KeyboardInterrupt:  # before the command line had begun, or after it had ended
        interrupts.say(f"{interrupts.TOLD}; to start again: {shlex.join(['evalkit', *sys.argv[1:]])}")
        code = Interrupted.exit_code
    sys.exit(code)


def _execute() -> int:
    from evalkit.cli import streams  # noqa: PLC0415 - half of the start; a signal is already caught by now
    from evalkit.cli.app import execute  # noqa: PLC0415 - the same
    from evalkit.errors import ExecutionError  # noqa: PLC0415 - loaded before

    streams.attach()
    code = execute(sys.argv[1:])
    if (reason := streams.flush()) is not None:
        sys.stderr.write(f"error: the result could not be written to stdout: {reason}\n")
        code = ExecutionError.exit_code
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    script()
