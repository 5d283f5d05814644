"""Token counts as servers report them. They stand beside an answer and never cost one: what cannot be is unknown."""

from __future__ import annotations

from evalkit.types import Usage

MOST_TOKENS = 10**9
"""No request has more; a server that says so has counted wrong."""


def count(value: object) -> int | None:
    """A number of tokens; None for whatever is none.

    >>> [count(value) for value in (12, 12.0, 0, -5, 3.5, True, "12", None, 10**30)]
    [12, 12, 0, None, None, None, None, None, None]
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_TOKENS:
        return None
    return int(value) if value == int(value) else None


def within(counts: object, key: str) -> object:
    """What `counts` says under `key`; None where it is no object."""
    return counts.get(key) if isinstance(counts, dict) else None


def believable(usage: Usage) -> Usage:
    """The same counts, without those that contradict each other: a part is never more than the whole.

    A prompt of which more was cached than it has is counted some other way, so what it costs is not known.

    >>> believable(Usage(input_tokens=10, output_tokens=3, cached_tokens=50))
    Usage(input_tokens=None, output_tokens=3, cached_tokens=None, cache_write_tokens=None, reasoning_tokens=None)
    """
    asked, said, thought = usage.input_tokens, usage.output_tokens, usage.reasoning_tokens
    read, written = usage.cached_tokens, usage.cache_write_tokens
    if asked is not None and (read or 0) + (written or 0) > asked:
        asked = read = written = None
    if said is not None and (thought or 0) > said:
        said = thought = None
    return Usage(
        input_tokens=asked,
        output_tokens=said,
        cached_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=thought,
    )
