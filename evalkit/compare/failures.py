"""What a request that got no answer is called where a person reads of it; files keep the codes."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.types.table import Tally

WORDS: Mapping[str, str] = {
    "rate_limited": "turned away at the rate limit",
    "overloaded": "failed inside the server",
    "connection_lost": "without a connection",
    "timed_out": "not answered in time",
    "bad_request": "refused as malformed",
    "auth_failed": "refused for the key",
    "model_not_found": "for a model the server does not have",
    "content_filtered": "blocked by the provider's content filter",
    "context_too_long": "too long for the model's context",
    "protocol_violation": "answered with something that is no chat reply",
    "not_recorded": "without a recorded answer",
    "recorded_error": "recorded as an error",
    "backend_error": "failed inside the backend",
}
EXAMPLE_CHARS = 200


def in_words(kind: str) -> str:
    """A kind of failure as a person would say it; a plug-in's own kind without its underscores."""
    return WORDS.get(kind, kind.replace("_", " "))


def told(tally: Tally) -> str:
    """A side's failures by kind with what one of the most frequent said; empty when there are none."""
    kinds = sorted(tally.kinds.items(), key=lambda found: (-found[1], found[0]))
    counted = ", ".join(f"{count:,} {in_words(kind)}" for kind, count in kinds)
    example = tally.examples.get(kinds[0][0], "") if kinds else ""
    shown = example if len(example) <= EXAMPLE_CHARS else f"{example[:EXAMPLE_CHARS]}…"
    return f'{counted}: "{shown}"' if shown else counted
