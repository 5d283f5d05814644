"""The shape of `gate:` in suite.yaml: what it takes to ship, and what must not get worse."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from evalkit.suites.fields import VERSION, Points, Section, Share, Text, is_margin, is_points, is_ratio

Margin = Annotated[Points, AfterValidator(is_margin)]
"""Points that may be lost."""
GUARD_KINDS = ("metric", "latency", "ttft", "cost", "zero_tolerance")

MUST_PASS = ("samples", "ids", "slice", "suite")
"""The ways in which a zero-tolerance guard says what must pass."""


def _is_kind(value: Any) -> Any:
    if isinstance(value, str) and value not in GUARD_KINDS:
        available = f"available: {', '.join(GUARD_KINDS)}"
        raise ValueError(f"a guard of kind '{value[:60]}' is not available in evalkit {VERSION}; {available}")
    return value


class Primary(Section):
    """The metric the gate decides on, or several."""

    metric: Text | None = None
    metrics: Annotated[list[Text], Field(min_length=2, max_length=20)] | None = None
    require: Literal["all", "any"] | None = None
    min_delta: Annotated[Points, AfterValidator(is_points)] = 5.0
    evidence: Literal["positive", "margin", "none"] = "positive"
    unresolved: Literal["dont_ship", "inconclusive"] = "dont_ship"

    @model_validator(mode="after")
    def _names_its_metrics(self) -> Self:
        if (self.metric is None) == (self.metrics is None):
            example = "metric: exact, or metrics: [exact, schema] with require: all"
            raise ValueError(f"name the metric that decides | {example}")
        if self.metrics is None and self.require is not None:
            raise ValueError("`require` is about several metrics | metrics: [exact, schema]")
        if self.metrics is not None and self.require is None:
            raise ValueError("how many of these metrics must pass? | require: all, or require: any")
        if self.metrics is not None and len(set(self.metrics)) < len(self.metrics):
            raise ValueError("a metric is named twice in `metrics`")
        return self


class GuardEntry(Section):
    """Something that must not get worse."""

    kind: Annotated[
        Literal["metric", "latency", "ttft", "cost", "zero_tolerance"],
        BeforeValidator(_is_kind),
    ] = "metric"
    metric: Text | None = None
    suite: Text | None = None
    samples: Text | None = None
    ids: Annotated[list[Text], Field(min_length=1)] | None = None
    slice: Text | None = None
    margin: Margin | None = None
    mode: Literal["noninferiority", "no_confirmed_regression"] = "noninferiority"
    on_unresolved: Literal["warn", "inconclusive"] | None = None
    stat: Literal["p50", "p95"] = "p95"
    max_ratio: Annotated[float, Field(gt=0.0), AfterValidator(is_ratio)] | None = None

    @model_validator(mode="after")
    def _keys_fit_kind(self) -> Self:
        given = self.model_fields_set
        if self.kind in {"metric", "zero_tolerance"} and self.metric is None:
            raise ValueError(f"a {self.kind} guard names its `metric`")
        allowed = {
            "metric": {"metric", "suite", "margin", "mode"},
            "latency": {"stat", "max_ratio"},
            "ttft": {"stat", "max_ratio"},
            "cost": {"max_ratio"},
            "zero_tolerance": {"metric", *MUST_PASS},
        }
        odd = sorted(given - allowed[self.kind] - {"kind", "on_unresolved"})
        if odd:
            raise ValueError(
                f"a {self.kind} guard has no `{odd[0]}` | it knows {', '.join(sorted(allowed[self.kind]))}"
            )
        if self.kind == "zero_tolerance" and sum(getattr(self, key) is not None for key in MUST_PASS) != 1:
            raise ValueError(
                "a zero_tolerance guard says in one way which samples must pass | samples: must_pass.jsonl, "
                "ids: [t-17, t-22], slice: critical=yes or suite: ../jailbreaks/suite.yaml"
            )
        return self


class Slices(Section):
    """When a slice may block."""

    min_n: Annotated[int, Field(ge=1)] = 30
    max_drop: Margin = 10.0
    weights: Annotated[dict[str, Share], Field(min_length=1)] | None = None


def _as_mapping(value: Any) -> Any:
    return {"policy": value} if isinstance(value, str) else value


class Reuse(Section):
    """What may be done when the same samples judge several candidates."""

    policy: Literal["warn", "bonferroni", "sealed"] = "warn"
    max_uses: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _knows_its_uses(self) -> Self:
        if self.policy == "bonferroni" and self.max_uses is None:
            raise ValueError("bonferroni shares alpha out over `max_uses` | say {policy: bonferroni, max_uses: 20}")
        if self.policy != "bonferroni" and self.max_uses is not None:
            raise ValueError(f"`max_uses` belongs to the policy bonferroni, not to {self.policy}")
        return self


class Validity(Section):
    """What evidence must look like before any verdict rests on it."""

    max_error_rate: Share = 0.02
    min_pair_coverage: Share = 0.98
    min_n: Annotated[int, Field(ge=1)] = 30
    min_clusters: Annotated[int, Field(ge=1)] = 10
    max_truncated: Share = 0.05


class Gate(Section):
    """What it takes to ship."""

    intent: Literal["quality", "cost", "regression"] = "quality"
    alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    primary: Primary
    noninferiority_margin: Margin = 2.0
    reuse: Annotated[Reuse, BeforeValidator(_as_mapping, json_schema_input_type=Literal["warn", "sealed"] | Reuse)] = (
        Field(default_factory=Reuse)
    )
    guards: list[GuardEntry] = Field(default_factory=list)
    slices: Slices = Field(default_factory=Slices)
    validity: Validity = Field(default_factory=Validity)
    require_judge_calibration: bool = True
