"""As much of HTTP/1.1 (RFC 9112) as a client under test needs: requests in, responses out. Pure bytes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from msgspec import Struct

from evalkit.testing.behaviours import Behaviour

_END_OF_HEAD = b"\r\n\r\n"


class RawRequest(Struct, frozen=True, kw_only=True):
    """One request, taken apart."""

    method: str
    path: str
    """Without the query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


def take_request(buffer: bytearray) -> RawRequest | None:
    """The first whole request in `buffer`, which loses those bytes; None while it is incomplete.

    Bodies come with a content-length; chunked requests are not understood, as no client here sends them.
    """
    head_end = buffer.find(_END_OF_HEAD)
    if head_end < 0:
        return None
    first, *lines = buffer[:head_end].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body_start = head_end + len(_END_OF_HEAD)
    body_end = body_start + int(headers.get("content-length", "0"))
    if len(buffer) < body_end:
        return None
    method, target, _ = first.split(" ", 2)
    body = bytes(buffer[body_start:body_end])
    del buffer[:body_end]
    return RawRequest(method=method, path=target.partition("?")[0], headers=headers, body=body)


def response_bytes(behaviour: Behaviour, body: bytes) -> bytes:
    """Head and body as they go over the wire; an endless body is announced as chunked and starts with one chunk."""
    try:
        phrase = HTTPStatus(behaviour.status).phrase
    except ValueError:  # a script may use a number HTTP has no phrase for
        phrase = "Scripted"
    lines = [f"HTTP/1.1 {behaviour.status} {phrase}", f"content-type: {behaviour.content_type}"]
    if behaviour.is_endless:
        lines.append("transfer-encoding: chunked")
        body = chunk(body)
    else:
        lines.append(f"content-length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in behaviour.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunk(body: bytes) -> bytes:
    """`body` as one chunk of a chunked response."""
    return b"%x\r\n%b\r\n" % (len(body), body)
