"""From a suite's entry to a metric that scores."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from evalkit.errors import Diagnostic, UsageError
from evalkit.metrics.catalogue import known_types
from evalkit.metrics.options import check_names, listed, suggestion
from evalkit.protocols import Metric
from evalkit.types import MetricSpec, Sample

BUILDERS: Mapping[str, str] = MappingProxyType(
    {
        "accuracy": "match.build_match",
        "balanced_accuracy": "classification.build_classification",
        "bleu": "translation.build_bleu",
        "chrf": "translation.build_chrf",
        "contains": "rules.build_contains",
        "edit_similarity": "similarity.build_edit_similarity",
        "exact_match": "match.build_match",
        "f1": "classification.build_classification",
        "fields": "fields.build_fields",
        "hf_evaluate": "hf_evaluate.build_hf_evaluate",
        "json_schema": "structure.build_json_schema",
        "kappa": "classification.build_classification",
        "language": "language.build_language",
        "length": "rules.build_length",
        "mcc": "classification.build_classification",
        "not_contains": "rules.build_contains",
        "numeric": "numeric.build_numeric",
        "precision": "classification.build_classification",
        "recall": "classification.build_classification",
        "refusal": "refusal.build_refusal",
        "regex": "rules.build_regex",
        "rouge": "rouge.build_rouge",
        "sql": "sql.build_sql",
        "token_f1": "overlap.build_token_f1",
        "tool_call": "tool_calls.build_tool_call",
    }
)
"""By type: the module of this room and the function in it. A run loads the modules of the metrics it uses only."""
_SEE_SAMPLES = frozenset({"classification.build_classification", "tool_calls.build_tool_call"})
"""Builders that look at the samples, too: at their labels, say."""


def build(spec: MetricSpec, samples: Sequence[Sample]) -> Metric:
    """The metric one entry of `metrics:` describes, for the samples it will score.

    Metrics of the whole set (f1, bleu …) have `statistic` besides `score`; see `evalkit.protocols.CorpusMetric`. Raises
    UsageError, at the entry's line, for an unknown type and for options the type cannot act on.
    """
    found = BUILDERS.get(spec.type)
    if found is None:
        fix = suggestion(spec.type, known_types()) or f"there are {listed(known_types())}"
        message = f"metric '{spec.name}', type: no metric is called '{spec.type}'"
        raise UsageError(diagnostics=(Diagnostic(message=message, line=spec.line, help=fix),))
    check_names(spec)
    module, function = found.split(".")
    builder = getattr(importlib.import_module(f"evalkit.metrics.{module}"), function)
    return cast("Metric", builder(spec, samples) if found in _SEE_SAMPLES else builder(spec))
