"""One side of a comparison as data: who answers, what it is asked with, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from evalkit.types.json import JsonValue
from evalkit.types.outcome import Message, Usage

BASELINE = "baseline"
"""The role of a suite's one baseline; of several, what stands for the one that is looked at."""
CANDIDATE = "candidate"
AGAIN = "baseline again"
"""The first baseline, asked a second time to see how far it moves by itself."""


class Price(Struct, frozen=True, kw_only=True):
    """USD per 1M tokens on a date."""

    input: float
    output: float
    cached: float | None = None
    """Of input read from the provider's prompt cache; None: as other input."""
    cache_write: float | None = None
    """Of input written into that cache; None: as other input."""
    as_of: str | None = None
    batch_factor: float | None = None
    """What the prices above were multiplied by because the answers come in batches; None where they do not."""

    def usd(self, usage: Usage) -> float | None:
        """What an answer with these counts costs; None where the server did not count.

        >>> price = Price(input=3.0, output=15.0, cached=0.3)
        >>> price.usd(Usage(input_tokens=1000, output_tokens=100, cached_tokens=900))
        0.00207
        """
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        read = usage.cached_tokens or 0 if self.cached is not None else 0
        written = usage.cache_write_tokens or 0 if self.cache_write is not None else 0
        asked = (usage.input_tokens - read - written) * self.input
        kept = read * (self.cached or 0.0) + written * (self.cache_write or 0.0)
        return (asked + kept + usage.output_tokens * self.output) / 1e6


class Prompt(Struct, frozen=True, kw_only=True):
    """How a sample becomes messages for one side. All texts are already read from their files."""

    system: str | None = None
    template: str | None = None
    """jinja2 over the row's fields; becomes the user turn."""
    messages_field: str | None = None
    """Or: dotted path to a chat column; its turns up to the last user turn are sent."""
    shots: tuple[tuple[Message, ...], ...] = ()
    """Few-shot examples, each a user turn and an assistant turn."""


class Generation(Struct, frozen=True, kw_only=True):
    """Decoding as the suite asks for it."""

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int | None = 7
    repeats: int = 1
    response_schema: Mapping[str, JsonValue] | None = None


class ModelSpec(Struct, frozen=True, kw_only=True):
    """One side of the comparison. Holds the name of a key's environment variable, never a key."""

    role: str
    backend: str
    model: str | None = None
    adapter: Path | None = None
    path: Path | None = None
    """`outputs`: the file of recorded answers."""
    base_url: str | None = None
    api_key_env: str | None = None
    options: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)
    """Backend-specific keys (`engine`, `args`, `batch`, a plug-in's own)."""
    price: Price | None = None
    prompt: Prompt = msgspec.field(default_factory=Prompt)
    generation: Generation = msgspec.field(default_factory=Generation)
    line: int | None = None
    """Where the entry stands in suite.yaml."""

    @property
    def place(self) -> str:
        """Its key in suite.yaml: `models.candidate`, `models.baselines.rag`."""
        return f"models.{self.role}" if self.role in {BASELINE, CANDIDATE} else f"models.baselines.{self.role}"
