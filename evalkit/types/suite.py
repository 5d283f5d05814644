"""A suite as data: samples, the sides to compare, metrics and the gate. Built by `evalkit.suites.load`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, structs

from evalkit.types.hygiene import Hygiene
from evalkit.types.json import JsonValue
from evalkit.types.outcome import Message, Usage
from evalkit.types.reuse import ReuseSpec

Intent = Literal["quality", "cost", "regression"]
Evidence = Literal["positive", "margin", "none"]
OnUnresolved = Literal["warn", "inconclusive"]
CheckAction = Literal["fail", "clean", "warn"]
"""What a finding means: invalid evidence, a verdict without the samples it names, or a warning."""
GuardMode = Literal["noninferiority", "no_confirmed_regression"]
BASELINE = "baseline"
"""The role of a suite's one baseline; of several, what stands for the one that is looked at."""
CANDIDATE = "candidate"
AGAIN = "baseline again"
"""The first baseline, asked a second time to see how far it moves by itself."""


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


class Price(Struct, frozen=True, kw_only=True):
    """USD per 1M tokens on a date."""

    input: float
    output: float
    cached: float | None = None
    """Of input read from the provider's prompt cache; None: as other input."""
    cache_write: float | None = None
    """Of input written into that cache; None: as other input."""
    as_of: str | None = None
    batch_factor: float | None = None
    """What the prices above were multiplied by because the answers come in batches; None where they do not."""

    def usd(self, usage: Usage) -> float | None:
        """What an answer with these counts costs; None where the server did not count.

        >>> price = Price(input=3.0, output=15.0, cached=0.3)
        >>> price.usd(Usage(input_tokens=1000, output_tokens=100, cached_tokens=900))
        0.00207
        """
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        read = usage.cached_tokens or 0 if self.cached is not None else 0
        written = usage.cache_write_tokens or 0 if self.cache_write is not None else 0
        asked = (usage.input_tokens - read - written) * self.input
        kept = read * (self.cached or 0.0) + written * (self.cache_write or 0.0)
        return (asked + kept + usage.output_tokens * self.output) / 1e6


class Prompt(Struct, frozen=True, kw_only=True):
    """How a sample becomes messages for one side. All texts are already read from their files."""

    system: str | None = None
    template: str | None = None
    """jinja2 over the row's fields; becomes the user turn."""
    messages_field: str | None = None
    """Or: dotted path to a chat column; its turns up to the last user turn are sent."""
    shots: tuple[tuple[Message, ...], ...] = ()
    """Few-shot examples, each a user turn and an assistant turn."""


class Generation(Struct, frozen=True, kw_only=True):
    """Decoding as the suite asks for it."""

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int | None = 7
    repeats: int = 1
    response_schema: Mapping[str, JsonValue] | None = None


class ModelSpec(Struct, frozen=True, kw_only=True):
    """One side of the comparison. Holds the name of a key's environment variable, never a key."""

    role: str
    backend: str
    model: str | None = None
    adapter: Path | None = None
    path: Path | None = None
    """`outputs`: the file of recorded answers."""
    base_url: str | None = None
    api_key_env: str | None = None
    options: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)
    """Backend-specific keys (`engine`, `args`, `batch`, a plug-in's own)."""
    price: Price | None = None
    prompt: Prompt = msgspec.field(default_factory=Prompt)
    generation: Generation = msgspec.field(default_factory=Generation)
    line: int | None = None
    """Where the entry stands in suite.yaml."""

    @property
    def place(self) -> str:
        """Its key in suite.yaml: `models.candidate`, `models.baselines.rag`."""
        return f"models.{self.role}" if self.role in {BASELINE, CANDIDATE} else f"models.baselines.{self.role}"


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
