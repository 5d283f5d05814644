"""What earlier runs left, for planning the next one. Reads only; what cannot be read counts as not known."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from evalkit.errors import ExecutionError
from evalkit.store.cache import Cache
from evalkit.store.codec import decode
from evalkit.store.home import home
from evalkit.store.reading import read_only
from evalkit.types import Response

ENOUGH_TIMED = 10
"""Answers below which a rate would be guesswork."""
LONGEST_GAP_S = 60.0
"""A longer silence between two answers is a pause (a stopped run that was resumed), not the server's pace."""
_LOOKED_AT = 50


class PastRun(Struct, frozen=True, kw_only=True):
    """The newest run of a suite that asked a model anything, finished or not."""

    run: str
    answers_per_s: float | None
    """Answers a second over all sides and suites; None where too few were timed."""
    tokens: Mapping[tuple[str, str], tuple[float, float]]
    """(suite, role) → mean input and output tokens of an answer, where the server counted them."""


def cached_answers(fingerprints: Collection[str], *, now: float) -> dict[str, Response]:
    """The answers that a run would take from the cache. Empty without a cache."""
    path = home() / "cache.sqlite"
    if not path.is_file():
        return {}
    try:
        cache = Cache(path, is_read_only=True)
        try:
            return cache.get(fingerprints, now=now)
        finally:
            cache.close()
    except (sqlite3.Error, ExecutionError):
        return {}


def newest_run(suite: str) -> PastRun | None:
    """The newest run of this suite on which plans can build; None when there is none."""
    for path in sorted(home().glob("runs/*/journal.sqlite"), reverse=True)[:_LOOKED_AT]:
        with contextlib.suppress(sqlite3.Error, ExecutionError, ValueError):
            asked = _live_answers(path, suite)
            if asked:
                return PastRun(run=path.parent.name, answers_per_s=_rate(asked), tokens=_tokens(asked))
    return None


class _Answer(Struct, frozen=True, kw_only=True):
    side: tuple[str, str]
    answer: Response


def _live_answers(path: Path, suite: str) -> Sequence[_Answer]:
    """What a model answered in this run, if it was one of `suite`; cached and recorded answers left out."""
    with contextlib.closing(read_only(path)) as connection:
        named = connection.execute("SELECT value FROM meta WHERE name = 'suite'").fetchone()
        if named is None or json.loads(named[0]) != suite:
            return ()
        rows = connection.execute("SELECT suite, role, payload FROM outcomes WHERE is_failure = 0")
        return tuple(_live(rows))


def _live(rows: sqlite3.Cursor) -> Iterator[_Answer]:
    for suite, role, payload in rows:
        answer = decode(payload)
        if isinstance(answer, Response) and not answer.is_cached and answer.at > 0.0:
            yield _Answer(side=(suite, role), answer=answer)


def _rate(asked: Sequence[_Answer]) -> float | None:
    times = sorted(one.answer.at for one in asked)
    busy_s = sum(min(after - before, LONGEST_GAP_S) for before, after in itertools.pairwise(times))
    return (len(times) - 1) / busy_s if len(times) >= ENOUGH_TIMED and busy_s > 0.0 else None


def _tokens(asked: Sequence[_Answer]) -> dict[tuple[str, str], tuple[float, float]]:
    sums: dict[tuple[str, str], tuple[int, int, int]] = {}
    for one in asked:
        usage = one.answer.usage
        if usage.input_tokens is not None and usage.output_tokens is not None:
            n, read, written = sums.get(one.side, (0, 0, 0))
            sums[one.side] = (n + 1, read + usage.input_tokens, written + usage.output_tokens)
    return {side: (read / n, written / n) for side, (n, read, written) in sums.items()}
