"""What is known of the judge behind a metric, as far as a verdict may rest on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from msgspec import Struct, field, structs

from evalkit.stats.correction import Confusion
from evalkit.types import BASELINE, CANDIDATE
from evalkit.types.table import ScoreTable

FEWEST_OWN = 30
"""Samples with both answers labelled below which people's labels of a run correct nothing: as few as a gate takes."""
Whose = Literal["these", "others", "unknown"]
"""Whose answers people labelled: the compared models', another candidate's (or baseline's), or it is not on record."""
UNCALIBRATED, UNPROBED = "JUDGE_UNCALIBRATED", "JUDGE_UNPROBED"


class Instrument(Struct, frozen=True, kw_only=True):
    """What is known of the judge behind a metric."""

    judge: str
    distrust: str = ""
    """Why no verdict may rest on it, in words; empty: it may decide."""
    code: str = UNCALIBRATED
    """The reason's code where it is distrusted."""
    confusion: Mapping[str, Confusion] = field(default_factory=dict)
    """Judge against people on answers labelled for calibration, by role; "" where labels do not say whose answer."""
    whose: Whose = "unknown"
    """Whose answers these were, where the labels name sides."""
    own: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    """Sample id → people's scores of this run's answers (baseline, candidate), and how many samples it stands for."""
    is_pair: bool = False
    """It compares two answers, so that its errors on the one side are those on the other: no rates undo these."""
    alike: frozenset[str] = frozenset()
    """Of such a judge: samples whose two answers are equal, a tie that neither it nor people were asked about."""
    imputed: frozenset[str] = frozenset()
    """Samples whose scores are none of the judge's but the worst that could be missing: they count as they stand."""
    looks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Sample id → how the candidate's answer looks beside the baseline's: more characters, headers, bullets, bold."""
    asked: int = 0
    """Answers put to it."""
    unread: int = 0
    """Of those: no usable grade came back, not when asked once more either."""
    is_trusted: bool = False
    """The suite says `require_judge_calibration: false`: where nothing corrects the judge, what it says decides."""

    def without_missing(self, metric: str, table: ScoreTable) -> Instrument:
        """The same once what `table` lacks is filled in with the worst: no judge's weight may soften that."""
        scored = [table.columns[role][metric].is_scored for role in (BASELINE, CANDIDATE)]
        gone = np.flatnonzero(~(scored[0] & scored[1]))
        return structs.replace(self, imputed=frozenset(table.sample_ids[i] for i in gone))
