"""What a vendor says about a batch of requests that it answers in its own time."""

from __future__ import annotations

from msgspec import Struct


class BatchState(Struct, frozen=True, kw_only=True):
    """How far a batch has come."""

    is_ended: bool
    """Nothing more will happen to it: what there is of answers can be had."""
    done: int
    """Requests that are over, well or not."""
    total: int
    problem: str | None = None
    """Why the vendor took none of it; nothing was answered and nothing is paid for."""
