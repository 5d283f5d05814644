"""What one request costs on either side: the same samples priced twice, so that long questions cancel out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
from msgspec import Struct

from evalkit.stats.distributions import t_quantile
from evalkit.stats.paired import cluster_mean
from evalkit.types import Amount, ModelSpec, ValiditySpec
from evalkit.types.table import ScoreTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MICRO = 1e6
"""Differences are averaged in millionths of a dollar, the size of a token's price, far above rounding."""


class Priced(Struct, frozen=True, kw_only=True):
    """The samples whose cost is known on both sides."""

    baseline: NDArray[np.float64]
    """(n,) USD a request."""
    candidate: NDArray[np.float64]
    clusters: NDArray[np.intp] | None

    @classmethod
    def of(cls, table: ScoreTable) -> Self:
        """The priced pairs of a table; empty where a side has no cost at all."""
        nothing = np.full(len(table.sample_ids), np.nan)
        base, cand = (table.costs.get(role, nothing) for role in ("baseline", "candidate"))
        # A server that counts tokens below zero has not said what an answer costs.
        both = np.isfinite(base) & np.isfinite(cand) & (base >= 0.0) & (cand >= 0.0)
        clusters = None if table.clusters is None else table.clusters[both]
        return cls(baseline=base[both], candidate=cand[both], clusters=clusters)

    def __len__(self) -> int:
        return len(self.baseline)

    def difference(self, level: float, *, baseline: float = 1.0, candidate: float = 1.0) -> Amount | None:
        """Candidate minus baseline, USD a request: the mean with its two-sided bounds at `level`.

        `baseline` and `candidate` scale a side's prices. Cluster-robust t (CR1) with G − 1 degrees of freedom, Cameron
        & Miller 2015, J Hum Resour 50:317, section II. None for fewer than two pairs or clusters: a spread takes two.
        """
        if len(self) == 0:
            return None
        each = _MICRO * (candidate * self.candidate - baseline * self.baseline)
        mean, error, groups = cluster_mean(each, self.clusters)
        if groups < 2:  # noqa: PLR2004 - see above
            return None
        half = t_quantile(0.5 + level / 2.0, groups - 1) * error
        return Amount(point=mean / _MICRO, low=(mean - half) / _MICRO, high=(mean + half) / _MICRO)


def why_unpriced(priced: Priced, table: ScoreTable, models: Mapping[str, ModelSpec], asked: ValiditySpec) -> str:
    """Why these pairs cannot say what a request costs, in words; empty when they can."""
    without = [role for role in ("baseline", "candidate") if models[role].price is None]
    if without:
        return f"the suite names no price for the {' and the '.join(without)}"
    silent = [role for role in ("baseline", "candidate") if not np.isfinite(table.costs.get(role, np.nan)).any()]
    if silent:
        return f"the answers of the {' and the '.join(silent)} carry no token counts"
    if len(priced) < asked.min_pair_coverage * table.both_answered:
        return f"token counts are known for only {len(priced):,} of the {table.both_answered:,} answered pairs"
    if len(priced) < asked.min_n:
        return f"costs are known for only {len(priced):,} pairs; at least {asked.min_n:,} are asked for"
    return ""
