"""The one retry table. Backends never retry; vendor SDKs are told not to."""

from __future__ import annotations

from evalkit.errors import BackendError, ConnectionLost, Overloaded, RateLimited, Retryable, TimedOut

MAX_ATTEMPTS = 5
LONGEST_BACKOFF_S = 30.0
JITTER = 0.1
"""A pause that a server asks for is kept, and up to this share of it more."""
LONGEST_ASKED_S = 600.0
"""A server that asks for more than ten minutes is given up on: the request becomes a Failure."""


def backoff_s(attempt: int, jitter: float) -> float:
    """Seconds before attempt `attempt + 1`: 0.5, 1, 2, 4 … at most 30, times 0.5 to 1. `jitter` is in [0, 1)."""
    return float(min(LONGEST_BACKOFF_S, 0.5 * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * jitter))


def pause_s(error: BackendError, attempt: int, jitter: float) -> float | None:
    """Seconds to wait after failed attempt number `attempt` (1 = the first), or None to give up."""
    if attempt >= MAX_ATTEMPTS:
        return None
    match error:
        case RateLimited(retry_after_s=asked) | Overloaded(retry_after_s=asked):
            if asked is not None and asked > LONGEST_ASKED_S:
                return None
            # Jitter only ever adds to what the server asked for: never early, not all at once.
            return max((asked or 0.0) * (1.0 + JITTER * jitter), backoff_s(attempt, jitter))
        case ConnectionLost() | TimedOut() | Retryable():
            return backoff_s(attempt, jitter)
        case _:
            return None
