"""The vendors' SDKs, loaded when a side first needs one: their clients behind one door that hands out raw replies.

The SDKs retry nothing here (`max_retries=0`: evalkit has one retry layer) and take nothing from the environment that
a suite does not say: neither an address nor an organisation nor a key.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

from evalkit.backends.hosted.current_stream import STREAM
from evalkit.backends.http.endpoint import Endpoint
from evalkit.backends.http.events import EventStream
from evalkit.backends.http.pool import BODY_LIMIT_BYTES
from evalkit.backends.http.reply import Reply
from evalkit.errors import BackendError, ExecutionError, ProtocolViolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where requests go and who pays for them."""

    endpoint: Endpoint
    key: str | None = field(default=None, repr=False)
    key_variable: str = ""
    """Where the key came from, for commands a person is told."""
    organization: str | None = None
    """OpenAI: sent as `OpenAI-Organization`; None sends none, whatever the environment says."""
    project: str | None = None
    """OpenAI: sent as `OpenAI-Project`, likewise."""


class Door:
    """One SDK's client. Replies come out raw, whatever their status: one reader decides what they mean."""

    def __init__(
        self, client: Any, *, raw: type[object], status_error: type[Exception], error: type[Exception]
    ) -> None:
        self.client = client
        """For the SDK's own `with_raw_response` methods, to be called through `reply_to`."""
        self._raw = raw
        self._status_error = status_error
        self._error = error

    async def post(self, path: str, body: bytes, *, timeout_s: float, stream: EventStream | None = None) -> Reply:
        """The reply to `body`, sent as it is; `stream` puts it together where it comes as server-sent events."""
        options = {"headers": {"content-type": "application/json"}, "timeout": timeout_s}
        before = STREAM.set(stream)
        try:
            return await self.reply_to(self.client.post(path, content=body, cast_to=self._raw, options=options))
        finally:
            STREAM.reset(before)

    async def get(self, path: str, *, timeout_s: float) -> Reply:
        """The reply to GET `path`."""
        return await self.reply_to(self.client.get(path, cast_to=self._raw, options={"timeout": timeout_s}))

    async def reply_to(self, call: Awaitable[Any]) -> Reply:
        """The reply to one call of the SDK. Raises BackendError when there was none."""
        try:
            said = await call
        except self._status_error as error:
            said = error
        except self._error as error:
            if isinstance(error.__cause__, BackendError):  # the connection's own word, wrapped
                raise error.__cause__ from None
            # Its own words may hold the request; what kind of failure it was is enough to go on.
            raise ProtocolViolation(f"the SDK could not make the request ({type(error).__name__})") from error
        response = getattr(said, "http_response", None) or getattr(said, "response", said)
        return Reply(status=response.status_code, headers=dict(response.headers), body=response.content)

    async def close(self) -> None:
        """Closes the client's connections."""
        await self.client.close()


def openai_door(account: Account, *, body_limit_bytes: int = BODY_LIMIT_BYTES) -> Door:
    """OpenAI's SDK, ready to send. Raises ExecutionError where it is not installed or would send what nobody asked."""
    _refuse_custom_headers("OPENAI_CUSTOM_HEADERS")
    try:
        import httpx2
        import openai

        from evalkit.backends.hosted.transport import client_over
    except ImportError as error:
        raise _not_installed("openai") from error
    client = openai.AsyncOpenAI(
        api_key=_key(account, "OPENAI_API_KEY"),
        base_url=account.endpoint.url,
        max_retries=0,
        http_client=client_over(account.endpoint, body_limit_bytes=body_limit_bytes),
    )
    # None would have been filled in from the environment.
    client.organization, client.project = account.organization, account.project
    return Door(client, raw=httpx2.Response, status_error=openai.APIStatusError, error=openai.OpenAIError)


def anthropic_door(account: Account, *, body_limit_bytes: int = BODY_LIMIT_BYTES) -> Door:
    """Anthropic's SDK, ready to send. Raises ExecutionError as `openai_door` does."""
    _refuse_custom_headers("ANTHROPIC_CUSTOM_HEADERS")
    try:
        import anthropic
        import httpx2

        from evalkit.backends.hosted.transport import client_over
    except ImportError as error:
        raise _not_installed("anthropic") from error
    client = anthropic.AsyncAnthropic(
        api_key=_key(account, "ANTHROPIC_API_KEY"),
        base_url=account.endpoint.url,
        max_retries=0,
        open_telemetry=False,
        http_client=client_over(account.endpoint, body_limit_bytes=body_limit_bytes),
    )
    return Door(client, raw=httpx2.Response, status_error=anthropic.APIStatusError, error=anthropic.AnthropicError)


def _key(account: Account, usual: str) -> str:
    if account.key is None:
        raise ExecutionError(f"{account.endpoint.url} needs a key: name its variable in api_key_env, such as {usual}")
    return account.key


def _refuse_custom_headers(variable: str) -> None:
    if os.environ.get(variable, "").strip():
        raise ExecutionError(
            f"the environment variable {variable} would add headers to every request that no suite mentions; "
            f"unset it for this run (unset {variable})"
        )


def _not_installed(name: str) -> ExecutionError:
    command = f'pip install "evalkit-gate[{name}]"'
    return ExecutionError(f"backend {name} needs its SDK, which is not installed here; run:\n  {command}")
