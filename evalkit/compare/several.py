"""A candidate against several baselines: it ships only where it ships against each of them.

Each comparison is made at the gate's own alpha. A test that rejects only where all of its parts do, each of level
alpha, is itself of level alpha whatever the parts have to do with each other (an intersection–union test: Berger and
Hsu 1996, Statistical Science 11(4), 283–319, theorem 1), so nothing is corrected for how many baselines there are. The
price is power: against several equal baselines a good candidate ships a little less often than against one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import structs

from evalkit.compare.gate import RANK
from evalkit.types import Reason, Verdict


def deciding(verdicts: Mapping[str, Verdict]) -> str:
    """The baseline with the worst verdict; of equals the one with the smallest lower bound, then delta, then the first.

    `verdicts` holds at least one verdict by its baseline.
    """

    def order(name: str) -> tuple[float, float, float]:
        found = verdicts[name].primary
        low = -math.inf if found is None or found.bounds is None else found.bounds.low
        delta = -math.inf if found is None or found.delta_points is None else found.delta_points
        return RANK[verdicts[name].status], low, delta

    return min(verdicts, key=order)


def over_all(verdicts: Mapping[str, Verdict]) -> Verdict:
    """The verdict of the baseline that decides, with the reasons and cautions of all of them, each naming its baseline.

    A single verdict is returned as it is.
    """
    name = deciding(verdicts)
    if len(verdicts) == 1:
        return verdicts[name]
    ordered = [name, *(other for other in verdicts if other != name)]
    said = [(baseline, reason) for baseline in ordered for reason in verdicts[baseline].reasons]
    everywhere = {reason for _, reason in said if all(reason in found.reasons for found in verdicts.values())}
    reasons = [reason if reason in everywhere else against(baseline, reason) for baseline, reason in said]
    # What blocks comes first; sorting keeps the deciding baseline's before the others'.
    reasons.sort(key=lambda reason: not reason.is_blocking)
    cautions = [
        caution if all(caution in found.cautions for found in verdicts.values()) else f"Against {baseline}: {caution}"
        for baseline in ordered
        for caution in verdicts[baseline].cautions
    ]
    return structs.replace(
        verdicts[name], reasons=tuple(dict.fromkeys(reasons)), cautions=tuple(dict.fromkeys(cautions))
    )


def against(baseline: str, reason: Reason) -> Reason:
    """The reason with its baseline's name in front."""
    return structs.replace(reason, detail=f"against {baseline}: {reason.detail}")
