"""The shape of a judge's YAML file: every key, its type, its default and its bounds. Nothing here touches a file."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from evalkit.suites.fields import OpenSection, Section, Share, Text, is_endpoint, is_name, is_variable
from evalkit.suites.side_schema import Price

SCHEMA = "evalkit.judge/1"
Input = Literal["question", "context", "reference", "output"]
MAX_MARKS = 10


def _is_odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd, so that the votes have a middle one | say 3")
    return value


class JudgeModel(OpenSection):
    """The model that grades. Keys beyond these belong to its backend."""

    backend: Text
    model: Text | None = None
    adapter: Text | None = None
    path: Text | None = None
    base_url: Annotated[str, AfterValidator(is_endpoint)] | None = None
    api_key_env: Annotated[str, AfterValidator(is_variable)] | None = None
    price: Price | None = None
    temperature: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 900
    seed: int | None = 7


def _as_scale(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class Scale(Section):
    """What may be answered: pass or fail, a mark between two ends, or (pairwise) which of two is better."""

    kind: Literal["pass_fail", "marks", "preference"] = "marks"
    min: Annotated[int, Field(ge=0, le=100)] | None = None
    max: Annotated[int, Field(ge=0, le=100)] | None = None

    @model_validator(mode="after")
    def _has_steps(self) -> Self:
        if self.kind != "marks":
            return self
        if self.min is None or self.max is None or not 1 <= self.max - self.min < MAX_MARKS:
            raise ValueError(f"a scale has `min` and, 1 to {MAX_MARKS - 1} above it, `max` | say {{min: 1, max: 5}}")
        return self

    @property
    def marks(self) -> range:
        """Every mark from end to end; none where there are no marks."""
        return range(self.min or 0, (self.max or 0) + 1) if self.kind == "marks" else range(0)


class CriterionEntry(Section):
    """One question of the rubric."""

    id: Annotated[Text, AfterValidator(is_name)]
    weight: Annotated[float, Field(gt=0.0, le=1e6)] = 1.0
    scale: Annotated[
        Scale | None,
        BeforeValidator(_as_scale, json_schema_input_type=Literal["pass_fail", "preference"] | Scale),
    ] = None
    question: Text
    pass_text: Annotated[str | None, Field(alias="pass")] = None
    fail_text: Annotated[str | None, Field(alias="fail")] = None
    anchors: dict[str, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_its_scale(self) -> Self:
        kind = "pass_fail" if self.scale is None else self.scale.kind
        if kind != "pass_fail" and not (self.pass_text is None and self.fail_text is None):
            raise ValueError("`pass` and `fail` go with scale: pass_fail | what marks stand for is told by `anchors`")
        if kind != "marks" and self.anchors:
            raise ValueError("`anchors` go with a scale of marks | scale: {min: 1, max: 5}")
        marks = [str(mark) for mark in (self.scale.marks if self.scale else ())]
        if marks and (wrong := sorted(set(self.anchors) - set(marks))):
            raise ValueError(f"anchors: {wrong[0]!r} is no mark from {marks[0]} to {marks[-1]}")
        if marks and (missing := {marks[0], marks[-1]} - set(self.anchors)):
            raise ValueError(
                f"anchors: say at least what {marks[0]} and {marks[-1]} stand for; {min(missing)} is missing"
            )
        return self


class Limits(Section):
    """How much of a text the judge is shown."""

    output_chars: Annotated[int, Field(ge=1, le=1_000_000)] = 8000
    on_truncate: Literal["mark", "unscored"] = "mark"


class Agreement(Section):
    """How well the judge has to agree with people."""

    stat: Literal["gwet_ac1", "cohen_kappa", "krippendorff_alpha"] = "gwet_ac1"
    min: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.60
    also: list[Literal["gwet_ac1", "cohen_kappa", "krippendorff_alpha"]] = Field(default_factory=list)
    max_gap_to_human_human: Annotated[float, Field(ge=0.0, le=2.0)] = 0.10


class Calibration(Section):
    """Labels of people, and what they have to show before a gate may rest on this judge."""

    labels: Text | None = None
    min_items: Annotated[int, Field(ge=1)] = 100
    min_per_class: Annotated[int, Field(ge=1)] = 30
    agreement: Agreement = Field(default_factory=Agreement)
    min_sensitivity: Share = 0.80
    min_specificity: Share = 0.80
    max_age_days: Annotated[float, Field(gt=0.0)] = 90.0


class Probes(Section):
    """What the judge has to show under probing, in shares of probes."""

    identity_tie_min: Share = 0.95
    swap_consistency_min: Share = 0.80
    first_position_max_dev: Share = 0.05
    length_pad_max_gain: Share = 0.03
    style_max_gain: Share = 0.05
    master_key_max_pass: Share = 0.01
    injection_max_flip: Share = 0.01
    corrupted_ref_min_detect: Share = 0.90
    retest_flip_max: Share = 0.05
    self_preference_max_win: Share = 0.60


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Chosen(Section):
    """What a suite may say about a judge in place of its file."""

    model: JudgeModel | None = None
    panel: list[JudgeModel] | None = None
    votes: Annotated[int, Field(ge=1, le=99), AfterValidator(_is_odd)] | None = None
    retest: Share | None = None


class MetricOptions(Chosen):
    """The keys of an entry `type: judge` in a suite's `metrics:`, besides name and type."""

    judge: Text
    inputs: dict[Literal["question", "context", "reference"], Text] = Field(default_factory=dict)
    teacher: Text | None = None


class JudgeFile(Chosen):
    """A whole judge."""

    schema_name: Annotated[Literal["evalkit.judge/1"], Field(alias="schema")]
    id: Annotated[Text, AfterValidator(is_name)]
    version: Annotated[Text, BeforeValidator(_as_text, json_schema_input_type=str)] = "1"
    description: str = ""
    mode: Literal["rubric", "reference", "pairwise"] = "rubric"
    forbid_families: list[Literal["candidate", "teacher"]] = Field(default=["candidate", "teacher"])
    inputs: Annotated[list[Input], Field(min_length=1)] = Field(default=["question", "output"])
    limits: Limits = Field(default_factory=Limits)
    criteria: Annotated[list[CriterionEntry], Field(min_length=1, max_length=20)]
    aggregate: Literal["weighted_mean"] = "weighted_mean"
    hard_fail: list[Text] = Field(default_factory=list)
    system: Annotated[str, Field(max_length=20_000)] | None = None
    constrained: bool = True
    calibration: Calibration | None = None
    probes: Probes = Field(default_factory=Probes)


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a judge's file, for editors."""
    schema = JudgeFile.model_json_schema(mode="validation", by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "evalkit judge"}
