"""A finished run as an experiment tracker takes it: parameters, metrics and tags, flat and by name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from evalkit.report.read import Document, number, obj, objects, text
from evalkit.report.text import cleaned

MAX_PARAM = 6000
"""MLflow's longest parameter value: https://mlflow.org/docs/latest/rest-api.html (LogParam)."""
MAX_TAG = 5000
_FORBIDDEN = re.compile(r"[^\w./ -]+")
"""MLflow takes letters, digits, _ - . / and blanks in the names of metrics and parameters."""
MAX_NAME = 250


class Tracked(Struct, frozen=True, kw_only=True):
    """What is logged of one run."""

    name: str
    params: dict[str, str]
    metrics: dict[str, float]
    """Points and seconds and dollars as the names say; what was not measured is absent."""
    tags: dict[str, str]


def tracked(verdict: Document) -> Tracked:
    """Each metric's two levels, difference, bounds and n as metrics, lineage as parameters, the verdict as tags."""
    shown = cleaned(verdict)
    return Tracked(
        name=text(shown, "run") or text(shown, "suite"),
        params={_name(key): value[:MAX_PARAM] for key, value in _params(shown) if value},
        metrics={_name(key): value for key, value in _figures(shown) if value is not None},
        tags={
            "evalkit.verdict": text(shown, "verdict"),
            "evalkit.exit_code": text(shown, "exit_code"),
            "evalkit.suite": text(shown, "suite")[:MAX_TAG],
            "evalkit.run": text(shown, "run")[:MAX_TAG],
            "evalkit.headline": text(shown, "headline")[:MAX_TAG],
        },
    )


def _params(verdict: Document) -> Iterator[tuple[str, str]]:
    provenance = obj(verdict, "provenance")
    yield "suite", text(verdict, "suite")
    yield "intent", text(verdict, "intent")
    yield "primary", text(obj(verdict, "primary"), "metric")
    yield "min_delta", text(obj(verdict, "primary"), "min_delta")
    for key in ("evalkit", "seed", "suite_fingerprint", "data_sha256", "command"):
        yield key, text(provenance, key)
    for side in ("baseline", "candidate"):
        found = obj(obj(verdict, "identity"), side)
        for key in ("served_model", "weights_sha256", "adapter_sha256", "engine", "engine_version"):
            yield f"{side}.{key}", text(found, key)


def _figures(verdict: Document) -> Iterator[tuple[str, float | None]]:
    for found in objects(verdict, "metrics"):
        name = text(found, "metric")
        for key in ("baseline_points", "candidate_points", "delta_points", "lower_points", "upper_points", "n"):
            yield f"{name}.{key}", number(found, key)
    for state in ("held", "regressed", "unresolved", "not_measured"):
        yield f"guards.{state}", float(sum(text(guard, "state") == state for guard in objects(verdict, "guards")))
    for key in ("fixed", "broken", "both_right", "both_wrong", "unscored"):
        yield f"flips.{key}", number(obj(verdict, "flips"), key)
    for side in ("baseline", "candidate"):
        yield f"{side}.p95_s", number(obj(obj(verdict, "latency"), side), "p95_s")
        yield f"{side}.ttft_p95_s", number(obj(obj(obj(verdict, "latency"), "ttft"), side), "p95_s")
        yield f"{side}.usd_per_1000", number(obj(obj(verdict, "cost"), side), "usd_per_1000")


def _name(key: str) -> str:
    return _FORBIDDEN.sub("_", key)[:MAX_NAME]
