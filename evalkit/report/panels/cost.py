"""What the answers cost and how long they took, and when the change pays for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from evalkit import numbers
from evalkit.report import payback, strings
from evalkit.report.grid import BOTH, Table, notes
from evalkit.report.read import Document, number, obj, pair


def panel(verdict: Document, _manifest: Document) -> Mapping[str, Any]:
    """Tables of cost, time and payback."""
    return {
        "cost": cost_table(verdict),
        "latency": latency_table(verdict),
        "payback": payback.payback_table(verdict),
        "sensitivity": payback.sensitivity_table(verdict),
        "payback_sentences": payback.payback_sentences(verdict),
        "payback_assumptions": payback.assumptions(verdict),
    }


def cost_table(verdict: Document) -> Table:
    """Money and tokens of both sides; an unknown price is said to be unknown."""
    cost = obj(verdict, "cost")
    labels: dict[str, tuple[str, Callable[[float | None], str]]] = {
        "usd": ("all answers, USD", numbers.usd),
        "usd_per_1000": ("1,000 answers, USD", numbers.usd),
        "input_tokens": ("input tokens", numbers.count),
        "output_tokens": ("output tokens", numbers.count),
    }
    rows = [
        (label, *(write(number(obj(cost, side), key)) for side in strings.SIDES))
        for key, (label, write) in labels.items()
    ]
    return Table(head=BOTH, rows=(*rows, *notes(cost)), is_numeric=True)


def latency_table(verdict: Document) -> Table:
    """Answer times of both sides."""
    latency = obj(verdict, "latency")
    first = obj(latency, "ttft")
    rows = [*_times(latency, "answers"), *_ratios(obj(latency, "ratio"), "answers")]
    if any(number(obj(first, side), "n") for side in strings.SIDES):
        rows += [*_times(first, "first tokens"), *_ratios(obj(first, "ratio"), "first tokens")]
    return Table(head=BOTH, rows=(*rows, *notes(latency)), is_numeric=True)


def _times(times: Document, what: str) -> Iterable[tuple[str, ...]]:
    """How long a half and 95 % of `what` took, and how many were timed."""
    labels: dict[str, tuple[str, Callable[[float | None], str]]] = {
        "p50_s": (f"half of the {what} within", numbers.duration),
        "p95_s": (f"95 % of the {what} within", numbers.duration),
        "n": (f"{what} timed", numbers.count),
    }
    for key, (label, write) in labels.items():
        yield (label, *(write(number(obj(times, side), key)) for side in strings.SIDES))


def _ratios(ratio: Document, what: str) -> Iterable[tuple[str, ...]]:
    """How many times the baseline's time the candidate takes, on the same samples."""
    for key, label in (
        ("p50", f"half of the {what}: times the baseline's"),
        ("p95", f"95 % of the {what}: times the baseline's"),
    ):
        point, ends = number(obj(ratio, key), "point"), pair(obj(ratio, key), "ci95")
        if point is not None and ends is not None:
            yield label, "1", f"{point:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"
