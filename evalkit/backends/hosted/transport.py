"""The vendors' SDKs over evalkit's own connections: bounded replies, one deadline, no redirect, nothing sent twice.

An SDK builds the request, signs it and packs its files; the bytes then travel as every other backend's do. So a reply
is read by the same bounded reader, and a full pool does not slow down with every further connection, as httpx's does.
Imported only where an SDK is, which brings `httpx2`.
"""

from __future__ import annotations

import httpx2

from evalkit import __version__
from evalkit.backends.hosted.current_stream import STREAM
from evalkit.backends.http.endpoint import Endpoint
from evalkit.backends.http.pool import HttpPool

_SENT = ("authorization", "x-api-key", "anthropic-version", "content-type", "openai-organization", "openai-project")
"""What goes out of the headers an SDK makes. The others describe this machine, which is nobody's business."""
_UNPACKED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that describe bytes the pool has already unpacked."""
_PATIENCE_S = 60.0


class PoolTransport(httpx2.AsyncBaseTransport):
    """Carries requests to one endpoint. What goes wrong on the way is raised as a BackendError, past the SDK."""

    def __init__(self, endpoint: Endpoint, *, body_limit_bytes: int) -> None:
        self._endpoint = endpoint
        self._pool = HttpPool(endpoint, body_limit_bytes=body_limit_bytes)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The whole reply. Raises TimedOut, ConnectionLost or ProtocolViolation."""
        body = await request.aread()
        asked = request.extensions.get("timeout", {}).get("read")
        data = self._head(request, len(body)) + body
        reply = await self._pool.send(data, timeout_s=asked or _PATIENCE_S, stream=STREAM.get())
        headers = [(name, value) for name, value in reply.headers.items() if name not in _UNPACKED]
        return httpx2.Response(reply.status, headers=headers, content=reply.body, request=request)

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._pool.close()

    def _head(self, request: httpx2.Request, size: int) -> bytes:
        lines = [
            f"{request.method} {request.url.raw_path.decode('ascii')} HTTP/1.1",
            f"host: {self._endpoint.netloc}",
            f"user-agent: evalkit/{__version__}",
            "accept: */*",
            "accept-encoding: identity",
            *(f"{name}: {request.headers[name]}" for name in _SENT if name in request.headers),
        ]
        if size or request.method != "GET":
            lines.append(f"content-length: {size}")
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")


def client_over(endpoint: Endpoint, *, body_limit_bytes: int) -> httpx2.AsyncClient:
    """The HTTP client to give to an SDK that talks to `endpoint`; follows no redirect and reads no environment."""
    transport = PoolTransport(endpoint, body_limit_bytes=body_limit_bytes)
    return httpx2.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)
