"""`python -m evalkit.testing --port 8123 --delay-s 0.05`: a scripted server to try things against by hand."""

from __future__ import annotations

import argparse
import signal
import sys

from evalkit.testing.behaviours import Rule, echoes
from evalkit.testing.scripted_server import ScriptedServer


def main() -> None:
    """Serves until SIGINT or SIGTERM; the base URL is the one line on stdout."""
    parser = argparse.ArgumentParser(prog="python -m evalkit.testing", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-s", type=float, default=0.0)
    arguments = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with ScriptedServer([Rule(behaviour=echoes(delay_s=arguments.delay_s))], port=arguments.port) as server:
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
