"""A suite as data: samples, metrics, the gate, and what else a run is told. Built by `evalkit.suites.load`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, structs

from evalkit.types.hygiene import Hygiene
from evalkit.types.json import JsonValue
from evalkit.types.reuse import ReuseSpec
from evalkit.types.side import AGAIN, BASELINE, CANDIDATE, ModelSpec

Intent = Literal["quality", "cost", "regression"]
Evidence = Literal["positive", "margin", "none"]
OnUnresolved = Literal["warn", "inconclusive"]
CheckAction = Literal["fail", "clean", "warn"]
"""What a finding means: invalid evidence, a verdict without the samples it names, or a warning."""
GuardMode = Literal["noninferiority", "no_confirmed_regression"]


class Sample(Struct, frozen=True, kw_only=True):
    """One held-out example."""

    id: str
    fields: Mapping[str, JsonValue]
    """The row as it stands in the data file."""
    target: JsonValue = None
    """What a right answer is; None when the suite names no target."""
    slices: Mapping[str, str] = msgspec.field(default_factory=dict)
    cluster: str | None = None
    """Samples that share it are not independent."""
    time: str | None = None
    weight: float = 1.0


class MetricSpec(Struct, frozen=True, kw_only=True):
    """One entry of `metrics:`."""

    name: str
    type: str
    field: str | None = None
    """Dotted path into the answer parsed as JSON, and into the target when that is an object."""
    options: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)
    """Everything else the entry says: average, normalize, schema (already read), labels …"""
    line: int | None = None


class CheckSpec(Struct, frozen=True, kw_only=True):
    """One entry of `checks.plugins:`: a look at the evidence that an installed package brings."""

    type: str
    action: CheckAction = "warn"
    options: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)
    """Everything else the entry says."""
    line: int | None = None


class Finding(Struct, frozen=True, kw_only=True):
    """What a check found wrong with the evidence."""

    detail: str = ""
    """A sentence for the reader of the report; empty when nothing is wrong."""
    samples: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Sample id → what is wrong with it. These are left out when the suite says `action: clean`."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.detail and not self.samples


class PrimarySpec(Struct, frozen=True, kw_only=True):
    """The metric the gate decides on, or several."""

    metric: str
    """The first one; samples are shown as fixed or broken by it."""
    others: tuple[str, ...] = ()
    """Further ones."""
    require: Literal["all", "any"] = "all"
    """How many of several must pass."""
    min_delta: float = 5.0
    """Points."""
    evidence: Evidence = "positive"
    unresolved: Literal["dont_ship", "inconclusive"] = "dont_ship"
    line: int | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """All of them, the first one first."""
        return (self.metric, *self.others)


class GuardSpec(Struct, frozen=True, kw_only=True):
    """Something that must not get worse."""

    kind: Literal["metric", "latency", "ttft", "cost", "zero_tolerance"] = "metric"
    metric: str | None = None
    suite: Path | None = None
    """Another suite.yaml, run with the same models; None = this suite."""
    must_pass: tuple[str, ...] = ()
    """Zero tolerance: ids of the samples of this suite that the candidate may not fail; empty: see `slice`."""
    slice: str | None = None
    """Zero tolerance: `column=value`, all samples of which the candidate may not fail; None: see `suite`."""
    margin: float = 0.0
    """Points the metric may lose (metric guards)."""
    mode: GuardMode = "noninferiority"
    on_unresolved: OnUnresolved = "warn"
    stat: Literal["p50", "p95"] = "p95"
    max_ratio: float = 1.0
    """candidate / baseline (latency, ttft and cost guards)."""
    line: int | None = None


class SlicesSpec(Struct, frozen=True, kw_only=True):
    """When a slice may block."""

    min_n: int = 30
    max_drop: float = 10.0
    weights: Mapping[str, float] | None = None
    """The production mix: `column=value` → share of the traffic, of one column, summing to 1."""
    line: int | None = None


class ValiditySpec(Struct, frozen=True, kw_only=True):
    """What evidence must look like before any verdict rests on it."""

    max_error_rate: float = 0.02
    min_pair_coverage: float = 0.98
    min_n: int = 30
    min_clusters: int = 10
    max_truncated: float = 0.05
    line: int | None = None


class GateSpec(Struct, frozen=True, kw_only=True):
    """What it takes to ship."""

    primary: PrimarySpec
    intent: Intent = "quality"
    alpha: float = 0.05
    noninferiority_margin: float = 2.0
    guards: tuple[GuardSpec, ...] = ()
    slices: SlicesSpec = msgspec.field(default_factory=SlicesSpec)
    reuse: ReuseSpec = msgspec.field(default_factory=ReuseSpec)
    validity: ValiditySpec = msgspec.field(default_factory=ValiditySpec)
    require_judge_calibration: bool = True
    """A judge's metric may only decide where the judge was measured against people."""
    line: int | None = None

    @property
    def primary_alpha(self) -> float:
        """What a primary metric is judged at: alpha shared out over uses, and over metrics of which any may pass.

        For one of m to pass, Holm 1979 asks in its first step for alpha / m. Where all must pass nothing is shared out:
        each is tested at alpha and so is their intersection (Berger 1982, Technometrics 24:295).
        """
        shared = self.reuse.alpha(self.alpha)
        return shared / len(self.primary.metrics) if self.primary.require == "any" else shared


class EconomicsSpec(Struct, frozen=True, kw_only=True):
    """What a change costs, as the suite states it. None = it does not say, which is never taken for nothing."""

    requests_per_day: float | None = None
    training_usd: float | None = None
    tuning_hours: float | None = None
    labelling_hours: float | None = None
    usd_per_hour: float | None = None
    hosting_usd_per_day: float | None = None
    """What serving the candidate costs a day beyond its token prices and beyond what the baseline's serving costs."""
    maintenance_share: float = 0.2
    """Share of the tuning hours that upkeep takes every month."""
    max_payback_days: float = 90.0
    line: int | None = None


class RunSpec(Struct, frozen=True, kw_only=True):
    """How to run, which cannot move a score."""

    concurrency: int | None = None
    """None = auto."""
    timeout_s: float = 300.0
    max_usd: float | None = None
    max_requests: int | None = None
    max_tokens: int | None = None


class Suite(Struct, frozen=True, kw_only=True):
    """Everything a run needs to know, read, checked and frozen."""

    name: str
    path: Path
    """suite.yaml itself."""
    root: Path
    """The tree that paths may not leave."""
    description: str = ""
    samples: tuple[Sample, ...]
    is_part: bool = False
    """The data has more rows than these (--limit)."""
    dataset_path: Path
    dataset_sha256: str
    is_locked: bool
    """The suite pins the data's sha256 (and it agreed)."""
    models: Mapping[str, ModelSpec]
    """By role: `baseline`, or several baselines under their own names, then `candidate`."""
    metrics: tuple[MetricSpec, ...]
    gate: GateSpec
    run: RunSpec = msgspec.field(default_factory=RunSpec)
    economics: EconomicsSpec | None = None
    training_data: tuple[Path, ...] = ()
    contamination: CheckAction = "clean"
    """What to do about held-out samples found in the training data."""
    hygiene: Hygiene = msgspec.field(default_factory=Hygiene)
    checks: tuple[CheckSpec, ...] = ()
    """Further looks at the evidence, by plug-ins."""
    truncated: Literal["unscored", "wrong"] = "unscored"
    declared: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)
    """The document as written (after --set), for fingerprints, resume diffs and lineage."""
    digests: Mapping[str, str] = msgspec.field(default_factory=dict)
    """sha256 of every file the suite reads (prompts, schemas, shots, data), by path relative to `root`."""
    warnings: tuple[str, ...] = ()
    """Things the author should know that do not stop a run (say, a key this version does not act on)."""

    @property
    def baselines(self) -> tuple[str, ...]:
        """The roles the candidate has to beat, in the suite's order."""
        return tuple(role for role in self.models if role not in {CANDIDATE, AGAIN})

    def against(self, baseline: str, other: str = CANDIDATE) -> Suite:
        """This suite as a comparison of two: `baseline` and `other` under the roles `baseline` and `candidate`."""
        return structs.replace(self, models={BASELINE: self.models[baseline], CANDIDATE: self.models[other]})
