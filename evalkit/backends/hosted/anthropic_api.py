"""`anthropic`: from a suite's entry to the backend, one request at a time or in batches."""

from __future__ import annotations

from evalkit.backends.chat_http import key_from
from evalkit.backends.entry import Entry
from evalkit.backends.hosted.anthropic_batch import AnthropicBatch
from evalkit.backends.hosted.anthropic_messages import Anthropic, AnthropicOptions
from evalkit.backends.hosted.sdk import Account
from evalkit.backends.http.endpoint import Endpoint, parse_endpoint
from evalkit.types import ModelSpec

BASE_URL = "https://api.anthropic.com"
OPTIONS = (
    "allow_http",
    "batch",
    "batch_discount",
    "cache",
    "extra_body",
    "leave_out",
    "sampling",
    "stream",
    "structured",
)


def make(spec: ModelSpec, *, timeout_s: float) -> Anthropic:
    """The backend for one model entry; sends nothing yet.

    Raises UsageError for an entry that lacks `model` or says what this backend cannot do, and ExecutionError for a
    URL that must not be used or a key that is not set.
    """
    entry = Entry(spec, OPTIONS)
    options = AnthropicOptions(
        cache=entry.is_true("cache", default=True),
        sampling=entry.one_of("sampling", ("auto", True, False), "auto"),
        structured=entry.one_of("structured", ("auto", "tool", "schema"), "auto"),
        leave_out=frozenset(entry.names("leave_out")),
        extra_body=entry.mapping("extra_body"),
        shots=tuple(turn for shot in spec.prompt.shots for turn in shot),
        stream=entry.is_streamed(),
    )
    entry.is_true("allow_http")
    is_batch = entry.is_batch()
    entry.refuse()
    account = Account(
        endpoint=endpoint_of(spec),
        key=key_from(spec.api_key_env) if spec.api_key_env else None,
        key_variable=spec.api_key_env or "",
    )
    kind = AnthropicBatch if is_batch else Anthropic
    return kind(account, str(spec.model), options, timeout_s=timeout_s)


def endpoint_of(spec: ModelSpec) -> Endpoint:
    """Where the entry's requests go. Its URL may end in the `/v1` that the SDK adds by itself.

    Raises ExecutionError for a URL that must not be used.
    """
    base_url = (spec.base_url or BASE_URL).rstrip("/").removesuffix("/v1")
    return parse_endpoint(base_url, allow_http=spec.options.get("allow_http") is True)
