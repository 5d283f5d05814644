"""One attempt at one request: the border where whatever a backend does becomes an answer or a BackendError."""

from __future__ import annotations

import asyncio
import logging

from evalkit.backends.http.deadlines import Deadlines
from evalkit.errors import BackendError, ExecutionError, TimedOut
from evalkit.protocols import Backend
from evalkit.types import Request, Response

log = logging.getLogger(__name__)

FORGOTTEN_S = 5.0
"""A backend keeps the time limit itself; one that forgot is stopped so many seconds later."""


def _checked(backend: Backend, answer: object) -> Response:
    if not isinstance(answer, Response):
        raise BackendError(f"the backend {_named(backend)} returned {type(answer).__name__}, not a Response")
    return answer


def _named(backend: Backend) -> str:
    return f"{type(backend).__module__}.{type(backend).__name__}"


class Attempts:
    """Asks backends, each request for a limited time. Every caller is a task of its own."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._deadlines = Deadlines(self._expire)
        self._expired: set[asyncio.Task[object]] = set()

    async def ask(self, backend: Backend, request: Request) -> Response:
        """The answer. Raises BackendError for whatever costs this request, ExecutionError for what ends the run."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: coroutines run in tasks
        self._deadlines.set(task, asyncio.get_running_loop().time() + self._timeout_s + FORGOTTEN_S)
        try:
            return _checked(backend, await backend.answer(request))
        except asyncio.CancelledError as error:
            if task not in self._expired:
                raise
            task.uncancel()
            raise TimedOut(f"no answer within {self._timeout_s:g} s") from error
        except TimeoutError as error:
            raise TimedOut(f"no answer within {self._timeout_s:g} s") from error
        except (BackendError, ExecutionError):
            raise
        except Exception as error:  # the border: a plug-in's bug costs its requests, not the run
            log.warning("request.crashed", extra={"kind": type(error).__name__})
            raise BackendError(f"the backend {_named(backend)} failed with {type(error).__name__}") from error
        finally:
            self._deadlines.drop(task)
            self._expired.discard(task)

    def close(self) -> None:
        """Watches nobody any more."""
        self._deadlines.close()

    def _expire(self, task: asyncio.Task[object]) -> None:
        self._expired.add(task)
        task.cancel()
