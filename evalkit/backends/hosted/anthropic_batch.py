"""`anthropic` with `batch: true`: Anthropic's Message Batches.

Limits and shapes: the API's reference of Message Batches (100,000 requests and 256 MB a batch, done or expired after
24 hours, results for 29 days). A batch carries no name of ours until it ends and its results show their custom ids.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from evalkit.backends.chat_http import json_bytes
from evalkit.backends.hosted import OK
from evalkit.backends.hosted.anthropic_messages import Anthropic
from evalkit.backends.hosted.batch_files import MAX_BATCH_BYTES, PAGES, SKEW_S, TRANSFER_S, lines_of, parsed
from evalkit.backends.http.reply import Reply
from evalkit.errors import BackendError, TimedOut
from evalkit.types import BatchState, Failure, Outcome, Request

_PATH = "/v1/messages/batches"
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 403,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that a single request would have had; whatever else is a fault of the server's."""


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"{}")
    error: msgspec.Raw = msgspec.Raw(b"{}")


class _Line(msgspec.Struct):
    custom_id: str
    result: _Result


class AnthropicBatch(Anthropic):
    """One of Anthropic's models, asked in batches; single requests are answered as by `Anthropic`."""

    max_batch_requests = 100_000
    max_batch_bytes = MAX_BATCH_BYTES

    def line(self, name: str, request: Request) -> bytes:
        """One entry of the batch's list of requests."""
        return json_bytes({"custom_id": name, "params": self.wire(request)})

    async def submit(self, lines: Sequence[bytes], tag: str) -> str:  # noqa: ARG002 - nothing carries a tag here
        """Creates the batch."""
        body = b'{"requests":[' + b",".join(lines) + b"]}"
        reply = await self.transfers().post(_PATH, body, timeout_s=TRANSFER_S)
        return str(parsed(self.checked(reply))["id"])

    async def find(self, tag: str, *, size: int, since: float) -> Sequence[str]:  # noqa: ARG002 - see the module
        """Batches of that size made since then: whether one is ours shows in its results."""
        found: list[str] = []
        path = f"{_PATH}?limit=100"
        for _ in range(PAGES):
            page = parsed(await self.get(path))
            for row in page["data"]:
                if datetime.fromisoformat(row["created_at"]).timestamp() < since - SKEW_S:
                    return found
                if sum(row["request_counts"].values()) == size:
                    found.append(str(row["id"]))
            if not page.get("has_more") or not page["data"]:
                break
            path = f"{_PATH}?limit=100&after_id={page['data'][-1]['id']}"
        return found

    async def poll(self, handle: str) -> BatchState:
        """How far it has come."""
        batch = parsed(await self.get(f"{_PATH}/{handle}"))
        counts = batch["request_counts"]
        total = sum(counts.values())
        return BatchState(
            is_ended=batch["processing_status"] == "ended", done=total - counts["processing"], total=total
        )

    async def collect(self, handle: str, asked: Mapping[str, Request]) -> AsyncIterator[tuple[str, Outcome]]:
        """What the batch's results say."""
        reply = self.checked(await self.transfers().get(f"{_PATH}/{handle}/results", timeout_s=TRANSFER_S))
        for line in lines_of(reply.body, _Line):
            if line.custom_id in asked:
                yield line.custom_id, self._outcome(line.result, asked[line.custom_id])

    def _outcome(self, result: _Result, request: Request) -> Outcome:
        try:
            return self.response(self._reply(result), request, latency_s=None)
        except BackendError as error:
            return Failure(kind=error.kind, message=str(error), status=error.status, at=time.time())

    def _reply(self, result: _Result) -> Reply:
        """The reply that a single request would have had. Raises BackendError for one that was never answered."""
        match result.type:
            case "succeeded":
                return Reply(status=OK, headers={}, body=bytes(result.message))
            case "expired":
                raise TimedOut("the batch expired before this request was answered")
            case "canceled":
                raise BackendError("the batch was cancelled before this request was answered")
        found = parsed(Reply(status=OK, headers={}, body=bytes(result.error)))
        kind = (found.get("error") or {}).get("type")
        return Reply(status=_STATUSES.get(str(kind), 500), headers={}, body=bytes(result.error))

    def cancelling(self, handles: Collection[str]) -> str:
        """One curl a batch; the key is named, not shown."""
        url, key = f"{self.account.endpoint.url}{_PATH}", self.account.key_variable
        return "\n".join(
            f'curl -X POST {url}/{handle}/cancel -H "x-api-key: ${key}" -H "anthropic-version: 2023-06-01"'
            for handle in handles
        )
