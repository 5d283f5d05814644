"""A chat-completions server that is never the bottleneck: one process, one hand-written protocol, fixed answers.

    python benchmarks/mock_server.py --latency-ms 50 [--faults]

It prints its port and serves until its standard input ends. Besides the API it keeps a ledger, which is the
benchmark's only witness of what was asked: GET /ledger/counts and GET /ledger/events. uvloop is used when the
interpreter has it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import cast

from workload import RETRY_AFTER_S, answer_of, fault_of

NUMBER = re.compile(rb"Message #(\d{7})")
MODEL = re.compile(rb'"model"\s*:\s*"(\w+)"')
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
REASONS = {200: b"OK", 404: b"Not Found", 429: b"Too Many Requests", 500: b"Internal Server Error"}
MODELS = {"object": "list", "data": [{"id": name, "object": "model"} for name in ("base", "tuned")]}


class Ledger:
    """Every request for an answer: (model, sample number, arrived, replied, status), times of the monotonic clock."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int, float, float, int]] = []
        self.attempts: Counter[tuple[str, int]] = Counter()
        self.arrived = 0
        self.listings = 0

    def counts(self) -> dict[str, int]:
        """Cheap enough to be asked for ten times a second."""
        return {"arrived": self.arrived, "replied": len(self.events), "listings": self.listings}


def reply(status: int, body: bytes, more: bytes = b"") -> bytes:
    """One whole HTTP reply."""
    head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n"
    return head % (status, REASONS[status], more, len(body)) + body


@cache
def answer(model: str, text: str) -> bytes:
    """A whole 200 reply; there are as few as models times labels."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 110, "completion_tokens": 2, "total_tokens": 112}
    common = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": model}
    return reply(200, json.dumps({**common, "choices": [choice], "usage": usage}).encode())


@cache
def refusal(status: int) -> bytes:
    """A whole reply that says no."""
    more = b"retry-after: %d\r\n" % RETRY_AFTER_S if status == 429 else b""
    return reply(status, b'{"error": {"message": "try again", "type": "server_error"}}', more)


class Chat(asyncio.Protocol):
    """One connection: reads requests, replies to each after the latency."""

    def __init__(self, ledger: Ledger, latency_s: float, *, has_faults: bool) -> None:
        self._ledger = ledger
        self._latency_s = latency_s
        self._has_faults = has_faults
        self._buffer = b""
        self._write: Callable[[bytes], None] = lambda _: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps what is needed to reply."""
        self._write = cast("asyncio.Transport", transport).write  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        """Replies that are still due go nowhere."""
        del exc
        self._write = lambda _: None

    def data_received(self, data: bytes) -> None:
        """Takes every whole request from what has arrived."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            found = LENGTH.search(head)
            size = end + 4 + (int(found.group(1)) if found else 0)
            if len(self._buffer) < size:
                return
            body, self._buffer = self._buffer[end + 4 : size], self._buffer[size:]
            self._request(head, body)

    def _request(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/chat/completions"):
            self._ask(body)
        elif path.endswith(b"/models"):
            self._ledger.listings += 1
            self._write(reply(200, json.dumps(MODELS).encode()))
        elif path == b"/ledger/counts":
            self._write(reply(200, json.dumps(self._ledger.counts()).encode()))
        elif path == b"/ledger/events":
            self._write(reply(200, json.dumps(self._ledger.events).encode()))
        else:
            self._write(reply(404, b"{}"))

    def _ask(self, body: bytes) -> None:
        arrived = time.monotonic()
        ledger = self._ledger
        ledger.arrived += 1
        number, model = NUMBER.search(body), MODEL.search(body)
        if number is None or model is None:
            self._write(reply(404, b'{"error": {"message": "no sample number in the prompt"}}'))
            return
        key = (model.group(1).decode(), int(number.group(1)))
        status = fault_of(*key, ledger.attempts[key]) if self._has_faults else 200
        ledger.attempts[key] += 1
        whole = answer(key[0], answer_of(*key)) if status == 200 else refusal(status)

        def send() -> None:
            self._write(whole)
            ledger.events.append((*key, arrived, time.monotonic(), status))

        if self._latency_s > 0:
            asyncio.get_running_loop().call_later(self._latency_s, send)
        else:
            send()


async def serve(latency_s: float, *, has_faults: bool) -> None:
    """Serves on a free port of the loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    ledger = Ledger()
    server = await loop.create_server(lambda: Chat(ledger, latency_s, has_faults=has_faults), "127.0.0.1", backlog=1024)
    print(server.sockets[0].getsockname()[1], type(loop).__module__.partition(".")[0], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    server.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--faults", action="store_true")
    arguments = parser.parse_args()
    run = importlib.import_module("uvloop").run if importlib.util.find_spec("uvloop") else asyncio.run
    run(serve(arguments.latency_ms / 1000.0, has_faults=arguments.faults))


if __name__ == "__main__":
    main()
