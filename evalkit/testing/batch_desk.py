"""The batches of a scripted server: OpenAI's files and batches, Anthropic's message batches, as their docs have them.

What is in a batch is asked of the same script as single requests are, and stands in the same ledger: it was paid for.
"""

from __future__ import annotations

import email.parser
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

from evalkit.testing.behaviours import CHAT_PATH, MESSAGES_PATH, Asked, Behaviour, reply_body
from evalkit.testing.http_wire import RawRequest

FILES_PATH = "/v1/files"
BATCHES_PATH = "/v1/batches"
MESSAGE_BATCHES_PATH = "/v1/messages/batches"
_DAY_S = 86_400
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_OK = 200

Perform = Callable[[str, bytes], tuple[Asked, Behaviour]]
"""Path and body of one request of a batch → what the script does with it, once it is in the ledger."""


class _Batch(Struct, kw_only=True):
    id: str
    is_message: bool
    lines: list[Mapping[str, Any]]
    metadata: Mapping[str, str]
    created_at: float = field(default_factory=time.time)
    polls: int = 0
    is_cancelled: bool = False
    is_worked: bool = False
    output: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class BatchDesk:
    """Files and batches of one server. Touched by the server's thread only."""

    def __init__(self, *, polls: int = 0) -> None:
        self._polls = polls
        """How often a batch is looked at before it is found ended."""
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, _Batch] = {}

    def serve(self, raw: RawRequest) -> Behaviour | None:  # noqa: PLR0911 - a table of routes
        """What the vendor answers; None for a path that is not about files or batches."""
        parts = raw.path.removeprefix("/v1/").split("/")
        match raw.method, parts:
            case "POST", ["files"]:
                return self._upload(raw)
            case "GET", ["files", name, "content"]:
                return _jsonl(self._files.get(name))
            case "POST", ["batches"]:
                return self._create(json.loads(raw.body))
            case "POST", ["messages", "batches"]:
                return _said(self._shown(self._new(json.loads(raw.body)["requests"], {}, is_message=True)))
            case "GET", ["batches"] | ["messages", "batches"]:
                newest = [b for b in reversed(self._batches.values()) if b.is_message == (parts[0] == "messages")]
                return _said({"object": "list", "data": [self._shown(b) for b in newest], "has_more": False})
            case "GET", ["messages", "batches", name, "results"]:
                return _jsonl("".join(self._batches[name].output).encode() if name in self._batches else None)
            case "GET" | "POST", ["batches", name, *rest] | ["messages", "batches", name, *rest]:
                return self._one(self._batches.get(name), is_cancel=rest == ["cancel"])
            case _:
                return None

    def work(self, perform: Perform) -> None:
        """Answers what is in new batches."""
        for batch in self._batches.values():
            if not batch.is_worked:
                batch.is_worked = True
                for line in batch.lines:
                    self._answer(batch, line, perform)
                self._files[f"file-out-{batch.id}"] = "".join(batch.output).encode()
                self._files[f"file-err-{batch.id}"] = "".join(batch.errors).encode()

    def _upload(self, raw: RawRequest) -> Behaviour:
        head = f"content-type: {raw.headers['content-type']}\r\n\r\n".encode()
        message: Any = email.parser.BytesParser().parsebytes(head + raw.body)
        found = {part.get_param("name", header="content-disposition"): part for part in message.get_payload()}
        name = f"file-{len(self._files) + 1}"
        self._files[name] = found["file"].get_payload(decode=True)
        row = {"id": name, "object": "file", "bytes": len(self._files[name]), "created_at": int(time.time())}
        return _said(row | {"filename": "batch.jsonl", "purpose": "batch", "status": "processed"})

    def _create(self, asked: Mapping[str, Any]) -> Behaviour:
        lines = [json.loads(line) for line in self._files[asked["input_file_id"]].splitlines() if line]
        if asked.get("completion_window") != "24h" or asked.get("endpoint") != CHAT_PATH:
            return Behaviour(kind="bad_batch", status=400, body=b'{"error": {"message": "bad batch"}}')
        return _said(self._shown(self._new(lines, asked.get("metadata") or {}, is_message=False)))

    def _new(self, lines: list[Mapping[str, Any]], metadata: Mapping[str, str], *, is_message: bool) -> _Batch:
        name = f"{'msgbatch' if is_message else 'batch'}_{len(self._batches) + 1}"
        self._batches[name] = _Batch(id=name, is_message=is_message, lines=lines, metadata=metadata)
        return self._batches[name]

    def _one(self, batch: _Batch | None, *, is_cancel: bool) -> Behaviour:
        if batch is None:
            return Behaviour(kind="no_batch", status=404, body=b'{"error": {"message": "no such batch"}}')
        if is_cancel:
            batch.is_cancelled = True
        else:
            batch.polls += 1
        return _said(self._shown(batch))

    def _answer(self, batch: _Batch, line: Mapping[str, Any], perform: Perform) -> None:
        body, path = (line["params"], MESSAGES_PATH) if batch.is_message else (line["body"], line["url"])
        asked, behaviour = perform(path, json.dumps(body).encode())
        said = reply_body(behaviour, asked)
        name, is_good = line["custom_id"], behaviour.status == _OK
        kind = behaviour.kind if behaviour.kind in {"expired", "cancelled", "lost"} else ""
        if kind == "lost":
            return
        batch.counts[kind or ("good" if is_good else "bad")] = (
            batch.counts.get(kind or ("good" if is_good else "bad"), 0) + 1
        )
        if batch.is_message:
            result = _result(kind, behaviour.status, said)
            batch.output.append(f'{{"custom_id": "{name}", "result": {result}}}\n')
            return
        head = f'{{"id": "batch_req_{name[:6]}", "custom_id": "{name}"'
        if kind:
            error = json.dumps({"code": f"batch_{kind}", "message": f"This request was {kind}."})
            batch.errors.append(f'{head}, "response": null, "error": {error}}}\n')
            return
        response = f'{{"status_code": {behaviour.status}, "request_id": "r", "body": {said.decode()}}}'
        (batch.output if is_good else batch.errors).append(f'{head}, "response": {response}, "error": null}}\n')

    def _shown(self, batch: _Batch) -> dict[str, Any]:
        is_ended = batch.is_worked and (batch.polls > self._polls or batch.is_cancelled)
        return _message_batch(batch, is_ended=is_ended) if batch.is_message else _batch(batch, is_ended=is_ended)


def _batch(batch: _Batch, *, is_ended: bool) -> dict[str, Any]:
    good, total = batch.counts.get("good", 0), len(batch.lines)
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": CHAT_PATH,
        "errors": None,
        "input_file_id": "file",
        "completion_window": "24h",
        "status": "completed" if is_ended else "in_progress",
        "output_file_id": f"file-out-{batch.id}" if is_ended and batch.output else None,
        "error_file_id": f"file-err-{batch.id}" if is_ended and batch.errors else None,
        "created_at": int(batch.created_at),
        "request_counts": {
            "total": total,
            "completed": good if is_ended else 0,
            "failed": total - good if is_ended else 0,
        },
        "metadata": batch.metadata,
    }


def _message_batch(batch: _Batch, *, is_ended: bool) -> dict[str, Any]:
    names = {"succeeded": "good", "errored": "bad", "canceled": "cancelled", "expired": "expired"}
    counts = {name: batch.counts.get(kind, 0) if is_ended else 0 for name, kind in names.items()}
    made = datetime.fromtimestamp(batch.created_at, UTC)
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if is_ended else "in_progress",
        "request_counts": counts | {"processing": 0 if is_ended else len(batch.lines)},
        "created_at": made.isoformat().replace("+00:00", "Z"),
        "expires_at": datetime.fromtimestamp(batch.created_at + _DAY_S, UTC).isoformat(),
        "ended_at": None,
        "cancel_initiated_at": None,
        "archived_at": None,
        "results_url": f"{MESSAGE_BATCHES_PATH}/{batch.id}/results" if is_ended else None,
    }


def _result(kind: str, status: int, said: bytes) -> str:
    if kind:
        return json.dumps({"type": "canceled" if kind == "cancelled" else kind})
    if status == _OK:
        return f'{{"type": "succeeded", "message": {said.decode()}}}'
    try:
        words = json.loads(said)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        words = "no words"
    error = {"type": _ERROR_TYPES.get(status, "api_error"), "message": words}
    return json.dumps({"type": "errored", "error": {"type": "error", "error": error}})


def _said(document: Mapping[str, Any]) -> Behaviour:
    return Behaviour(kind="batches", body=json.dumps(document).encode())


def _jsonl(content: bytes | None) -> Behaviour:
    if content is None:
        return Behaviour(kind="no_file", status=404, body=b'{"error": {"message": "no such file"}}')
    return Behaviour(kind="batches", body=content, content_type="application/x-jsonl")
