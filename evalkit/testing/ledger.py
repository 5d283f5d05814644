"""The server's own record of what it was asked: it decides what was sent again, early or to the wrong side."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, structs, to_builtins

from evalkit.testing.behaviours import ANSWER_PATHS


class Entry(Struct, frozen=True, kw_only=True):
    """One request as the server saw it."""

    number: int
    at: float
    """Unix time of arrival, seconds."""
    method: str
    path: str
    model: str
    body_sha256: str
    attempt: int
    """1 for the first request with this path and body."""
    messages: tuple[tuple[str, str], ...]
    kind: str
    """What was done with it: `Behaviour.kind`, or `models`, `health`, `unknown_model`, `no_route`."""
    status: int
    in_flight: int
    """Chat requests being served at its arrival, itself included."""
    has_key: bool
    """An authorization header came with it; its value is not kept."""
    is_completed: bool = False
    """Every byte of a whole response was handed to the client's connection."""


class Ledger:
    """Entries in order of arrival. Written by the server's thread, readable from any other at any time."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: list[Entry] = []
        self._completed = 0
        self._changed = threading.Condition()
        self._file = None if path is None else path.open("a", encoding="utf-8")

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries so far."""
        with self._changed:
            return tuple(self._entries)

    @property
    def chats(self) -> tuple[Entry, ...]:
        """The chat requests among them."""
        return tuple(entry for entry in self.entries if entry.path in ANSWER_PATHS)

    @property
    def completed(self) -> int:
        """How many chat requests were answered whole (status 200)."""
        with self._changed:
            return self._completed

    @property
    def max_in_flight(self) -> int:
        """The most chat requests that were open at once."""
        return max((entry.in_flight for entry in self.chats), default=0)

    def sends(self) -> Counter[str]:
        """How often each distinct chat body was sent, by its sha256."""
        return Counter(entry.body_sha256 for entry in self.chats)

    def kinds(self) -> Counter[str]:
        """How many chat requests were treated in which way."""
        return Counter(entry.kind for entry in self.chats)

    def wait_for(self, condition: Callable[[Ledger], bool], timeout_s: float = 30.0) -> bool:
        """True as soon as `condition(ledger)` holds, False when it did not within `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    def open_entry(self, entry: Entry) -> None:
        """Adds a request that has just arrived; its number must be the next one."""
        with self._changed:
            if entry.number != len(self._entries):
                raise ValueError(f"entry {entry.number} where {len(self._entries)} was next")
            self._entries.append(entry)
            self._changed.notify_all()

    def close_entry(self, number: int, *, is_completed: bool) -> None:
        """Records how the request ended, and writes its line when the ledger has a file."""
        with self._changed:
            entry = structs.replace(self._entries[number], is_completed=is_completed)
            self._entries[number] = entry
            if is_completed and entry.status == 200 and entry.path in ANSWER_PATHS:  # noqa: PLR2004 - HTTP's own number
                self._completed += 1
            if self._file is not None:
                self._file.write(json.dumps(to_builtins(entry)) + "\n")
                self._file.flush()
            self._changed.notify_all()

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._file is not None:
            self._file.close()
