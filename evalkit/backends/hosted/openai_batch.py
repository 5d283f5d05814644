"""`openai` with `batch: true`: OpenAI's Batch API. A file of requests goes up, files of answers and errors come down.

Limits and shapes: OpenAI's Batch API guide (50,000 requests and 200 MB a batch, done or expired after 24 hours).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import msgspec

from evalkit.backends.chat_http import json_bytes
from evalkit.backends.hosted.batch_files import MAX_BATCH_BYTES, PAGES, SKEW_S, TRANSFER_S, lines_of, parsed
from evalkit.backends.hosted.openai_chat import OpenAI
from evalkit.backends.http.redact import redact
from evalkit.backends.http.reply import Reply
from evalkit.errors import BackendError, BadRequest, TimedOut
from evalkit.types import BatchState, Failure, Outcome, Request

_ENDED = frozenset({"completed", "expired", "cancelled", "failed"})


class _Said(msgspec.Struct):
    status_code: int = 0
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Wrong(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Line(msgspec.Struct):
    custom_id: str
    response: _Said | None = None
    error: _Wrong | None = None


class OpenAIBatch(OpenAI):
    """One of OpenAI's models, asked in batches; single requests are answered as by `OpenAI`."""

    max_batch_requests = 50_000
    max_batch_bytes = MAX_BATCH_BYTES

    def line(self, name: str, request: Request) -> bytes:
        """One line of the file that goes up."""
        return json_bytes(
            {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": self.wire(request)}
        )

    async def submit(self, lines: Sequence[bytes], tag: str) -> str:
        """Uploads the file and creates the batch; only the second costs anything."""
        door = self.transfers()
        file = (f"{tag}.jsonl", b"\n".join(lines) + b"\n", "application/jsonl")
        upload = door.client.files.with_raw_response.create(file=file, purpose="batch", timeout=TRANSFER_S)
        uploaded = parsed(self.checked(await door.reply_to(upload)))
        body = {
            "input_file_id": uploaded["id"],
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"evalkit": tag},
        }
        created = await self.door().post("/batches", json_bytes(body), timeout_s=self.timeout_s)
        return str(parsed(self.checked(created))["id"])

    async def find(self, tag: str, *, size: int, since: float) -> Sequence[str]:  # noqa: ARG002 - the tag is enough
        """The batch that carries `tag`, if it was created."""
        path = "/batches?limit=100"
        for _ in range(PAGES):
            page = parsed(await self.get(path))
            rows = page["data"]
            found = [str(row["id"]) for row in rows if (row.get("metadata") or {}).get("evalkit") == tag]
            if found or not rows or not page.get("has_more") or rows[-1]["created_at"] < since - SKEW_S:
                return found
            path = f"/batches?limit=100&after={rows[-1]['id']}"
        return ()

    async def poll(self, handle: str) -> BatchState:
        """How far it has come."""
        batch = parsed(await self.get(f"/batches/{handle}"))
        counts = batch.get("request_counts") or {}
        problem = None
        if batch["status"] == "failed":
            found = (batch.get("errors") or {}).get("data") or [{}]
            problem = redact(str(found[0].get("message") or "no reason given"), key=self.account.key)
        return BatchState(
            is_ended=batch["status"] in _ENDED,
            done=int(counts.get("completed", 0)) + int(counts.get("failed", 0)),
            total=int(counts.get("total", 0)),
            problem=problem,
        )

    async def collect(self, handle: str, asked: Mapping[str, Request]) -> AsyncIterator[tuple[str, Outcome]]:
        """What the file of answers and the file of errors say."""
        batch = parsed(await self.get(f"/batches/{handle}"))
        for file in (batch.get("output_file_id"), batch.get("error_file_id")):
            if not file:
                continue
            reply = self.checked(await self.transfers().get(f"/files/{file}/content", timeout_s=TRANSFER_S))
            for line in lines_of(reply.body, _Line):
                if line.custom_id in asked:
                    yield line.custom_id, self._outcome(line, asked[line.custom_id])

    def _outcome(self, line: _Line, request: Request) -> Outcome:
        try:
            if line.response is not None:
                reply = Reply(status=line.response.status_code, headers={}, body=bytes(line.response.body))
                return self.response(reply, request, latency_s=None)
            raise self._why(line.error or _Wrong(), request)
        except BackendError as error:
            return Failure(kind=error.kind, message=str(error), status=error.status, at=time.time())

    def _why(self, wrong: _Wrong, request: Request) -> BackendError:
        if wrong.code == "batch_expired":
            return TimedOut("the batch expired before this request was answered")
        if wrong.code == "batch_cancelled":
            return BackendError("the batch was cancelled before this request was answered")
        prompts = tuple(m.content for m in request.messages)
        return BadRequest(f"{wrong.code}: {redact(wrong.message or '', key=self.account.key, prompts=prompts)}")

    def cancelling(self, handles: Collection[str]) -> str:
        """One curl a batch; the key is named, not shown."""
        url, key = f"{self.account.endpoint.url}/batches", self.account.key_variable
        return "\n".join(f'curl -X POST {url}/{handle}/cancel -H "Authorization: Bearer ${key}"' for handle in handles)
