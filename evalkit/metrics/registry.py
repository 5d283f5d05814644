"""From a suite's entry to a metric that scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import cast

from evalkit.errors import Diagnostic, UsageError
from evalkit.metrics.catalogue import known_types
from evalkit.metrics.classification import build_classification
from evalkit.metrics.fields import build_fields
from evalkit.metrics.match import build_match
from evalkit.metrics.numeric import build_numeric
from evalkit.metrics.options import check_names, listed, suggestion
from evalkit.metrics.overlap import build_token_f1
from evalkit.metrics.refusal import build_refusal
from evalkit.metrics.rouge import build_rouge
from evalkit.metrics.rules import build_contains, build_length, build_regex
from evalkit.metrics.similarity import build_edit_similarity
from evalkit.metrics.sql import build_sql
from evalkit.metrics.structure import build_json_schema
from evalkit.metrics.tool_calls import build_tool_call
from evalkit.metrics.translation import build_bleu, build_chrf
from evalkit.protocols import Metric
from evalkit.types import MetricSpec, Sample

Factory = Callable[[MetricSpec, Sequence[Sample]], object]

FACTORIES: Mapping[str, Factory] = MappingProxyType(
    {
        "accuracy": lambda spec, _: build_match(spec),
        "balanced_accuracy": build_classification,
        "bleu": lambda spec, _: build_bleu(spec),
        "chrf": lambda spec, _: build_chrf(spec),
        "contains": lambda spec, _: build_contains(spec),
        "edit_similarity": lambda spec, _: build_edit_similarity(spec),
        "exact_match": lambda spec, _: build_match(spec),
        "f1": build_classification,
        "fields": lambda spec, _: build_fields(spec),
        "json_schema": lambda spec, _: build_json_schema(spec),
        "kappa": build_classification,
        "length": lambda spec, _: build_length(spec),
        "mcc": build_classification,
        "not_contains": lambda spec, _: build_contains(spec),
        "numeric": lambda spec, _: build_numeric(spec),
        "precision": build_classification,
        "recall": build_classification,
        "refusal": lambda spec, _: build_refusal(spec),
        "regex": lambda spec, _: build_regex(spec),
        "rouge": lambda spec, _: build_rouge(spec),
        "sql": lambda spec, _: build_sql(spec),
        "token_f1": lambda spec, _: build_token_f1(spec),
        "tool_call": build_tool_call,
    }
)


def build(spec: MetricSpec, samples: Sequence[Sample]) -> Metric:
    """The metric one entry of `metrics:` describes, for the samples it will score.

    Metrics of the whole set (f1, bleu …) have `statistic` besides `score`; see `evalkit.protocols.CorpusMetric`. Raises
    UsageError, at the entry's line, for an unknown type and for options the type cannot act on.
    """
    factory = FACTORIES.get(spec.type)
    if factory is None:
        fix = suggestion(spec.type, known_types()) or f"there are {listed(known_types())}"
        message = f"metric '{spec.name}', type: no metric is called '{spec.type}'"
        raise UsageError(diagnostics=(Diagnostic(message=message, line=spec.line, help=fix),))
    check_names(spec)
    # The protocol's `name` is declared as a variable; ours are frozen, which mypy takes for a contradiction.
    return cast("Metric", factory(spec, samples))
