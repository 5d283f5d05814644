"""The production mix in words: which weights the difference was counted with, and what the samples' own mix says."""

from __future__ import annotations

from evalkit import numbers
from evalkit.report.read import Document, number, obj

MOST = 12
"""Weights told one by one; a suite with more has them in its suite.yaml."""


def mix_words(verdict: Document) -> str:
    """One sentence; empty where the samples count as they are.

    >>> mix_words({"slice_summary": {"weights": {"lang=de": 0.7, "lang=en": 0.3}, "pooled_points": 3.04}})
    'counted as the traffic is mixed: lang=de 70.0 %, lang=en 30.0 %; as the samples are mixed it would be +3.0 points'
    """
    summary = obj(verdict, "slice_summary")
    weights = obj(summary, "weights")
    if not weights:
        return ""
    shares = [f"{name} {numbers.percent(number(weights, name))}" for name in list(weights)[:MOST]]
    more = f" and {len(weights) - MOST} more" if len(weights) > MOST else ""
    pooled = number(summary, "pooled_points")
    plain = "" if pooled is None else f"; as the samples are mixed it would be {numbers.signed(pooled)} points"
    return f"counted as the traffic is mixed: {', '.join(shares)}{more}{plain}"
