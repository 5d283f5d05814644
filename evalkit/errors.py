"""Every error evalkit raises on purpose, and the exit code each one ends in.

::

    EvalkitError
    ├── UsageError        2    the suite, data or command line is wrong; located, nothing was run
    ├── InvalidEvidence   4    the answers cannot support any verdict
    ├── ExecutionError    5    provider down, disk full, journal corrupt, engine would not start
    ├── Interrupted       130  Ctrl-C or SIGTERM; the run can be resumed
    └── BackendError           one request went wrong; becomes a Failure, never leaves the engine
        ├── Retryable
        │   ├── RateLimited      429; may carry the seconds the server asked for
        │   ├── Overloaded       5xx
        │   ├── ConnectionLost   refused, reset, closed half-way
        │   └── TimedOut         no answer in time
        └── Permanent
            ├── BadRequest           400 and friends
            ├── AuthFailed           401, 403
            ├── ModelNotFound        404
            ├── ContentFiltered      the provider's filter blocked the prompt or the answer
            ├── ContextTooLong       prompt + max_tokens exceed the model's context
            ├── NotRecorded          recorded answers: no row for this sample
            ├── RecordedError        recorded answers: the row says why there is no answer
            └── ProtocolViolation    HTML, half JSON, an error inside a 200, an oversized body
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar


class EvalkitError(Exception):
    """The root: its message is written for a person and its `exit_code` for a script."""

    exit_code: ClassVar[int] = 5


@dataclass(frozen=True, slots=True, kw_only=True)  # not a Struct: `evalkit --help` needs no msgspec
class Diagnostic:
    """One mistake in a user's file: where it is, what is wrong and how to mend it."""

    message: str
    path: str | None = None
    line: int | None = None
    """1-based."""
    column: int | None = None
    """1-based."""
    width: int = 1
    """Characters to underline."""
    source: str | None = None
    """The text of that line, or the part of it around the column, when there is one to show."""
    indent: int | None = None
    """Blanks before the underline where that is not column − 1: the line was cut or holds wide characters."""
    help: str | None = None

    @property
    def where(self) -> str:
        """`path:line:col`, as far as it is known; empty when nothing is."""
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)

    def placed(self, column: int, width: int) -> Diagnostic:
        """The same mistake at that column of its line."""
        return dataclasses.replace(self, column=column, width=width)

    def render(self) -> str:
        """The diagnostic as a person reads it: place and message, the source line, a caret, the fix."""
        head = f"{self.where}: {self.message}" if self.where else self.message
        lines = [head]
        if self.source is not None and self.line is not None:
            gutter = " " * len(str(self.line))
            lines += [f"  {gutter} |", f"  {self.line} | {self.source}"]
            if self.column is not None:
                indent = self.column - 1 if self.indent is None else self.indent
                lines.append(f"  {gutter} | {' ' * indent}{'^' * max(1, self.width)}")
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


class UsageError(EvalkitError):
    """The user's input is wrong. Carries all mistakes found, in file order."""

    exit_code = 2

    def __init__(self, message: str | None = None, *, diagnostics: tuple[Diagnostic, ...] = ()) -> None:
        if message is not None:
            diagnostics = (Diagnostic(message=message), *diagnostics)
        if not diagnostics:
            raise ValueError("a UsageError needs a message or diagnostics")
        self.diagnostics = diagnostics
        super().__init__("\n".join(d.render() for d in diagnostics))


class InvalidEvidence(EvalkitError):
    """No verdict can rest on these answers (say: both sides are one model)."""

    exit_code = 4

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class ExecutionError(EvalkitError):
    """The run could not be carried out; what was answered so far is in the journal."""

    exit_code = 5


class EntryError(ExecutionError):
    """What a model entry of the suite names cannot be used here; nothing was sent."""

    def __init__(self, message: str, *, key: str, value: str) -> None:
        super().__init__(message)
        self.key = key
        """The entry's key: base_url, api_key_env, model or adapter."""
        self.value = value
        """What stands there; tells which entry it is."""


class BudgetReached(ExecutionError):
    """A cap the user set stopped the run; it can be resumed with a higher one."""


class ServerDown(ExecutionError):
    """Nothing is answered any more; asking on would only add to the load."""


class Interrupted(EvalkitError):
    """A person or the system asked to stop."""

    exit_code = 130


class BackendError(EvalkitError):
    """One request failed. `status` is the HTTP status when there was one."""

    kind: ClassVar[str] = "backend_error"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Retryable(BackendError):
    """Worth another attempt."""


class RateLimited(Retryable):
    """The server asked for a pause; `retry_after_s` says how long, when it said so."""

    kind = "rate_limited"

    def __init__(self, message: str, *, status: int | None = 429, retry_after_s: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class Overloaded(Retryable):
    """The server failed on its own account (5xx)."""

    kind = "overloaded"

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class ConnectionLost(Retryable):
    """No connection, or it broke before the answer was whole."""

    kind = "connection_lost"


class TimedOut(Retryable):
    """No answer in time."""

    kind = "timed_out"


class Permanent(BackendError):
    """The same request would fail again."""


class BadRequest(Permanent):
    """The server refused the request as malformed."""

    kind = "bad_request"


class AuthFailed(Permanent):
    """The key is missing, wrong or not allowed here."""

    kind = "auth_failed"


class ModelNotFound(Permanent):
    """The endpoint does not serve this model."""

    kind = "model_not_found"


class ContentFiltered(Permanent):
    """The provider's content filter blocked the prompt or the answer: `refused`, an outcome of its own."""

    kind = "content_filtered"


class ContextTooLong(Permanent):
    """Prompt and answer do not fit the model's context."""

    kind = "context_too_long"


class ProtocolViolation(Permanent):
    """The server's reply is not what its API promises."""

    kind = "protocol_violation"


class NotRecorded(Permanent):
    """The file of recorded answers has no row for this sample."""

    kind = "not_recorded"


class RecordedError(Permanent):
    """The file of recorded answers says that there was no answer, and why."""

    kind = "recorded_error"
