"""The shape of suite.yaml: every key, its type, its default and its bounds. Nothing here touches a file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from evalkit.suites.checks_schema import Checks
from evalkit.suites.fields import Amount, OpenSection, Section, Share, Text, is_concurrency, is_name, is_sha256
from evalkit.suites.gate_schema import Gate
from evalkit.suites.side_schema import Fewshot, Generation, Models


class Dataset(Section):
    """The held-out samples and how to read them."""

    path: Text
    sha256: Annotated[str, AfterValidator(is_sha256)] | None = None
    id: Text | None = None
    messages: Text | None = None
    system: str | None = None
    prompt: str | None = None
    fewshot: Fewshot | None = None
    target: Text | None = None
    cluster: Text | None = None
    time: Text | None = None
    slices: list[Text] = Field(default_factory=list)


class MetricEntry(OpenSection):
    """One entry of `metrics:`. Keys beyond these are the metric's options."""

    name: Annotated[Text, AfterValidator(is_name)]
    type: Text
    field: Text | None = None


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
        BeforeValidator(is_concurrency, json_schema_input_type=Literal["auto"] | int),
    ] = None
    timeout_s: Annotated[float, Field(gt=0.0)] = 300.0
    max_usd: Annotated[float, Field(ge=0.0)] | None = None
    max_requests: Annotated[int, Field(ge=0)] | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None


class SuiteFile(Section):
    """A whole suite.yaml."""

    version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(is_name)]
    description: str = ""
    dataset: Dataset
    models: Models
    prices: Text | None = None
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
