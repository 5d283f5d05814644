"""`evalkit schema`: what the files look like, for editors and scripts."""

from __future__ import annotations

from typing import Any

from evalkit.errors import UsageError
from evalkit.judging.schema import json_schema as judge_schema
from evalkit.report.document import SCHEMA
from evalkit.suites.schema import json_schema as suite_schema
from evalkit.types import EXIT_CODES


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema called `name`: suite, judge or verdict. Raises UsageError for another."""
    match name:
        case "suite":
            return suite_schema()
        case "judge":
            return judge_schema()
        case "verdict":
            return _verdict()
        case _:
            raise UsageError(f"there is no schema called {name!r}; there are suite, judge and verdict")


def _verdict() -> dict[str, Any]:
    number = {"type": ["number", "null"]}
    reason = {
        "type": "object",
        "required": ["code", "blocking", "detail"],
        "properties": {"code": {"type": "string"}, "blocking": {"type": "boolean"}, "detail": {"type": "string"}},
    }
    points = ("baseline_points", "candidate_points", "delta_points", "lower_points", "upper_points")
    primary = {
        "type": "object",
        "required": ["metric", "n", "n_clusters", *points],
        "properties": {"metric": {"type": "string"}, "n": {"type": "integer"}, "n_clusters": {"type": "integer"}}
        | dict.fromkeys(points, number),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "evalkit verdict",
        "type": "object",
        "required": ["schema", "verdict", "exit_code", "suite", "run", "reasons", "primary", "metrics", "guards"],
        "properties": {
            "schema": {"const": SCHEMA},
            "verdict": {"enum": list(EXIT_CODES)},
            "exit_code": {"enum": sorted({*EXIT_CODES.values(), 2, 130})},
            "suite": {"type": "string"},
            "run": {"type": "string"},
            "headline": {"type": "string"},
            "reasons": {"type": "array", "items": reason},
            "primary": primary,
            "metrics": {"type": "array", "items": {"type": "object"}},
            "guards": {"type": "array", "items": {"type": "object"}},
            "slices": {"type": "array", "items": {"type": "object"}},
            "flips": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
    }
