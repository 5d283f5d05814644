"""The shape of `models:` and `generation:` in suite.yaml: who answers, and how it decodes."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from evalkit.suites.fields import OpenSection, Rate, Section, Text, is_endpoint, is_past_day, is_variable
from evalkit.suites.yaml_source import Loc
from evalkit.types import BASELINE, CANDIDATE

BUILT_IN_BACKENDS = frozenset({"local", "outputs", "openai", "anthropic", "openai_compatible", "vllm"})
SIDE_KEYS = frozenset({"backend", "price", "system", "prompt", "messages", "fewshot", "generation"})
"""Keys every model entry may have."""
_HOSTED = frozenset(
    {"model", "base_url", "api_key_env", "allow_http", "extra_body", "leave_out", "batch", "batch_discount", "stream"}
)
BACKEND_KEYS = {
    "local": frozenset({"model", "adapter", "slots", "context", "threads", "stream"}),
    "outputs": frozenset({"path", "model"}),
    "vllm": frozenset({"model", "adapter", "engine", "args", "base_url", "api_key_env", "allow_http", "stream"}),
    "openai_compatible": frozenset(
        {"model", "base_url", "api_key_env", "allow_http", "extra_body", "max_tokens_field", "stream"}
    ),
    "openai": _HOSTED | {"organization", "project", "reasoning"},
    "anthropic": _HOSTED | {"cache", "sampling", "structured"},
}
"""What each built-in backend reads besides SIDE_KEYS; a plug-in's keys are its own business."""
KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
"""Where the key lies when an entry has no `api_key_env`."""


class Fewshot(Section):
    """Worked examples shown before the question."""

    path: Text
    k: Annotated[int, Field(ge=1, le=1000)]
    seed: int = 0


class Price(Section):
    """USD per 1M tokens."""

    input: Rate
    output: Rate
    cached: Rate | None = None
    cache_write: Rate | None = None
    as_of: Annotated[str, AfterValidator(is_past_day)] | None = None


class Generation(Section):
    """Decoding; a model entry may override any part of it."""

    temperature: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 256
    seed: int | None = 7
    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    response_schema: Text | None = None


class Side(OpenSection):
    """One entry of `models:`. Keys beyond these belong to its backend."""

    backend: Text
    model: Text | None = None
    adapter: Text | None = None
    path: Text | None = None
    base_url: Annotated[str, AfterValidator(is_endpoint)] | None = None
    api_key_env: Annotated[str, AfterValidator(is_variable)] | None = None
    price: Price | None = None
    system: str | None = None
    prompt: str | None = None
    messages: Text | None = None
    fewshot: Fewshot | None = None
    generation: Generation | None = None


class Models(Section):
    """The sides of the comparison: `baseline`, or several `baselines` by name, and the candidate."""

    baseline: Side | None = None
    baselines: Annotated[dict[str, Side], Field(min_length=1)] | None = None
    candidate: Side

    def by_role(self) -> dict[str, Side]:
        """Every side by its role, the candidate last."""
        one = {} if self.baseline is None else {BASELINE: self.baseline}
        return {**one, **(self.baselines or {}), CANDIDATE: self.candidate}


def loc_of(role: str) -> Loc:
    """Where the entry of this role stands in the document."""
    return ("models", role) if role in {BASELINE, CANDIDATE} else ("models", "baselines", role)
