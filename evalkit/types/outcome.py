"""What is sent to a model and what comes back: an answer or a failure, never a zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from evalkit.types.json import JsonValue

Finish = Literal["stop", "length", "refusal", "tool_calls"]


class Message(Struct, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: str
    """system | user | assistant | tool"""
    content: str


class Params(Struct, frozen=True, kw_only=True):
    """Decoding parameters of one request; whatever changes an answer belongs here."""

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int | None = None
    response_schema: Mapping[str, JsonValue] | None = None
    """A JSON Schema the engine constrains decoding to, where it can."""


class Key(Struct, frozen=True, kw_only=True):
    """Which answer this is. Outcomes are joined by key and by nothing else."""

    suite: str
    """Name of the suite the sample belongs to (a guard suite's samples ride along in the same run)."""
    role: str
    """baseline | candidate | the name of one of several baselines | baseline again"""
    sample_id: str
    repeat: int = 0


class Request(Struct, frozen=True, kw_only=True):
    """One question to one side. Equal fingerprints mean equal bytes on the wire to the same model, but for `stream`."""

    key: Key
    messages: tuple[Message, ...]
    params: Params
    fingerprint: str = ""
    """sha256 over wire body, model identity, backend version and repeat: the cache's key. Empty: of no cache."""


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens as the server counted them; None where it did not say."""

    input_tokens: int | None = None
    """All of the prompt, what was cached of it included."""
    output_tokens: int | None = None
    """All that was written and is paid for, reasoning included."""
    cached_tokens: int | None = None
    """Of the input: read from the provider's prompt cache."""
    cache_write_tokens: int | None = None
    """Of the input: written into that cache, which some providers charge more for."""
    reasoning_tokens: int | None = None
    """Of the output: thought, and not part of the text."""


class Response(Struct, frozen=True, kw_only=True, tag_field="is", tag="response", omit_defaults=True):
    """A model's own words, right or wrong."""

    text: str
    finish: Finish
    usage: Usage = Usage()
    served_model: str | None = None
    latency_s: float | None = None
    """Wall time of the successful attempt; None when it was not measured (recorded answers)."""
    ttft_s: float | None = None
    """Seconds of it until the first token of text; None where answers are not streamed, or held no text."""
    attempts: int = 1
    at: float = 0.0
    """Unix time of the answer, seconds."""
    is_cached: bool = False


class Failure(Struct, frozen=True, kw_only=True, tag_field="is", tag="failure", omit_defaults=True):
    """No answer was had. No metric accepts this type, so it cannot become a number."""

    kind: str
    """`BackendError.kind` of the last attempt."""
    message: str
    """Redacted: carries no key and no prompt text."""
    status: int | None = None
    attempts: int = 1
    at: float = 0.0


Outcome = Response | Failure


class ModelIdentity(Struct, frozen=True, kw_only=True):
    """What a backend can prove about the model behind it; None where it cannot."""

    served_model: str | None = None
    weights_sha256: str | None = None
    adapter_sha256: str | None = None
    engine: str = ""
    engine_version: str = ""
    endpoint: str = ""
    """scheme://host:port/path without credentials; empty for engines evalkit starts itself."""
    has_adapter_applied: bool | None = None
    """True once the engine itself confirmed the adapter is loaded; None when it cannot say."""
    is_fixed: bool = False
    """True for recorded answers: nothing is asked, so nothing can be probed."""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    """What else the engine said of itself, for the report: its arguments, how it writes a conversation."""
