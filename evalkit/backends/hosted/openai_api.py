"""`openai`: from a suite's entry to the backend, one request at a time or in batches."""

from __future__ import annotations

from evalkit.backends.chat_http import key_from
from evalkit.backends.entry import Entry
from evalkit.backends.hosted.openai_batch import OpenAIBatch
from evalkit.backends.hosted.openai_chat import OpenAI, OpenAIOptions
from evalkit.backends.hosted.sdk import Account
from evalkit.backends.http.endpoint import Endpoint, parse_endpoint
from evalkit.types import ModelSpec

BASE_URL = "https://api.openai.com/v1"
OPTIONS = (
    "allow_http",
    "batch",
    "batch_discount",
    "extra_body",
    "leave_out",
    "organization",
    "project",
    "reasoning",
    "stream",
)


def make(spec: ModelSpec, *, timeout_s: float) -> OpenAI:
    """The backend for one model entry; sends nothing yet.

    Raises UsageError for an entry that lacks `model` or says what this backend cannot do, and ExecutionError for a
    URL that must not be used or a key that is not set.
    """
    entry = Entry(spec, OPTIONS)
    options = OpenAIOptions(
        reasoning=entry.one_of("reasoning", ("auto", True, False), "auto"),
        leave_out=frozenset(entry.names("leave_out")),
        extra_body=entry.mapping("extra_body"),
        stream=entry.is_streamed(),
    )
    organization, project = entry.text("organization"), entry.text("project")
    entry.is_true("allow_http")
    is_batch = entry.is_batch()
    entry.refuse()
    account = Account(
        endpoint=endpoint_of(spec),
        key=key_from(spec.api_key_env) if spec.api_key_env else None,
        key_variable=spec.api_key_env or "",
        organization=organization,
        project=project,
    )
    kind = OpenAIBatch if is_batch else OpenAI
    return kind(account, str(spec.model), options, timeout_s=timeout_s)


def endpoint_of(spec: ModelSpec) -> Endpoint:
    """Where the entry's requests go. Raises ExecutionError for a URL that must not be used."""
    return parse_endpoint(spec.base_url or BASE_URL, allow_http=spec.options.get("allow_http") is True)
