"""Which metrics there are and what each may be told. Imports neither numpy nor jsonschema_rs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_OPTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "accuracy": frozenset({"normalize", "extract"}),
        "balanced_accuracy": frozenset({"labels", "normalize", "extract"}),
        "bleu": frozenset({"tokenize", "lowercase", "extract"}),
        "chrf": frozenset({"word_order", "lowercase", "extract"}),
        "contains": frozenset({"text", "match", "whole_words", "normalize", "extract"}),
        "edit_similarity": frozenset({"unit", "max_edits", "normalize", "extract"}),
        "exact_match": frozenset({"normalize", "extract"}),
        "f1": frozenset({"average", "labels", "multilabel", "normalize", "extract"}),
        "fields": frozenset({"measure", "lists", "normalize", "extract"}),
        "hf_evaluate": frozenset({"metric", "key", "kwargs", "scale", "extract"}),
        "json_schema": frozenset({"schema", "extract"}),
        "kappa": frozenset({"labels", "normalize", "extract"}),
        "language": frozenset({"expect", "among", "sure", "extract"}),
        "length": frozenset({"unit", "min", "max", "extract"}),
        "mcc": frozenset({"labels", "normalize", "extract"}),
        "not_contains": frozenset({"text", "whole_words", "normalize", "extract"}),
        "numeric": frozenset({"abs_tol", "rel_tol", "take", "units", "percent", "decimal", "extract"}),
        "precision": frozenset({"average", "labels", "multilabel", "normalize", "extract"}),
        "recall": frozenset({"average", "labels", "multilabel", "normalize", "extract"}),
        "refusal": frozenset({"expect", "phrases", "extract"}),
        "regex": frozenset({"pattern", "expect", "ignore_case", "extract"}),
        "rouge": frozenset({"variant", "measure", "at_least", "words", "stemmer", "extract"}),
        "sql": frozenset({"never_null", "extract"}),
        "token_f1": frozenset({"normalize", "extract"}),
        "tool_call": frozenset({"match", "credit", "tools", "normalize", "extract"}),
    }
)


def known_types() -> tuple[str, ...]:
    """The values `type:` may have, in alphabetical order."""
    return tuple(sorted(_OPTIONS))


def option_names(metric_type: str) -> frozenset[str]:
    """The keys an entry of this type may carry besides `name`, `type` and `field`.

    Raises KeyError for an unknown type.
    """
    return _OPTIONS[metric_type]
