"""`economics:` as a spec, and what in it would leave the question of payback open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalkit.suites.schema import Economics
from evalkit.types import EconomicsSpec, GateSpec, ModelSpec


def build_economics(section: Economics | None, line: int | None) -> EconomicsSpec | None:
    """The section with its defaults filled in; None when the suite has none."""
    if section is None:
        return None
    given = {key: value for key, value in section.model_dump().items() if value is not None}
    return EconomicsSpec(**given, line=line)


def economics_warnings(spec: EconomicsSpec | None, gate: GateSpec, models: Mapping[str, ModelSpec]) -> Iterator[str]:
    """What the author should know before anything is asked: what keeps a payback from being worked out."""
    is_asked = gate.intent == "cost"
    if spec is None and not is_asked:
        return
    missing = [f"{model.place}.price" for model in models.values() if model.price is None]
    missing += _missing(spec)
    if missing:
        what = "gate.intent: cost cannot end in SHIP" if is_asked else "no payback can be worked out"
        yield f"Without {' and '.join(missing)}, {what}: an unknown cost is unknown, not zero."


def _missing(spec: EconomicsSpec | None) -> Iterator[str]:
    if spec is None:
        yield "economics"
        return
    if spec.requests_per_day is None:
        yield "economics.requests_per_day"
    if spec.training_usd is None and spec.tuning_hours is None and spec.labelling_hours is None:
        yield "economics.training_usd (or tuning_hours, labelling_hours)"
    if spec.usd_per_hour is None and (spec.tuning_hours or spec.labelling_hours):
        yield "economics.usd_per_hour"
