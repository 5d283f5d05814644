"""A chat-completions server on loopback that follows a script and keeps a ledger of what it was asked.

It serves from a thread of its own, so that plain tests and child processes can talk to it::

    rules = [Rule(behaviour=fails(429, headers={"retry-after": "1"}), times_each=1), Rule(behaviour=echoes())]
    with ScriptedServer(rules) as server:
        ...  # POST to f"{server.base_url}/chat/completions"
        assert max(server.ledger.sends().values()) == 2
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

import msgspec
from msgspec import structs

from evalkit.testing.batch_desk import BatchDesk
from evalkit.testing.behaviours import ANSWER_PATHS, Asked, Behaviour, Rule, reply_body
from evalkit.testing.http_wire import RawRequest, chunk, response_bytes, take_request
from evalkit.testing.ledger import Entry, Ledger
from evalkit.testing.script import NO_ROUTE, Script
from evalkit.testing.streaming import EVENTS, event_bytes, is_streamed


class ScriptedServer:
    """Speaks POST /v1/chat/completions, /v1/messages, GET /v1/models and GET /health as `rules` say, on 127.0.0.1.

    It takes batches of either vendor too; one is found ended after it has been looked at `batch_polls` times.

    A context manager, to be entered once. `models` are the names it lists and serves. The same `seed` draws the
    same faults for the same requests. With `ledger_path`, each finished request is also a JSON line there.
    """

    def __init__(
        self,
        rules: Sequence[Rule] = (),
        *,
        models: Sequence[str] = ("base", "tuned"),
        seed: int = 0,
        port: int = 0,
        ledger_path: Path | None = None,
        batch_polls: int = 0,
    ) -> None:
        self.ledger = Ledger(ledger_path)
        script = Script(rules=tuple(rules), models=tuple(models), seed=seed)
        self._desk = _Desk(script, self.ledger, BatchDesk(polls=batch_polls))
        self._asked_port = port
        self._listener: socket.socket | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="scripted-server", daemon=True)
        self._is_ready = threading.Event()

    @property
    def port(self) -> int:
        """The port it listens on. Raises RuntimeError before the server is entered."""
        if self._listener is None:
            raise RuntimeError("enter the server first: `with ScriptedServer() as server:`")
        return int(self._listener.getsockname()[1])

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self._asked_port), backlog=1024)
        self._thread.start()
        self._is_ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self.ledger.close()

    def _serve(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        # asyncio closes the socket it is given; the duplicate keeps `port` readable until the end.
        listener = cast("socket.socket", self._listener).dup()
        server = loop.run_until_complete(loop.create_server(lambda: _Connection(self._desk), sock=listener))
        loop.call_soon(self._is_ready.set)
        loop.run_forever()
        server.close()
        for connection in tuple(self._desk.connections):
            connection.drop()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        cast("socket.socket", self._listener).close()


class _Desk:
    """What all connections of one server share. Touched by the server's thread only."""

    def __init__(self, script: Script, ledger: Ledger, batches: BatchDesk) -> None:
        self.connections: set[_Connection] = set()
        self._script = script
        self._ledger = ledger
        self._batches = batches
        self._attempts = Counter[tuple[str, str]]()
        self._number = 0
        self._in_flight = 0

    def arrive(self, raw: RawRequest) -> tuple[Asked, Behaviour]:
        """The request and what to do with it, after writing it down."""
        asked = self._asked(raw)
        behaviour = self._script.behaviour(asked)
        is_lost = behaviour.is_reset or behaviour.cut_after is not None
        if behaviour.kind == NO_ROUTE or is_lost:
            # What is asked is done even where the answer to it is lost on the way.
            served = self._batches.serve(raw)
            if served is not None:
                behaviour = structs.replace(behaviour, body=served.body) if is_lost else served
        self._enter(asked, behaviour)
        self._batches.work(self._perform)
        return asked, behaviour

    def _perform(self, path: str, body: bytes) -> tuple[Asked, Behaviour]:
        """One request of a batch, asked and answered."""
        asked = self._asked(RawRequest(method="POST", path=path, headers={"authorization": "of the batch"}, body=body))
        behaviour = self._script.behaviour(asked)
        self._enter(asked, behaviour)
        self.leave(asked, is_completed=True)
        return asked, behaviour

    def _asked(self, raw: RawRequest) -> Asked:
        body_sha256 = hashlib.sha256(raw.body).hexdigest()
        self._attempts[raw.path, body_sha256] += 1
        self._number += 1
        return Asked(
            number=self._number - 1,
            attempt=self._attempts[raw.path, body_sha256],
            method=raw.method,
            path=raw.path,
            headers=raw.headers,
            body=raw.body,
            body_sha256=body_sha256,
            payload=_payload(raw.body),
        )

    def _enter(self, asked: Asked, behaviour: Behaviour) -> None:
        self._in_flight += asked.path in ANSWER_PATHS
        self._ledger.open_entry(
            Entry(
                number=asked.number,
                at=time.time(),
                method=asked.method,
                path=asked.path,
                model=asked.model,
                body_sha256=asked.body_sha256,
                attempt=asked.attempt,
                messages=asked.messages,
                kind=behaviour.kind,
                status=behaviour.status,
                in_flight=self._in_flight,
                has_key="authorization" in asked.headers,
            )
        )

    def leave(self, asked: Asked, *, is_completed: bool) -> None:
        """The request is over, well or not."""
        self._in_flight -= asked.path in ANSWER_PATHS
        self._ledger.close_entry(asked.number, is_completed=is_completed)


class _Connection(asyncio.Protocol):
    """One client: keep-alive, one request at a time."""

    def __init__(self, desk: _Desk) -> None:
        self._desk = desk
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._desk.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._desk.connections.discard(self)
        self._can_write.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def drop(self) -> None:
        """Closes the connection without sending what is still buffered."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        """Serves what is whole in the buffer: at once where the behaviour allows, else in a task."""
        while self._task is None and (raw := take_request(self._buffer)) is not None:
            asked, behaviour = self._desk.arrive(raw)
            delay_s = behaviour.delay_s(asked) if callable(behaviour.delay_s) else behaviour.delay_s
            if delay_s > 0 or behaviour.drip_s > 0 or behaviour.is_hanging or behaviour.is_endless:
                self._task = asyncio.get_running_loop().create_task(self._perform(asked, behaviour, delay_s))
            else:
                self._send(behaviour, asked)

    async def _perform(self, asked: Asked, behaviour: Behaviour, delay_s: float) -> None:
        is_open = True
        try:
            await asyncio.sleep(delay_s)
            if behaviour.is_hanging:
                await asyncio.Event().wait()
            elif behaviour.is_endless:
                await self._send_forever(behaviour, asked)
            else:
                if behaviour.drip_s > 0:
                    await self._send_slowly(behaviour, asked)
                is_open = False
                self._send(behaviour, asked)
        finally:
            if is_open:
                self._desk.leave(asked, is_completed=False)
            self._task = None
        self._next()

    def _send(self, behaviour: Behaviour, asked: Asked) -> None:
        """Writes the response, or what is left of it, and closes the ledger's entry.

        The entry is closed just before the last byte leaves, so that whoever has the answer finds it in the ledger.
        """
        data = b"" if behaviour.is_reset else _response(behaviour, asked)
        if behaviour.drip_s > 0:
            data = data[-1:]
        is_cut = behaviour.is_reset or (behaviour.cut_after is not None and behaviour.cut_after < len(data))
        self._desk.leave(asked, is_completed=not is_cut and not self._transport.is_closing())
        if behaviour.is_reset:
            # A zero linger time makes closing send RST instead of FIN (socket(7), SO_LINGER).
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        elif is_cut:
            self._transport.write(data[: behaviour.cut_after])
            self._transport.close()
        else:
            self._transport.write(data)

    async def _send_slowly(self, behaviour: Behaviour, asked: Asked) -> None:
        """Writes all but the last byte in pieces, with pauses."""
        data = _response(behaviour, asked)[:-1]
        for start in range(0, len(data), behaviour.drip_bytes):
            self._transport.write(data[start : start + behaviour.drip_bytes])
            await asyncio.sleep(behaviour.drip_s)

    async def _send_forever(self, behaviour: Behaviour, asked: Asked) -> None:
        body = reply_body(behaviour, asked)
        self._transport.write(response_bytes(behaviour, body))
        piece = chunk(body)
        while not self._transport.is_closing():
            await self._can_write.wait()
            self._transport.write(piece)
            await asyncio.sleep(0)


def _response(behaviour: Behaviour, asked: Asked) -> bytes:
    """The whole response; in events where the request asks for them."""
    if is_streamed(behaviour, asked):
        return response_bytes(structs.replace(behaviour, content_type=EVENTS), event_bytes(behaviour, asked))
    return response_bytes(behaviour, reply_body(behaviour, asked))


def _payload(body: bytes) -> Mapping[str, Any]:
    try:
        payload = msgspec.json.decode(body) if body else {}
    except msgspec.DecodeError:  # no JSON, or a lone surrogate, which json keeps
        try:
            payload = json.loads(body)
        except ValueError:
            return {}
    return payload if isinstance(payload, dict) else {}
