"""A side that nobody answered for: a run that could not be carried out, which is not a bad result."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.errors import ConnectionLost, ModelNotFound, Overloaded, RateLimited, ServerDown, TimedOut
from evalkit.run.plan import Part
from evalkit.run.progress import Progress
from evalkit.run.turnstile import BREAKER, place_name
from evalkit.store.journal import Journal
from evalkit.types import Failure

_UNREACHED = frozenset(error.kind for error in (ConnectionLost, ModelNotFound, Overloaded, RateLimited, TimedOut))
"""Failures that are the server's and not the request's: another day it would have answered."""


def refuse_silence(work: Sequence[Part], journal: Journal, progress: Progress) -> None:
    """Raises ServerDown when a side's server answered nothing in this session and too much is missing for that.

    The breaker does not see this where every request failed in the run that is resumed too, nor where one of two
    models behind one address is down. Where most was answered before, by the run that is resumed or from the cache, a
    few requests that fail for good are all that is sent: that says nothing about the server before as many attempts
    failed as trip the breaker, and the run goes on to its verdict.
    """
    for role in work[0].sides:
        side = progress.side(role)
        if side.fresh or not side.failed:
            continue
        is_telling = side.failed + side.retried >= BREAKER
        for part in (one for one in work if role in one.sides):  # guard suites have no second baseline
            found = _unreached(journal, part.suite.name, role)
            missing = len(found)
            planned = len(part.suite.samples) * part.sides[role].spec.generation.repeats
            is_too_much = missing > part.suite.gate.validity.max_error_rate * planned
            if is_too_much and (is_telling or 2 * missing > planned):
                last = max(found, key=lambda failure: failure.at).message
                raise ServerDown(
                    f"{place_name(role, part.sides)}: none of the {side.failed:,} requests of this session was "
                    f"answered, the last one failed with: {last}"
                )


def _unreached(journal: Journal, suite: str, role: str) -> list[Failure]:
    """The outcomes of `role` that are failures of the server."""
    found = (one for key, one in journal.outcomes(suite) if key.role == role)
    return [one for one in found if isinstance(one, Failure) and one.kind in _UNREACHED]
