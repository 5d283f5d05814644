"""What a benchmark found, and the arithmetic between stopwatch and table. Pure; standard library only."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Event = tuple[str, int, float, float, int]
"""(model, sample number, arrived, replied, status); times in seconds of one clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    figure: str
    target: str = ""
    is_met: bool | None = None
    """None: there is no target, or nothing was measured."""
    how: str = ""


def not_measured(what: str, target: str, why: str) -> Row:
    """A row that says so."""
    return Row(what=what, figure=f"not measured: {why}", target=target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Several readings of one quantity."""

    median: float
    low: float
    high: float
    n: int

    def told(self, digits: int = 2, unit: str = "") -> str:
        """`3.1 s (2.9–3.6, 3 rounds)`."""
        unit = f" {unit}" if unit else ""
        if self.n == 1:
            return f"{self.median:.{digits}f}{unit} (1 round)"
        return f"{self.median:.{digits}f}{unit} ({self.low:.{digits}f}–{self.high:.{digits}f}, {self.n} rounds)"


def spread(readings: Sequence[float]) -> Spread:
    """Median and range. Raises ValueError when there is no reading."""
    if not readings:
        raise ValueError("no readings")
    return Spread(median=statistics.median(readings), low=min(readings), high=max(readings), n=len(readings))


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The spread of above/below, round by round: both were measured next to each other, so load hits both."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The request phase of a run by the server's ledger."""

    asked: int
    """Attempts."""
    refused: int
    """Attempts answered with another status than 200."""
    finished: int
    """Different (model, sample) that got their answer."""
    wall_s: float
    """From the first arrival to the last reply."""
    demanded_s: float
    """Seconds of Retry-After that the request which ended last was told to wait: no client could be done sooner."""

    @property
    def own_s(self) -> float:
        """The phase without the waiting that the server demanded of the request that ended last."""
        return self.wall_s - self.demanded_s


def phase(events: Sequence[Event], retry_after_s: float) -> Phase:
    """The request phase that these events make up. Raises ValueError when there are none."""
    if not events:
        raise ValueError("no requests")
    last = max(events, key=lambda event: event[3])
    told = sum(1 for event in events if event[:2] == last[:2] and event[4] == 429)
    return Phase(
        asked=len(events),
        refused=sum(event[4] != 200 for event in events),
        finished=len({event[:2] for event in events if event[4] == 200}),
        wall_s=last[3] - min(event[2] for event in events),
        demanded_s=told * retry_after_s,
    )


def at_shares(readings: Sequence[tuple[int, float]], total: int, shares: Sequence[float]) -> list[float | None]:
    """The first reading at or after each share of `total`, from (how many so far, reading) in order; None if none."""
    return [next((value for count, value in readings if count >= share * total), None) for share in shares]


def rate(events: Sequence[Event], wanted: int) -> float:
    """Requests a second of the last `wanted` to arrive: those before them only told the models apart."""
    asked = sorted(events, key=lambda event: event[2])[-wanted:]
    return wanted / (max(event[3] for event in asked) - asked[0][2])
