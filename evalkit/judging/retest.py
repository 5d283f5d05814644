"""Does a judge say the same when it is asked the same? A share of every run's questions, put a second time. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from evalkit.judging.grade import Grade
from evalkit.judging.spec import JudgeSpec
from evalkit.numbers import count, percent
from evalkit.stats.intervals import wilson

_SLACK = 1e-9


def picked(ids: Iterable[str], share: float) -> frozenset[str]:
    """This share of the ids, rounded up: those whose digest comes first, so that the same ids give the same pick.

    >>> len(picked(map(str, range(95)), 0.1)), len(picked(["a"], 0.1)), len(picked(["a"], 0.0))
    (10, 1, 0)
    """
    # By digest and not every tenth: answers come side by side, and every tenth might be the same side's.
    drawn = sorted(set(ids), key=lambda name: hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest())
    return frozenset(drawn[: how_many(len(drawn), share)])


def how_many(n: int, share: float) -> int:
    """This share of `n`, rounded up.

    >>> how_many(95, 0.1), how_many(90, 0.1), how_many(0, 0.1)
    (10, 9, 0)
    """
    return math.ceil(share * n - _SLACK)


class Retest(Struct, kw_only=True):
    """Filled item by item: the grades of answers that a judge was asked about twice."""

    asked: int = 0
    n: int = 0
    """Of those asked about again: both times there was a grade."""
    equal: int = 0
    others: int = 0
    """Of those asked about again: another model answered, so that its grade says nothing of the first one's."""

    def add(self, first: Grade, second: Grade) -> None:
        """Counts one answer's two grades; where one is missing, nothing can be said of whether they are equal."""
        self.asked += 1
        if first.value is not None and second.value is not None:
            self.n += 1
            self.equal += math.isclose(first.value, second.value, abs_tol=_SLACK)

    def add_other(self) -> None:
        """Counts an answer about which another model was asked the second time."""
        self.asked += 1
        self.others += 1

    def document(self) -> dict[str, Any] | None:
        """`retest` of a judge in verdict.json: the share of equal grades with Wilson's interval at 95 %."""
        if not self.asked:
            return None
        found = {"asked": self.asked, "n": self.n, "equal": self.equal}
        note = "; ".join(self._left_out()) or None
        if not self.n:
            return found | {"share": None, "ci95": None, "note": note}
        bounds = wilson(self.equal, self.n, 0.95)
        return found | {"share": self.equal / self.n, "ci95": [bounds.low, bounds.high], "note": note}

    def _left_out(self) -> Iterator[str]:
        if self.others:
            yield f"{count(self.others)} of them left out, as another model answered the second time"
        gone = self.asked - self.n - self.others
        if gone == self.asked:
            yield "none of them had a grade both times"
        elif gone:
            yield f"{count(gone)} of them had no grade one of the two times"

    def warning(self, metric: str, spec: JudgeSpec) -> str:
        """What to tell a reader of a judge that changes its mind too often; empty where it does not."""
        flips = self.n - self.equal
        most = spec.probes.retest_flip_max
        if not self.n or flips <= most * self.n + _SLACK:
            return ""
        bounds = wilson(flips, self.n, 0.95)
        votes = 3 if spec.votes == 1 else spec.votes + 2
        return (
            f"The judge of '{metric}' gave {count(flips)} of {count(self.n)} answers another grade when it was asked "
            f"again ({percent(flips / self.n)}, 95 % interval {percent(bounds.low)} to {percent(bounds.high)}; at most "
            f"{percent(most)} should): one grade says little. With votes: {votes} beside the judge, the middle one of "
            f"{votes} counts."
        )
