"""The stream the current task's reply is read as: an SDK has no way to hand it through to the connection below it."""

from __future__ import annotations

from contextvars import ContextVar

from evalkit.backends.http.events import EventStream

STREAM: ContextVar[EventStream | None] = ContextVar("STREAM", default=None)
"""Where the events of the request go that the current task makes; None where its reply is read whole."""
