"""The shape of suite.yaml: every key, its type, its default and its bounds. Nothing here touches a file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from evalkit import __version__

BUILT_IN_BACKENDS = frozenset({"local", "outputs", "openai_compatible"})
LATER_BACKENDS = frozenset({"openai", "anthropic", "vllm"})
SIDE_KEYS = frozenset({"backend", "price", "system", "prompt", "messages", "fewshot", "generation"})
"""Keys every model entry may have."""
BACKEND_KEYS = {
    "local": frozenset({"model", "adapter", "slots", "context", "threads"}),
    "outputs": frozenset({"path", "model"}),
    "openai_compatible": frozenset(
        {"model", "base_url", "api_key_env", "allow_http", "extra_body", "max_tokens_field"}
    ),
}
"""What each built-in backend reads besides SIDE_KEYS; a plug-in's keys are its own business."""
GUARD_KINDS = ("metric", "latency", "cost")
VERSION = ".".join(__version__.split(".")[:2])
"""The version that messages about later features name."""
MISTAKEN_FOR_SHARES = 0.5
"""A positive `min_delta` below this many points is a share by mistake: no suite gates on a tenth of a point."""

Text = Annotated[str, Field(min_length=1, max_length=4096)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Amount = Annotated[float, Field(ge=0.0, le=1e12)]
"""Of money, hours, days or requests; the bound keeps sums and products finite."""
Rate = Annotated[float, Field(ge=0.0, le=1e9)]
"""USD per 1M tokens, bounded for the same reason."""
Points = Annotated[float, Field(ge=0.0, le=100.0)]


class Section(BaseModel):
    """A mapping of the suite: no unknown keys, no coercion, no infinities."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _is_name(value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff]", value) or value.strip(" .") != value:
        raise ValueError("must be a plain name: no slashes, no control characters, no dots or blanks at its ends")
    return value


def _is_sha256(value: str) -> str:
    if re.fullmatch(r"[0-9a-f]{64}", value) is None:
        raise ValueError("must be 64 hex digits in lower case | `evalkit lock SUITE` writes it")
    return value


def _is_variable(value: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", value) is None or value.startswith(("sk_", "hf_", "gsk_")):
        raise ValueError("must be the name of an environment variable, never a key itself | say OPENAI_API_KEY")
    return value


def _is_endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or any(ord(c) <= ord(" ") for c in value):
        raise ValueError("must be an address such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a login | put the key in an environment variable and name it in api_key_env")
    if parts.query or parts.fragment:
        raise ValueError("must not carry a query or a fragment")
    return value


def _is_concurrency(value: Any) -> Any:
    if value == "auto" or value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be auto or a whole number of at least 1")
    return value


def _is_points(value: float) -> float:
    if 0 < value < MISTAKEN_FOR_SHARES:
        raise ValueError(f"{value:g} points; did you mean {100 * value:.1f}? | points count from 0 to 100")
    return value


def _is_kind(value: Any) -> Any:
    if isinstance(value, str) and value not in GUARD_KINDS:
        available = f"available: {', '.join(GUARD_KINDS)}"
        raise ValueError(f"a guard of kind '{value[:60]}' is not available in evalkit {VERSION}; {available}")
    return value


class Fewshot(Section):
    """Worked examples shown before the question."""

    path: Text
    k: Annotated[int, Field(ge=1, le=1000)]
    seed: int = 0


class Dataset(Section):
    """The held-out samples and how to read them."""

    path: Text
    sha256: Annotated[str, AfterValidator(_is_sha256)] | None = None
    id: Text | None = None
    messages: Text | None = None
    system: str | None = None
    prompt: str | None = None
    fewshot: Fewshot | None = None
    target: Text | None = None
    cluster: Text | None = None
    time: Text | None = None
    slices: list[Text] = Field(default_factory=list)


class Price(Section):
    """USD per 1M tokens."""

    input: Rate
    output: Rate
    cached: Rate | None = None
    as_of: Text | None = None


class Generation(Section):
    """Decoding; a model entry may override any part of it."""

    temperature: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 256
    seed: int | None = 7
    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    response_schema: Text | None = None


class Side(Section):
    """One entry of `models:`. Keys beyond these belong to its backend."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    backend: Text
    model: Text | None = None
    adapter: Text | None = None
    path: Text | None = None
    base_url: Annotated[str, AfterValidator(_is_endpoint)] | None = None
    api_key_env: Annotated[str, AfterValidator(_is_variable)] | None = None
    price: Price | None = None
    system: str | None = None
    prompt: str | None = None
    messages: Text | None = None
    fewshot: Fewshot | None = None
    generation: Generation | None = None


class MetricEntry(Section):
    """One entry of `metrics:`. Keys beyond these are the metric's options."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    name: Annotated[Text, AfterValidator(_is_name)]
    type: Text
    field: Text | None = None


class Primary(Section):
    """The one metric the gate decides on."""

    metric: Text
    min_delta: Annotated[Points, AfterValidator(_is_points)] = 5.0
    evidence: Literal["positive", "margin", "none"] = "positive"
    unresolved: Literal["dont_ship", "inconclusive"] = "dont_ship"


class GuardEntry(Section):
    """Something that must not get worse."""

    kind: Annotated[Literal["metric", "latency", "cost"], BeforeValidator(_is_kind)] = "metric"
    metric: Text | None = None
    suite: Text | None = None
    margin: Points | None = None
    mode: Literal["noninferiority", "no_confirmed_regression"] = "noninferiority"
    on_unresolved: Literal["warn", "inconclusive"] = "warn"
    stat: Literal["p50", "p95"] = "p95"
    max_ratio: Annotated[float, Field(gt=0.0)] | None = None

    @model_validator(mode="after")
    def _keys_fit_kind(self) -> Self:
        given = self.model_fields_set
        if self.kind == "metric" and self.metric is None:
            raise ValueError("a metric guard names its `metric`")
        allowed = {
            "metric": {"metric", "suite", "margin", "mode"},
            "latency": {"stat", "max_ratio"},
            "cost": {"max_ratio"},
        }
        odd = sorted(given - allowed[self.kind] - {"kind", "on_unresolved"})
        if odd:
            raise ValueError(
                f"a {self.kind} guard has no `{odd[0]}` | it knows {', '.join(sorted(allowed[self.kind]))}"
            )
        return self


class Slices(Section):
    """When a slice may block."""

    min_n: Annotated[int, Field(ge=1)] = 30
    max_drop: Points = 10.0
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
            raise ValueError("bonferroni shares alpha out over `max_uses` | {policy: bonferroni, max_uses: 20}")
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
    noninferiority_margin: Points = 2.0
    reuse: Annotated[Reuse, BeforeValidator(_as_mapping, json_schema_input_type=Literal["warn", "sealed"] | Reuse)] = (
        Field(default_factory=Reuse)
    )
    guards: list[GuardEntry] = Field(default_factory=list)
    slices: Slices = Field(default_factory=Slices)
    validity: Validity = Field(default_factory=Validity)


class Contamination(Section):
    """What to do about held-out rows that stand in the training data."""

    action: Literal["fail", "clean", "warn"] = "clean"


class CheckEntry(Section):
    """A check that an installed package brings. Keys beyond these are the check's options."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    type: Text
    action: Literal["fail", "clean", "warn"] = "warn"


class Freshness(Section):
    """How old held-out data may be."""

    max_age_days: Annotated[float, Field(gt=0.0)] | None = None
    production: Text | None = None


class Checks(Section):
    """Looks at the data itself."""

    training_data: list[Text] = Field(default_factory=list)
    contamination: Contamination = Field(default_factory=Contamination)
    group_keys: list[Text] = Field(default_factory=list)
    freshness: Freshness | None = None
    plugins: list[CheckEntry] = Field(default_factory=list)


class Economics(Section):
    """What the change costs and saves."""

    requests_per_day: Amount | None = None
    training_usd: Amount | None = None
    tuning_hours: Amount | None = None
    labelling_hours: Amount | None = None
    usd_per_hour: Amount | None = None
    hosting_usd_per_day: Annotated[float, Field(ge=-1e12, le=1e12)] | None = None
    maintenance_share: Share | None = None
    max_payback_days: Amount | None = None


class Run(Section):
    """How to run, which cannot move a score."""

    concurrency: Annotated[
        int | None,
        BeforeValidator(_is_concurrency, json_schema_input_type=Literal["auto"] | int),
    ] = None
    timeout_s: Annotated[float, Field(gt=0.0)] = 300.0
    max_usd: Annotated[float, Field(ge=0.0)] | None = None
    max_requests: Annotated[int, Field(ge=0)] | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None


class Models(Section):
    """The two sides of the comparison."""

    baseline: Side
    candidate: Side
    baselines: Any = None


class SuiteFile(Section):
    """A whole suite.yaml."""

    version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_is_name)]
    description: str = ""
    dataset: Dataset
    models: Models
    generation: Generation = Field(default_factory=Generation)
    metrics: Annotated[list[MetricEntry], Field(min_length=1)]
    gate: Gate
    checks: Checks = Field(default_factory=Checks)
    economics: Economics | None = None
    run: Run = Field(default_factory=Run)
    truncated: Literal["unscored", "wrong"] = "unscored"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of suite.yaml, for editors."""
    schema = SuiteFile.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "evalkit suite"}
