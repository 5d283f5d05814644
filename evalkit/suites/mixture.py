"""`gate.slices.weights` against the samples: the production mix has to cover one column of them, and sum to 1."""

from __future__ import annotations

import math
from collections import Counter

from evalkit.suites.diagnostics import did_you_mean, dotted, listing
from evalkit.suites.samples import Samples
from evalkit.suites.sides import Workshop
from evalkit.suites.yaml_source import Loc

TOLERANCE = 1e-6
"""How far from 1 the shares may sum: rounding of shares written by people."""
_LOC: Loc = ("gate", "slices", "weights")


def check_weights(made: Samples, shop: Workshop) -> None:
    """Adds a finding for a share of no slice, of a second column, for a value without a share and for a wrong sum."""
    gate, dataset = shop.parts.gate, shop.parts.dataset
    if gate is None or gate.slices.weights is None or dataset is None or not made.samples:
        return
    shares, findings = gate.slices.weights, shop.findings
    counts = Counter((column, value) for sample in made.samples for column, value in sample.slices.items())
    known = {f"{column}={value}": column for column, value in counts}
    columns = list(dict.fromkeys(known[name] for name in shares if name in known))
    unknown = [name for name in shares if name not in known]
    for name in unknown:
        message = f"{dotted(_LOC)}: no slice is named '{name[:60]}'{did_you_mean(name, known)}"
        wanted = f"slices: {listing(sorted(known))}" if known else "name the column in dataset.slices"
        findings.at((*_LOC, name), message, help=wanted, on_key=True)
    if len(columns) > 1:
        message = f"{dotted(_LOC)}: shares of one column are wanted; here are {' and '.join(columns)}"
        findings.at(_LOC, message, help="a column that joins them, such as 'de, chat', can be weighed")
    elif columns and not unknown:
        for (column, value), n in sorted(counts.items()):
            if column == columns[0] and f"{column}={value}" not in shares:
                message = f"{dotted(_LOC)}: '{column}={value}'"[:150] + f" has {n} samples and no share"
                findings.at(_LOC, message, help="give it its share of the traffic, 0 where there is none of it")
    total = math.fsum(shares.values())
    if not unknown and abs(total - 1.0) > TOLERANCE:
        findings.at(_LOC, f"{dotted(_LOC)}: the shares sum to {total:g}, not to 1")
