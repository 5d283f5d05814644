"""What a run hands over to have its verdict document written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from evalkit.compare.noise import NoiseFloor
from evalkit.costs.payback import Costs
from evalkit.types import BASELINE, ModelIdentity, Suite, Verdict
from evalkit.types.table import ScoreTable


class Compared(Struct, frozen=True, kw_only=True):
    """What was found against one baseline. Suite and table hold it and the candidate only."""

    suite: Suite
    table: ScoreTable
    costs: Costs
    flips: Mapping[str, int]
    verdict: Verdict
    identity: ModelIdentity | None


class RunFacts(Struct, frozen=True, kw_only=True):
    """Everything about a run that its verdict document shows; of several baselines, against the one that decides."""

    suite: Suite
    suite_file: str
    run: str
    created: str
    verdict: Verdict
    table: ScoreTable | None
    """None when nothing was asked (refused before the first request)."""
    costs: Costs | None = None
    flips: Mapping[str, int] = field(default_factory=dict)
    identities: Mapping[str, ModelIdentity] = field(default_factory=dict)
    probe: Mapping[str, Any] = field(default_factory=dict)
    differences: Sequence[Mapping[str, Any]] = ()
    per_class: Sequence[Mapping[str, Any]] = ()
    signatures: Mapping[str, str] = field(default_factory=dict)
    """Metric → what somebody needs to get the same numbers elsewhere, where there is more to it than its name."""
    judges: Sequence[Mapping[str, Any]] = ()
    """What graded, and how well it went."""
    contamination: Mapping[str, Any] = field(default_factory=dict)
    freshness: Mapping[str, Any] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
    guard_checks: Sequence[Mapping[str, Any]] = ()
    """What the guard suites' own checks found."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    next_command: str | None = None
    """What asks for the answers that are missing."""
    against: str = BASELINE
    """The baseline that decides."""
    compared: Mapping[str, Compared] = field(default_factory=dict)
    """By baseline, in the suite's order; empty when nothing was asked."""
    noise_floor: NoiseFloor | None = None
