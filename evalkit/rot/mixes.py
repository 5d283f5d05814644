"""Has the mix changed: labels, languages, sources, lengths, of the suite against what production sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evalkit.rot.drift import (
    Counts,
    against_null,
    aligned,
    chi_squared,
    dealt,
    jensen_shannon,
    kolmogorov,
    psi,
    wasserstein,
)
from evalkit.rot.signal import Light, Signal, above, unmeasured

AMBER_PSI, RED_PSI = 0.10, 0.25
AMBER_D, RED_D = 0.10, 0.20
SURE = 0.01
FEW = 5
"""Samples of a category below which the suite says next to nothing about it."""
AMBER_UNCOVERED, RED_UNCOVERED = 5.0, 15.0
SHOWN = 5


def mix_signal(name: str, suite: Mapping[str, int], logs: Mapping[str, int], *, seed: int) -> Signal:
    """Drift of a mix of categories. Red: PSI > .25 and p < .01; amber: PSI > .10 and beyond 95 % of the null."""
    names, left, right = aligned(suite, logs)
    if not left.sum() or not right.sum():
        return unmeasured(name, "not measured: one of the two sides holds none of it")
    if len(names) == 1:
        return Signal(
            name=name, light="green", statistic="PSI", value=0.0, sentence=f"everything is {names[0]!r}, there and here"
        )
    first, second = dealt(left, right, seed=seed)
    found = against_null(float(psi(left, right)), psi(first, second))
    chi = against_null(float(chi_squared(left, right)), chi_squared(first, second))
    is_red = found.value > RED_PSI and chi.p_value < SURE
    is_amber = found.value > AMBER_PSI and found.value > found.null95
    return Signal(
        name=name,
        light="red" if is_red else "amber" if is_amber else "green",
        statistic="PSI",
        value=found.value,
        null95=found.null95,
        p_value=chi.p_value,
        amber=AMBER_PSI,
        red=RED_PSI,
        sentence=_largest(names, left, right, is_real=is_red or is_amber),
        detail={
            "js_bits": round(jensen_shannon(left, right), 6),
            "chi2": round(chi.value, 4),
            "chi2_p": chi.p_value,
            "suite": {label: int(count) for label, count in zip(names, left, strict=True)},
            "production": {label: int(count) for label, count in zip(names, right, strict=True)},
        },
    )


def length_signal(suite: Mapping[int, int], logs: Mapping[int, int], *, seed: int) -> Signal:
    """Drift of lengths in words: Kolmogorov's D with a permutation p; Wasserstein's distance says how many words."""
    name = "length drift"
    lengths = sorted({bucket(value) for value in suite.keys() | logs.keys()})
    if not suite or not logs:
        return unmeasured(name, "not measured: one of the two sides holds no text")
    left, right = (_by_length(counts, lengths) for counts in (suite, logs))
    first, second = dealt(left, right, seed=seed)
    found = against_null(float(kolmogorov(left, right)), kolmogorov(first, second))
    words = wasserstein(np.array(lengths, dtype=np.float64), left, right)
    medians = [lengths[int(np.searchsorted(c.cumsum(), c.sum() / 2))] for c in (left, right)]
    light: Light = "green"
    if found.p_value < SURE and found.value > AMBER_D:
        light = "red" if found.value > RED_D else "amber"
    return Signal(
        name=name,
        light=light,
        statistic="Kolmogorov D",
        value=found.value,
        null95=found.null95,
        p_value=found.p_value,
        amber=AMBER_D,
        red=RED_D,
        sentence=f"a text has {medians[0]:,} words here and {medians[1]:,} in production (medians), "
        f"{words:,.1f} words apart on average",
        detail={"wasserstein_words": round(words, 3), "median_suite": medians[0], "median_production": medians[1]},
    )


def category_coverage(suite: Mapping[str, int], logs: Mapping[str, int]) -> Signal:
    """The share of production that lies in categories of which the suite holds fewer than five samples."""
    name, total = "coverage of categories", sum(logs.values())
    if not total or not suite:
        return unmeasured(name, "not measured: no categories on one of the two sides")
    bare = {label: count for label, count in logs.items() if suite.get(label, 0) < FEW and count}
    share = 100.0 * sum(bare.values()) / total
    largest = sorted(bare, key=lambda label: (-bare[label], label))[:SHOWN]
    listed = f": {', '.join(repr(label) for label in largest)}" if largest else ""
    return Signal(
        name=name,
        light=above(share, AMBER_UNCOVERED, RED_UNCOVERED),
        statistic="% of production",
        value=share,
        amber=AMBER_UNCOVERED,
        red=RED_UNCOVERED,
        sentence=f"{share:.1f} % of production is of categories with fewer than {FEW} samples here{listed}",
        detail={"uncovered": {label: bare[label] for label in largest}},
    )


def bucket(length: int) -> int:
    """A length to two significant digits, so that the longest texts of a million do not make a bin each.

    >>> bucket(7), bucket(123), bucket(98765)
    (7, 120, 98000)
    """
    unit: int = 10 ** max(0, len(str(length)) - 2)
    return length // unit * unit


def _by_length(counts: Mapping[int, int], lengths: list[int]) -> Counts:
    place = {value: i for i, value in enumerate(lengths)}
    found = np.zeros(len(lengths), dtype=np.int64)
    for value, count in counts.items():
        found[place[bucket(value)]] += count
    return found


def _largest(names: Sequence[str], left: Counts, right: Counts, *, is_real: bool) -> str:
    if not is_real:
        return "no more apart than two samples of one source may be, or too little to matter"

    p, q = left / left.sum(), right / right.sum()
    most = int(np.abs(p - q).argmax())
    return f"{names[most]!r} makes {100 * p[most]:.0f} % here and {100 * q[most]:.0f} % in production"
