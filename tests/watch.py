"""Witnesses: what Python opened, imported, compiled or ran, and who knocked at a port."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_watching: list[Watch] = []


class Watch:
    """Audit events seen while it was on: (event, what it is about)."""

    def __init__(self, *events: str) -> None:
        self.events = frozenset(events)
        self.seen: list[tuple[str, Any]] = []

    def names(self, event: str) -> list[str]:
        return [str(what) for seen, what in self.seen if seen == event]


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for watch in _watching:
        if event in watch.events:
            about = 1 if event == "compile" else 0  # its first argument is the source, its second the file's name
            watch.seen.append((event, arguments[about] if arguments else None))


sys.addaudithook(_hook)  # hooks stay for the life of the process, so this one is switched by `watching`


@contextmanager
def watching(*events: str) -> Iterator[Watch]:
    """Records these audit events (https://docs.python.org/3/library/audit_events.html) while the block runs."""
    watch = Watch(*events)
    _watching.append(watch)
    try:
        yield watch
    finally:
        _watching.remove(watch)


@contextmanager
def listening() -> Iterator[tuple[str, list[int]]]:
    """(host:port, a list that grows by one for every connection)."""
    knocks: list[int] = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.02)
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            try:
                server.accept()[0].close()
            except TimeoutError:
                continue
            knocks.append(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}", knocks
    finally:
        is_over.set()
        thread.join()
        server.close()
