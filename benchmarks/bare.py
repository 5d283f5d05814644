"""The least a client can do: the same requests over raw asyncio, answers parsed and counted, nothing kept.

python benchmarks/bare.py --port PORT --samples samples.jsonl --models base tuned --concurrency 256
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered."""

    def __init__(self, port: int, source: Iterator[tuple[bytes, str]], right: list[bool]) -> None:
        self._head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n".encode()
        self._source = source
        self._right = right
        self._buffer = b""
        self._label = ""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells mypy what TCP gives
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        """Reads one whole reply and goes on."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = int(self._buffer[:end].lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self._buffer) < end + 4 + length:
            return
        reply = json.loads(self._buffer[end + 4 :])
        self._buffer = b""
        self._right.append(reply["choices"][0]["message"]["content"] == self._label)
        self._next()

    def _next(self) -> None:
        found = next(self._source, None)
        if found is None:
            self.done.set_result(None)
            self._transport.close()
            return
        body, self._label = found
        self._transport.write(self._head + b"content-length: %d\r\n\r\n" % len(body) + body)


def requests(samples: Path, models: list[str]) -> Iterator[tuple[bytes, str]]:
    """(body, right answer) for each sample and model, the models of a sample next to each other."""
    with samples.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            for model in models:
                messages = [{"role": "user", "content": row["text"]}]
                body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": 16}
                yield json.dumps(body).encode(), row["label"]


async def ask(port: int, source: Iterator[tuple[bytes, str]], concurrency: int) -> list[bool]:
    """Whether each answer was right."""
    right: list[bool] = []
    loop = asyncio.get_running_loop()
    dialled = await asyncio.gather(
        *(
            loop.create_connection(lambda: Connection(port, source, right), "127.0.0.1", port)
            for _ in range(concurrency)
        )
    )
    await asyncio.gather(*(connection.done for _, connection in dialled))
    return right


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--concurrency", type=int, default=256)
    arguments = parser.parse_args()
    source = requests(arguments.samples, arguments.models)
    right = asyncio.run(ask(arguments.port, source, arguments.concurrency))
    print(json.dumps({"asked": len(right), "right": sum(right)}))


if __name__ == "__main__":
    main()
