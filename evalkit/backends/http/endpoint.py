"""Where an OpenAI-compatible server lives, checked before anything is sent there."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from msgspec import Struct

from evalkit.errors import EntryError, ExecutionError

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Endpoint(Struct, frozen=True, kw_only=True):
    """A base URL, taken apart; holds no credentials."""

    scheme: str
    """http | https"""
    host: str
    port: int
    path: str
    """Without a trailing slash: `/v1`."""

    @property
    def netloc(self) -> str:
        """`host`, or `host:port` where the port is not the scheme's own; IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL again."""
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """The server is on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_endpoint(base_url: str, *, allow_http: bool) -> Endpoint:
    """The endpoint at `base_url`. Raises ExecutionError, without repeating a password, for what must not be used."""
    try:
        parts = urlsplit(base_url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise EntryError(f"base_url is no URL: {error}", key="base_url", value=base_url) from error
    if parts.username is not None or parts.password is not None:
        raise ExecutionError(  # no EntryError: the line it stands in must not be shown
            "base_url holds a user name or password. "
            "Put the key into an environment variable and name that in api_key_env."
        )
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise EntryError(f"base_url must look like https://host/v1, not {base_url!r}", key="base_url", value=base_url)
    if any(ch <= " " or ch > "~" for ch in parts.path):
        raise EntryError(
            f"base_url {base_url!r} holds blanks or letters that a URL must escape", key="base_url", value=base_url
        )
    if parts.query or parts.fragment:
        raise EntryError(
            f"base_url {base_url!r} must end with its path: evalkit adds /chat/completions to it",
            key="base_url",
            value=base_url,
        )
    endpoint = Endpoint(
        scheme=parts.scheme, host=host, port=port or _DEFAULT_PORTS[parts.scheme], path=parts.path.rstrip("/")
    )
    if endpoint.scheme == "http" and not endpoint.is_loopback and not allow_http:
        raise EntryError(
            f"{endpoint.url} is plain http to another machine: prompts and the key would cross the network readable. "
            "Use https, or say `allow_http: true` in this model's entry if that network is yours.",
            key="base_url",
            value=base_url,
        )
    return endpoint
