"""The comparison with each of several baselines, and the noise floor, in words and figures."""

from __future__ import annotations

from msgspec import Struct

from evalkit import numbers
from evalkit.report import strings
from evalkit.report.grid import Table
from evalkit.report.read import Document, number, obj, pair, text, whole


class AgainstRow(Struct, frozen=True, kw_only=True):
    """What came of the candidate against one baseline."""

    name: str
    difference: str
    interval: str
    n: str
    look: strings.Look
    decides: bool


def against_rows(verdict: Document) -> tuple[AgainstRow, ...]:
    """One row a baseline, in the suite's order; empty where the suite has only one."""
    found = obj(verdict, "baselines")
    if len(found) <= 1:
        return ()
    return tuple(_row(name, obj(found, name), decides=name == text(verdict, "against")) for name in found)


def _row(name: str, found: Document, *, decides: bool) -> AgainstRow:
    primary = obj(found, "primary")
    ends = pair(primary, "ci95_points")
    return AgainstRow(
        name=name,
        difference=numbers.signed(number(primary, "delta_points")),
        interval=numbers.interval(ends) if ends else "–",
        n=numbers.count(whole(primary, "n")),
        look=strings.verdict_look(text(found, "verdict")),
        decides=decides,
    )


def against_table(verdict: Document) -> Table:
    """The same as a plain table; without rows where the suite has only one baseline."""
    rows = tuple(
        (row.name, f"{row.look.mark} {row.look.word}{' (decides)' * row.decides}", row.difference, row.interval, row.n)
        for row in against_rows(verdict)
    )
    return Table(head=("baseline", "verdict", "difference", "95 % interval", "n"), rows=rows, is_numeric=True)


def noise_words(verdict: Document) -> str:
    """How far the baseline moved against itself; empty where that was not asked for.

    >>> floor = {"metric": "f1", "delta_points": 1.0, "ci95_points": [-2, 4], "n": 100, "equal_answers": 0.97}
    >>> noise_words({"noise_floor": floor})
    '+1.0 points [−2.0, +4.0] on f1 when the baseline is asked twice (100 samples, 97.0 % of the answers equal)'
    """
    floor = obj(verdict, "noise_floor")
    first = next(iter(obj(verdict, "baselines")), "")
    who = f"the baseline {first}" if len(obj(verdict, "baselines")) > 1 else "the baseline"
    delta, ends = number(floor, "delta_points"), pair(floor, "ci95_points")
    if delta is None:
        return ""
    shown = f"{numbers.signed(delta)} points{f' {numbers.interval(ends)}' if ends else ''}"
    equal = numbers.percent(number(floor, "equal_answers"))
    n = numbers.count(whole(floor, "n"))
    shown += f" on {text(floor, 'metric')}" if text(floor, "metric") else ""
    return f"{shown} when {who} is asked twice ({n} samples, {equal} of the answers equal)"
