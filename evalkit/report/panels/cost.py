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
    labels: dict[str, tuple[str, Callable[[float | None], str]]] = {
        "p50_s": ("half of the answers within", numbers.duration),
        "p95_s": ("95 % of the answers within", numbers.duration),
        "n": ("answers timed", numbers.count),
    }
    rows = [
        (label, *(write(number(obj(latency, side), key)) for side in strings.SIDES))
        for key, (label, write) in labels.items()
    ]
    rows += list(_ratios(obj(latency, "ratio")))
    return Table(head=BOTH, rows=(*rows, *notes(latency)), is_numeric=True)


def _ratios(ratio: Document) -> Iterable[tuple[str, ...]]:
    """How many times the baseline's time the candidate takes, on the same samples."""
    for key, label in (("p50", "half of the answers: times the baseline's"), ("p95", "95 %: times the baseline's")):
        point, ends = number(obj(ratio, key), "point"), pair(obj(ratio, key), "ci95")
        if point is not None and ends is not None:
            yield label, "1", f"{point:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"
